// SPDX-License-Identifier: Apache-2.0
//! One stream of an HTTP/2 connection.
//!
//! In: a client's request, or one to an upstream. Out: body bytes to read and to write, trailers both
//! ways, whichever codec serves the connection.

use std::{
    io,
    task::{Context, Poll},
};

use http::response;

use super::{Call, server::Handle};
use crate::{failure::Failure, http::HeadError};

/// The stream.
#[derive(Debug)]
pub(crate) enum Message {
    /// A request to an upstream.
    Call(Box<Call>),
    /// A client's request.
    Served(Handle),
}

impl Message {
    /// Why a client's request is refused, if it is.
    pub(crate) fn take_refusal(&mut self) -> Option<HeadError> {
        match self {
            Self::Call(_) => None,
            Self::Served(handle) => handle.take_refusal(),
        }
    }

    /// The head of the upstream's response, once.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Box<response::Parts>, Failure>> {
        match self {
            Self::Call(call) => call.poll_response(cx),
            Self::Served(_) => Poll::Ready(Err(Failure::Terminated)),
        }
    }

    /// Whether no body bytes will come.
    pub(crate) fn ends(&self) -> bool {
        match self {
            Self::Call(call) => call.ends(),
            Self::Served(handle) => handle.ends(),
        }
    }

    /// Tells the client to go on with its body.
    pub(crate) fn send_continue(&mut self) {
        if let Self::Served(handle) = self {
            handle.send_continue();
        }
    }

    /// Sends the head of the response, as written for HTTP/1; returns its length. `alone` says that
    /// what follows it is all there is to its body.
    pub(crate) fn send_response(&mut self, head: &[u8], alone: bool) -> Result<usize, Failure> {
        match self {
            Self::Call(_) => Err(Failure::ClientGone),
            Self::Served(handle) => handle.send_response(head, alone),
        }
    }

    /// Takes body bytes; 0 means that the peer ended its side well.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Call(call) => call.poll_read(cx, buffer),
            Self::Served(handle) => handle.poll_read(cx, buffer),
        }
    }

    /// Throws away what is left of the body. Ready at its end.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Call(call) => call.poll_ended(cx),
            Self::Served(handle) => handle.poll_ended(cx),
        }
    }

    /// Ready when there is something to read, or the stream is over.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Call(call) => call.poll_readable(cx),
            Self::Served(handle) => handle.poll_readable(cx),
        }
    }

    /// Ready when the client gave the request up.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Call(_) => Poll::Pending,
            Self::Served(handle) => handle.poll_reset(cx),
        }
    }

    /// Whether the client gave up this stream alone.
    pub(crate) fn was_reset(&self) -> bool {
        matches!(self, Self::Served(handle) if handle.was_reset())
    }

    /// Writes `head`, then `body`, as far as the peer has room. `last` says that these are the last
    /// bytes of the message.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        pieces: [&[u8]; 2],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Call(call) => call.poll_write(cx, pieces, last),
            Self::Served(handle) => handle.poll_write(cx, pieces, last),
        }
    }

    /// Ends our side, with these trailer lines.
    pub(crate) fn finish(&mut self, trailers: &[u8]) {
        match self {
            Self::Call(call) => call.finish(trailers),
            Self::Served(handle) => handle.finish(trailers),
        }
    }

    /// The trailers received, as lines.
    pub(crate) fn push_trailers(&self, out: &mut Vec<u8>) {
        match self {
            Self::Call(call) => call.push_trailers(out),
            Self::Served(handle) => handle.push_trailers(out),
        }
    }

    /// Gives the stream up.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Call(call) => call.reset(),
            Self::Served(handle) => handle.reset(),
        }
    }

    /// Why an upstream's stream ended early, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Call(call) => call.failure(),
            Self::Served(_) => None,
        }
    }
}
