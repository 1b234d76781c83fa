// SPDX-License-Identifier: Apache-2.0
//! What bodies pass through on their way, and how a limited one moves.
//!
//! In: a pump before its body, and a limit. Out: the body in the pump's own `out`, as it may pass.

use std::task::{Context, Poll, ready};

use super::{Encoding, Limit, Pump, Stopped};
use crate::{
    http::{Framing, push_size},
    io::{Inbox, Stream},
};

/// What a body passes through on its way.
#[derive(Debug)]
pub(super) enum Detour {
    /// An encoder.
    Encoded(Box<Encoding>),
    /// A limit, and maybe an encoder before.
    Limited(Box<Limit>),
}

impl Pump {
    /// Sends the body on as `limit` lets it pass. `tells`: trailers may tell the delay. `http2`: so
    /// does the client speak.
    pub(in crate::life) fn hold_back(&mut self, mut limit: Limit, tells: bool, http2: bool) {
        // Whether all has gone on is for the limit to say.
        let framing = std::mem::replace(&mut self.framing, Framing::Tunnel);
        limit.chunked = matches!(framing, Framing::Chunked(..) | Framing::UntilClose);
        limit.trailers = framing.forwards_trailers();
        limit.source = framing.bare();
        if let Some(Detour::Encoded(mut encoding)) = self.detour.take() {
            (limit.chunked, limit.trailers) = encoding.unframed();
            limit.encoding = Some(encoding);
        }
        if tells && limit.tell() && http2 && !self.trailers {
            limit.alone = true;
            self.trailers = true;
        }
        self.detour = Some(Detour::Limited(Box::new(limit)));
    }

    /// The limit, where there is one.
    pub(in crate::life) fn limit(&mut self) -> Option<&mut Limit> {
        match &mut self.detour {
            Some(Detour::Limited(limit)) => Some(limit),
            _ => None,
        }
    }

    /// How its sender delimits the body.
    pub(in crate::life) fn source(&self) -> &Framing {
        match &self.detour {
            Some(Detour::Limited(limit)) => &limit.source,
            _ => &self.framing,
        }
    }

    /// What waits for its limit does not go on, nor does what is to come; it can still be taken in.
    pub(in crate::life) fn unlimit(&mut self) {
        if let Some(limit) = self.limit() {
            self.framing = std::mem::take(&mut limit.source);
            self.detour = None;
        }
    }

    /// What waits for its limit does not go on, and the body does not end.
    pub(in crate::life) fn break_off(&mut self) {
        if self.limit().is_some() {
            self.framing = Framing::Tunnel;
            self.detour = None;
        }
    }

    /// Writes the trailers that came in chunks.
    pub(super) fn push_trailers(&self, out: &mut Vec<u8>) {
        let mute = matches!(&self.detour, Some(Detour::Limited(limit)) if limit.alone);
        if !mute {
            out.extend_from_slice(self.source().trailers());
        }
    }

    /// Writes the trailers that tell of a limit.
    pub(super) fn push_delays(&self, out: &mut Vec<u8>) {
        if let Some(Detour::Limited(limit)) = &self.detour {
            limit.push_delays(out);
        }
    }

    /// Takes what may pass of a limited body into view.
    pub(super) fn stage_limited(
        &mut self,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
        most: usize,
    ) -> Result<bool, Stopped> {
        let Some(Detour::Limited(limit)) = &mut self.detour else {
            return Ok(true);
        };
        limit.take_in(inbox, most)?;
        let generated = self.out.len();
        let count = limit.release(cx, &mut self.out);
        if limit.ends(&mut self.out) {
            self.framing = Framing::Empty;
        }
        let goes_on = limit.has_room(most) && !limit.has_all();
        self.passed += count as u64;
        if let Some(kept) = &mut self.kept {
            kept.bytes += count;
        }
        let piece = &self.out[generated..];
        if !self.tees.is_empty() && !piece.is_empty() {
            let before = self.tees.len();
            let mut size = Vec::new();
            let mut tail: &[u8] = b"";
            if self.stripped {
                push_size(count as u64, &mut size);
                tail = b"\r\n";
            }
            self.tees.retain(|tee| tee.push([&size, piece, tail]));
            self.abandoned += (before - self.tees.len()) as u64;
        }
        self.keep_within_limit();
        Ok(goes_on)
    }

    /// Writes a body that is there in whole, and the end of it where a limit held it back.
    pub(in crate::life) fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
        to: &mut Stream,
    ) -> Poll<Result<(), Stopped>> {
        if self.limit().is_none() {
            return self.poll_flush(cx, inbox, to);
        }
        self.stage_limited(cx, inbox, 0)?;
        ready!(self.poll_flush(cx, inbox, to))?;
        if !self.framing.done() {
            return Poll::Pending;
        }
        if self.trailers
            && let Some(message) = to.message()
        {
            let mut trailers = Vec::new();
            self.push_delays(&mut trailers);
            message.finish(&trailers);
        }
        Poll::Ready(Ok(()))
    }
}
