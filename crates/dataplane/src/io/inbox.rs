// SPDX-License-Identifier: Apache-2.0
//! Bytes that were read and not yet dealt with.
//!
//! In: a stream. Out: a slice. Reads land in a large buffer borrowed from the worker; whoever goes
//! to sleep parks the inbox first, which moves what is left (usually nothing) to a small buffer.

use std::{
    io,
    task::{Context, Poll},
};

use super::{Buffers, Stream};

/// The buffer with the range in use.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    received: u64,
}

impl Inbox {
    /// One with bytes that were read elsewhere.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        let mut inbox = Self {
            received: bytes.len() as u64,
            ..Self::default()
        };
        inbox.hold(bytes);
        inbox
    }

    /// Holds these bytes from now on. Returns the buffer of those before.
    fn hold(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        (self.start, self.end) = (0, bytes.len());
        if bytes.len() == Buffers::LARGE {
            // It must not be mistaken for a large one.
            bytes.push(0);
        }
        std::mem::replace(&mut self.buffer, bytes)
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Reads at most `limit` more bytes behind those held. 0 means that the peer closed.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        buffers: &Buffers,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room(buffers);
        let room = &mut self.buffer[self.end..];
        let room_length = room.len().min(limit.max(1));
        let polled = stream.poll_read(cx, &mut room[..room_length]);
        if let Poll::Ready(Ok(count)) = polled {
            self.end += count;
            self.received += count as u64;
        } else {
            self.park(buffers);
        }
        polled
    }

    /// Lets `render` write the bytes of a head behind those held.
    pub(crate) fn render<T>(
        &mut self,
        buffers: &Buffers,
        render: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        let mut bytes = buffers.small();
        bytes.extend_from_slice(self.bytes());
        let outcome = render(&mut bytes);
        buffers.recycle(self.hold(bytes));
        outcome
    }

    /// Takes the bytes of a head over, instead of those held; an empty buffer is left in their place.
    pub(crate) fn take_over(&mut self, bytes: &mut Vec<u8>, buffers: &Buffers) {
        let bytes = std::mem::replace(bytes, buffers.small());
        buffers.recycle(self.hold(bytes));
    }

    /// Bytes read since this was last asked.
    pub(crate) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, buffers: &Buffers) {
        (self.start, self.end) = (0, 0);
        self.park(buffers);
    }

    /// Gives the large buffer back; the bytes stay.
    pub(crate) fn park(&mut self, buffers: &Buffers) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.buffer.capacity() > 0 {
                buffers.recycle(std::mem::take(&mut self.buffer));
            }
        } else if self.buffer.len() == Buffers::LARGE {
            let mut small = buffers.small();
            small.extend_from_slice(self.bytes());
            buffers.recycle(self.hold(small));
        }
    }

    fn make_room(&mut self, buffers: &Buffers) {
        if self.buffer.len() == Buffers::LARGE && self.end < Buffers::LARGE {
            return;
        }
        if self.len() >= Buffers::LARGE {
            // Only a head limit above the buffer size leads here: grow by what one read brings.
            let mut grown = self.bytes().to_vec();
            self.end = grown.len();
            grown.resize(self.end * 2 + 1, 0);
            self.start = 0;
            buffers.recycle(std::mem::replace(&mut self.buffer, grown));
            return;
        }
        let small = std::mem::replace(&mut self.buffer, buffers.large());
        if small.capacity() > 0 {
            let length = self.len();
            self.buffer[..length].copy_from_slice(&small[self.start..self.end]);
            (self.start, self.end) = (0, length);
            buffers.recycle(small);
        }
    }
}
