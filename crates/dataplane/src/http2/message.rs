// SPDX-License-Identifier: Apache-2.0
//! One stream of an HTTP/2 connection.
//!
//! In: a stream that the codec opened, for a client's request or for one to an upstream. Out: body
//! bytes to read, a head and body bytes to write, trailers both ways. Both directions obey flow
//! control: bytes count as received once somebody took them, and are taken as far as the peer has
//! room.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture, server::SendResponse};
use http::{HeaderMap, request, response};

use super::{lines, piece::Piece};
use crate::failure::Failure;

/// The stream.
pub(crate) struct Message {
    /// A client's head, until it is taken.
    request: Option<request::Parts>,
    /// Its fields, empty, for those of the response.
    fields: HeaderMap,
    opening: Opening,
    send: Option<SendStream<Piece>>,
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

/// What has to happen before bodies flow.
enum Opening {
    Answered(Box<response::Parts>),
    Client(ResponseFuture),
    Done,
    Server(SendResponse<Piece>),
}

impl Message {
    /// A client's request.
    pub(crate) fn server(request: http::Request<RecvStream>, respond: SendResponse<Piece>) -> Self {
        let (parts, receive) = request.into_parts();
        Self {
            request: Some(parts),
            ..Self::new(Opening::Server(respond), None, Some(receive))
        }
    }

    /// A request to an upstream, whose head was sent; `ends` says that no body follows.
    pub(crate) fn client(response: ResponseFuture, send: SendStream<Piece>, ends: bool) -> Self {
        let mut message = Self::new(Opening::Client(response), Some(send), None);
        message.sent = ends;
        message
    }

    fn new(opening: Opening, send: Option<SendStream<Piece>>, receive: Option<RecvStream>) -> Self {
        Self {
            request: None,
            fields: HeaderMap::new(),
            opening,
            send,
            receive,
            pending: Bytes::new(),
            reserved: 0,
            received: false,
            sent: false,
            trailers: None,
            failure: None,
        }
    }

    /// The head of a client's request, once.
    pub(crate) fn take_request(&mut self) -> Option<request::Parts> {
        self.request.take()
    }

    /// Takes back what was made of the head's fields.
    pub(crate) fn reuse(&mut self, mut fields: HeaderMap) {
        fields.clear();
        self.fields = fields;
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

    /// Tells the client to go on with its body.
    pub(crate) fn send_continue(&mut self) {
        if let Opening::Server(respond) = &mut self.opening {
            let mut interim = http::Response::new(());
            *interim.status_mut() = http::StatusCode::CONTINUE;
            // A client that is gone will be noticed when the response is sent.
            let _ = respond.send_informational(interim);
        }
    }

    /// Sends the head of the response, as written for HTTP/1; returns its length. `alone` says that
    /// what follows it is all there is to its body.
    pub(crate) fn send_response(&mut self, head: &[u8], alone: bool) -> Result<usize, Failure> {
        let Opening::Server(respond) = &mut self.opening else {
            return Err(Failure::ClientGone);
        };
        let fields = std::mem::take(&mut self.fields);
        let (response, length) = lines::response(head, fields).ok_or(Failure::Protocol)?;
        let ends = alone && length == head.len();
        match respond.send_response(response, ends) {
            Ok(send) => {
                self.send = Some(send);
                self.sent = ends;
                Ok(length)
            }
            Err(_) => Err(Failure::ClientGone),
        }
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

    /// Ready when the client gave the request up.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (&mut self.opening, &mut self.send) {
            (_, Some(send)) => send.poll_reset(cx).map(|_| ()),
            (Opening::Server(respond), None) => respond.poll_reset(cx).map(|_| ()),
            _ => Poll::Pending,
        }
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
        let Some(send) = self.send.as_mut().filter(|_| !self.sent) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
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
        let Some(send) = self.send.as_mut().filter(|_| !self.sent) else {
            return;
        };
        self.sent = true;
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
    pub(crate) fn reset(&mut self, reason: Reason) {
        match (&mut self.opening, &mut self.send) {
            (_, Some(send)) => send.send_reset(reason),
            (Opening::Server(respond), None) => respond.send_reset(reason),
            _ => {}
        }
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

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").finish_non_exhaustive()
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
