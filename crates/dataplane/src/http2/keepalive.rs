// SPDX-License-Identifier: Apache-2.0
//! `connection_keepalive`: PING at intervals, or when an idle connection is to be used.
//!
//! In: the settings and time. Out: ready when the peer did not answer in time.

use std::task::{Context, Poll, ready};

use h2::{Ping, PingPong};
use tokio::time::Instant;

use super::server::Shared;
use crate::{io::Timer, plan::Http2Keepalive};

/// Who sends PING, and learns of its answer.
pub(crate) enum Pings {
    /// The connection of a client.
    Client(Shared),
    /// One to an upstream.
    Upstream(PingPong),
}

/// The watch over one connection.
pub(crate) struct Keepalive {
    pings: Pings,
    options: Http2Keepalive,
    /// The next one by the interval.
    next: Option<Instant>,
    /// An answer is expected by then.
    answer_by: Option<Instant>,
    timer: Timer,
}

impl Keepalive {
    /// `None` when nothing is to be sent.
    pub(crate) fn new(options: Option<Http2Keepalive>, pings: Option<Pings>) -> Option<Self> {
        let (options, pings) = options.zip(pings)?;
        Some(Self {
            pings,
            options,
            next: next(options),
            answer_by: None,
            timer: Timer::default(),
        })
    }

    /// Sends one at the next poll, unless one is under way.
    pub(crate) fn hurry(&mut self) {
        self.next = Some(Instant::now());
    }

    /// Ready when the peer is to be given up.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(deadline) = self.answer_by else {
                ready!(self.timer.poll(cx, self.next));
                if !self.pings.send() {
                    // The connection is over and will say so itself.
                    return Poll::Pending;
                }
                self.answer_by = Some(Instant::now() + self.options.timeout);
                continue;
            };
            match self.pings.poll_answer(cx) {
                Poll::Ready(true) => {
                    self.answer_by = None;
                    self.next = next(self.options);
                }
                Poll::Ready(false) => return Poll::Pending,
                Poll::Pending => return self.timer.poll(cx, Some(deadline)),
            }
        }
    }
}

impl Pings {
    /// False when the connection is over.
    fn send(&mut self) -> bool {
        match self {
            Self::Client(codec) => codec.lock().send_ping(),
            Self::Upstream(pings) => pings.send_ping(Ping::opaque()).is_ok(),
        }
    }

    /// Ready with false when the connection is over.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self {
            // Its task is the one that polls, and polls after each read.
            Self::Client(codec) => match codec.lock().take_pong() {
                true => Poll::Ready(true),
                false => Poll::Pending,
            },
            Self::Upstream(pings) => pings.poll_pong(cx).map(|answer| answer.is_ok()),
        }
    }
}

fn next(options: Http2Keepalive) -> Option<Instant> {
    let interval = options.interval?;
    let jitter = interval * fastrand::u32(..=options.jitter) / 100;
    Some(Instant::now() + interval + jitter)
}
