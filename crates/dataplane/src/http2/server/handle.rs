// SPDX-License-Identifier: Apache-2.0
//! One stream, for whoever serves it.
//!
//! In: the codec that is shared, and the stream's place there. Out: body bytes to read, a response to
//! write. Bytes count as received once somebody took them. Dropped, it gives the stream up.

use std::{
    io,
    task::{Context, Poll, ready},
};

use super::{Shared, stream::Reset};
use crate::{failure::Failure, http::HeadError};

/// The stream.
pub(crate) struct Handle {
    codec: Shared,
    place: u32,
}

impl Handle {
    /// The stream of [`Event::Request`](super::Event::Request), once.
    pub(crate) fn new(codec: &Shared, place: u32) -> Self {
        Self {
            codec: codec.clone(),
            place,
        }
    }

    /// Why the request is refused, if it is.
    pub(crate) fn take_refusal(&self) -> Option<HeadError> {
        self.codec.lock().take_refusal(self.place)
    }

    /// Whether no body bytes will come.
    pub(crate) fn ends(&self) -> bool {
        let codec = self.codec.lock();
        let stream = codec.streams.look(self.place);
        stream.received && stream.pending() == 0
    }

    /// Tells the client to go on with its body.
    pub(crate) fn send_continue(&self) {
        self.codec.lock().send_continue(self.place);
    }

    /// Sends the head of the response, as written for HTTP/1; returns its length. `alone` says that
    /// what follows it is all there is to its body.
    pub(crate) fn send_response(&self, head: &[u8], alone: bool) -> Result<usize, Failure> {
        let mut codec = self.codec.lock();
        let sent = codec.send_response(self.place, head, alone);
        sent.ok_or(Failure::ClientGone)
    }

    /// Takes body bytes; 0 means that the client ended its side well.
    pub(crate) fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut codec = self.codec.lock();
        let stream = codec.streams.at(self.place);
        if stream.reset.is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = stream.pending().min(buffer.len());
        if count == 0 {
            if stream.received {
                return Poll::Ready(Ok(0));
            }
            stream.watch(cx);
            return Poll::Pending;
        }
        let end = stream.taken + count;
        buffer[..count].copy_from_slice(&stream.body[stream.taken..end]);
        stream.taken = end;
        if stream.pending() == 0 {
            stream.body.clear();
            stream.body.shrink_to(KEPT);
            stream.taken = 0;
        } else if stream.taken >= stream.pending() {
            stream.body.drain(..stream.taken);
            stream.taken = 0;
        }
        let more = stream.inbound.give(count).filter(|_| !stream.received);
        let id = stream.id;
        codec.update(id, more);
        codec.consumed(count);
        Poll::Ready(Ok(count))
    }

    /// Throws away what is left of the body. Ready at its end.
    pub(crate) fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        let mut ignored = [0; 1024];
        while let Ok(1..) = ready!(self.poll_read(cx, &mut ignored)) {}
        Poll::Ready(())
    }

    /// Ready when there is something to read, or the stream is over.
    pub(crate) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut codec = self.codec.lock();
        let stream = codec.streams.at(self.place);
        if stream.pending() > 0 || stream.received || stream.reset.is_some() {
            return Poll::Ready(());
        }
        stream.watch(cx);
        Poll::Pending
    }

    /// The trailers received, as lines.
    pub(crate) fn push_trailers(&self, out: &mut Vec<u8>) {
        let codec = self.codec.lock();
        out.extend_from_slice(&codec.streams.look(self.place).trailers);
    }

    /// Ready when the client gave the request up.
    pub(crate) fn poll_reset(&self, cx: &Context<'_>) -> Poll<()> {
        let mut codec = self.codec.lock();
        let stream = codec.streams.at(self.place);
        if stream.reset.is_some() {
            return Poll::Ready(());
        }
        stream.watch(cx);
        Poll::Pending
    }

    /// Whether the client gave up this stream alone.
    pub(crate) fn was_reset(&self) -> bool {
        let mut codec = self.codec.lock();
        codec.streams.at(self.place).reset == Some(Reset::Remote)
    }

    /// Writes `head`, then `body`, as far as the client has room. `last` says that these are the last
    /// bytes of the message.
    pub(crate) fn poll_write(
        &self,
        cx: &Context<'_>,
        pieces: [&[u8]; 2],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let mut codec = self.codec.lock();
        let stream = codec.streams.at(self.place);
        if stream.reset.is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if stream.sent || !stream.answered {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        stream.watch(cx);
        match codec.send_data(self.place, pieces, last) {
            0 => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }

    /// Ends the response, with these trailer lines.
    pub(crate) fn finish(&self, trailers: &[u8]) {
        self.codec.lock().send_end(self.place, trailers);
    }

    /// Gives the stream up.
    pub(crate) fn reset(&self) {
        self.codec.lock().abort(self.place);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.codec.lock().release(self.place);
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Bytes of body that a stream keeps room for.
const KEPT: usize = 64 * 1024;
