// SPDX-License-Identifier: Apache-2.0
//! Bytes for the client, until the socket takes them.
//!
//! In: frames, and how much the socket took. Out: who has to wait, and whom to wake.

use std::task::Context;

use super::{connection::Codec, floods::Flood, frame};

impl Codec {
    /// Bytes for the client.
    pub(crate) fn output(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// The client's socket took so many of them.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.out.len() {
            // An idle connection holds no buffer.
            super::spare::put(std::mem::take(&mut self.out));
            self.sent = 0;
        } else if self.sent * 2 >= self.out.len() {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        // However little the client's window has left: it may say more only when that is used up.
        if self.held() * 2 <= OUTPUT && self.outbound.room() > 0 {
            self.wake_waiting();
        }
    }

    /// The buffer to write frames into.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = super::spare::take();
        }
        &mut self.out
    }

    /// Bytes of body that may be put into the output now.
    pub(super) fn room(&self) -> usize {
        let room = OUTPUT.saturating_sub(self.held());
        room.min(self.outbound.room())
    }

    /// What the client did too much of, if that ended its connection.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.floods.over
    }

    /// The client reads so little that it has to be left unread as well: heads and answers to its
    /// frames go out without waiting for room.
    pub(crate) fn congested(&self) -> bool {
        self.held() >= OUTPUT * 2
    }

    /// Bytes that wait for the socket.
    fn held(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Streams that wait for room look again.
    pub(super) fn wake_waiting(&mut self) {
        for place in &self.waiting {
            self.streams.look(*place).wake();
        }
    }

    /// Tells the peer of more room, on a stream or the connection.
    pub(super) fn update(&mut self, stream: u32, by: Option<u32>) {
        if let Some(by) = by {
            frame::push(
                frame::WINDOW_UPDATE,
                0,
                stream,
                &by.to_be_bytes(),
                self.out(),
            );
            self.wake();
        }
    }

    /// The task that owns the connection is here, and sends whatever there is before it rests.
    pub(crate) fn watch(&mut self, cx: &Context<'_>) {
        self.woken = true;
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    /// That task sleeps, and is to be woken when there is output.
    pub(crate) fn rest(&mut self) {
        self.woken = false;
    }

    /// There is something to do for that task.
    pub(super) fn wake(&mut self) {
        if !self.woken
            && let Some(waker) = &self.waker
        {
            self.woken = true;
            waker.wake_by_ref();
        }
    }
}

/// Bytes of output that wait for the socket before streams have to.
const OUTPUT: usize = 128 * 1024;
