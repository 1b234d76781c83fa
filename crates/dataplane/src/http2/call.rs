// SPDX-License-Identifier: Apache-2.0
//! One request to an upstream of HTTP/2.
//!
//! In: a stream that the codec of the `h2` crate opened. Out: the response's head, body bytes to read
//! and to write, trailers both ways. Both directions obey flow control: bytes count as received once
//! somebody took them, and are taken as far as the upstream has room.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture};
use http::{HeaderMap, response};

use super::{lines, piece::Piece};
use crate::failure::Failure;

/// The stream.
pub(crate) struct Call {
    opening: Opening,
    send: SendStream<Piece>,
    receive: Option<RecvStream>,
    /// Received and not taken.
    pending: Bytes,
    /// Capacity was asked for this many bytes.
    reserved: usize,
    /// The peer's end was seen.
    received: bool,
    /// Our end was sent.
    sent: bool,
    trailers: Option<HeaderMap>,
    /// Why reading or writing stopped.
    failure: Option<Failure>,
}

/// Where the response is.
enum Opening {
    Answered(Box<response::Parts>),
    Client(ResponseFuture),
    Done,
}

impl Call {
    /// A request whose head was sent; `ends` says that no body follows.
    pub(crate) fn new(response: ResponseFuture, send: SendStream<Piece>, ends: bool) -> Self {
        Self {
            opening: Opening::Client(response),
            send,
            receive: None,
            pending: Bytes::new(),
            reserved: 0,
            received: false,
            sent: ends,
            trailers: None,
            failure: None,
        }
    }

    /// The head of the upstream's response, once.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Box<response::Parts>, Failure>> {
        ready!(self.poll_answer(cx));
        match std::mem::replace(&mut self.opening, Opening::Done) {
            Opening::Answered(parts) => Poll::Ready(Ok(parts)),
            _ => Poll::Ready(Err(self.failure.unwrap_or(Failure::Terminated))),
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Opening::Client(response) = &mut self.opening else {
            return Poll::Ready(());
        };
        self.opening = match ready!(Pin::new(response).poll(cx)) {
            Ok(response) => {
                let (parts, receive) = response.into_parts();
                self.receive = Some(receive);
                Opening::Answered(Box::new(parts))
            }
            Err(error) => {
                self.fail(&error);
                Opening::Done
            }
        };
        Poll::Ready(())
    }

    /// Whether no body bytes will come.
    pub(crate) fn ends(&self) -> bool {
        let over = |receive: &RecvStream| receive.is_end_stream();
        self.pending.is_empty() && self.receive.as_ref().is_none_or(over)
    }

    /// Takes body bytes; 0 means that the peer ended its side well.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        while self.pending.is_empty() {
            if !ready!(self.poll_pending(cx))? {
                return Poll::Ready(Ok(0));
            }
        }
        let count = self.pending.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.pending.split_to(count));
        if let Some(receive) = &mut self.receive {
            // Fails only for a stream that is over, whose window nobody needs.
            let _ = receive.flow_control().release_capacity(count);
        }
        Poll::Ready(Ok(count))
    }

    /// Waits for more body. False at its end, with the trailers in place.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.failure.is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let Some(receive) = self.receive.as_mut().filter(|_| !self.received) else {
            return Poll::Ready(Ok(false));
        };
        if receive.is_end_stream() {
            self.received = true;
            return Poll::Ready(Ok(false));
        }
        let outcome = match ready!(receive.poll_data(cx)) {
            Some(Ok(bytes)) => {
                self.pending = bytes;
                return Poll::Ready(Ok(true));
            }
            Some(Err(error)) => Err(error),
            None => ready!(receive.poll_trailers(cx)),
        };
        match outcome {
            Ok(trailers) => {
                self.received = true;
                self.trailers = trailers;
                Poll::Ready(Ok(false))
            }
            Err(error) => {
                self.fail(&error);
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
        }
    }

    /// Throws away what is left of the body. Ready at its end.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ignored = [0; 1024];
        while let Ok(1..) = ready!(self.poll_read(cx, &mut ignored)) {}
        Poll::Ready(())
    }

    /// Ready when there is something to read, or the stream is over.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_answer(cx));
        if self.pending.is_empty() && !matches!(self.opening, Opening::Answered(_)) {
            ready!(self.poll_pending(cx)).ok();
        }
        Poll::Ready(())
    }

    /// Writes `head`, then `body`, as far as the peer has room. `last` says that these are the last
    /// bytes of the message.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        [head, body]: [&[u8]; 2],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let wanted = head.len() + body.len();
        if self.sent {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let send = &mut self.send;
        if self.reserved != wanted {
            send.reserve_capacity(wanted);
            self.reserved = wanted;
        }
        let mut room = send.capacity();
        while room == 0 {
            room = match ready!(send.poll_capacity(cx)) {
                Some(Ok(room)) => room,
                Some(Err(error)) => {
                    self.fail(&error);
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let count = room.min(wanted);
        let of_head = count.min(head.len());
        let piece = Piece::new(&head[..of_head], &body[..count - of_head]);
        let ends = last && count == wanted;
        self.reserved = 0;
        match send.send_data(piece, ends) {
            Ok(()) => {
                self.sent = ends;
                Poll::Ready(Ok(count))
            }
            Err(error) => {
                self.fail(&error);
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
        }
    }

    /// Ends our side, with these trailer lines.
    pub(crate) fn finish(&mut self, trailers: &[u8]) {
        if std::mem::replace(&mut self.sent, true) {
            return;
        }
        let send = &mut self.send;
        // A peer that is gone needs no end.
        let _ = if trailers.is_empty() {
            send.send_data(Piece::empty(), true)
        } else {
            send.send_trailers(lines::trailers(trailers))
        };
    }

    /// The trailers received, as lines.
    pub(crate) fn push_trailers(&self, out: &mut Vec<u8>) {
        if let Some(trailers) = &self.trailers {
            lines::push_lines(trailers, out);
        }
    }

    /// Gives the stream up.
    pub(crate) fn reset(&mut self) {
        self.send.send_reset(Reason::INTERNAL_ERROR);
        self.sent = true;
    }

    /// Why the stream ended early, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure
    }

    fn fail(&mut self, error: &h2::Error) -> Failure {
        let failure = failure(error);
        self.failure = Some(failure);
        failure
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

/// What an upstream's stream ended by.
fn failure(error: &h2::Error) -> Failure {
    match error.reason() {
        Some(Reason::REFUSED_STREAM) if error.is_remote() => Failure::RefusedStream,
        Some(_) if error.is_reset() && error.is_remote() => Failure::RemoteReset,
        Some(_) if error.is_remote() => Failure::Terminated,
        Some(_) => Failure::Protocol,
        None => Failure::Terminated,
    }
}
