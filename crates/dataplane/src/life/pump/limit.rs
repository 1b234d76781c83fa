// SPDX-License-Identifier: Apache-2.0
//! A body that is held back on its way, as the bandwidth of its route wants it.
//!
//! In: the body as it arrives, without framing, or what an encoder makes of it. Out: as much of it as
//! there are tokens, in chunks where the other side wants them. What waits is bounded by the buffer
//! limit of the connection that it came from: beyond that, nothing is read.

use std::{cell::Cell, rc::Rc, sync::Arc, task::Context, time::Duration};

use tokio::time::Instant;

use super::{Encoding, Stopped};
use crate::{
    filter::{BandwidthLimit, Delay, now},
    http::{Framing, push_size, push_trailers},
    io::{Inbox, Timer},
    life::bandwidth_limit::Direction,
    stats::BandwidthLimitStats,
};

/// Its state.
#[derive(Debug)]
pub(in crate::life) struct Limit {
    config: Arc<BandwidthLimit>,
    direction: Direction,
    stats: Arc<BandwidthLimitStats>,
    /// Trailers tell the delay.
    tells: bool,
    /// Of all trailers, only these go on.
    pub(super) alone: bool,
    /// How its sender delimits the body. The pump's own framing says whether all of it has gone on.
    pub(super) source: Framing,
    /// What the body passes through before.
    pub(super) encoding: Option<Box<Encoding>>,
    /// It is sent in chunks.
    pub(super) chunked: bool,
    /// Trailers that came in chunks go on in chunks.
    pub(super) trailers: bool,
    /// Trailers of an upstream of HTTP/2.
    lines: Vec<u8>,
    /// What waits.
    held: Vec<u8>,
    /// When there may be tokens again.
    next: Option<Instant>,
    timer: Timer,
    /// It was looked for tokens again since this was last asked.
    ticked: bool,
    /// When the first bytes came.
    began: Option<Instant>,
    added: Duration,
    /// The delay of the request, once it is known.
    request: Rc<Cell<Delay>>,
    over: bool,
}

impl Limit {
    /// One that has seen nothing yet.
    pub(in crate::life) fn new(
        config: Arc<BandwidthLimit>,
        direction: Direction,
        stats: Arc<BandwidthLimitStats>,
    ) -> Self {
        Self {
            config,
            direction,
            stats,
            tells: false,
            alone: false,
            source: Framing::Empty,
            encoding: None,
            chunked: false,
            trailers: false,
            lines: Vec::new(),
            held: Vec::new(),
            next: None,
            timer: Timer::default(),
            ticked: false,
            began: None,
            added: Duration::ZERO,
            request: Rc::default(),
            over: false,
        }
    }

    /// Trailers tell the delay, if the route asks for it. Says whether it does.
    pub(super) fn tell(&mut self) -> bool {
        self.tells = self.config.trailer_prefix.is_some();
        self.tells
    }

    /// Its settings, and where the delay of a request will stand.
    pub(in crate::life) fn shared(&self) -> (Arc<BandwidthLimit>, Rc<Cell<Delay>>) {
        (self.config.clone(), self.request.clone())
    }

    /// Tells the delay of the request as well, if the same filter limited it.
    pub(in crate::life) fn relate(&mut self, config: &Arc<BandwidthLimit>, delay: Rc<Cell<Delay>>) {
        if Arc::ptr_eq(config, &self.config) {
            self.request = delay;
        }
    }

    /// Whether tokens were looked for again since the last call.
    pub(in crate::life) fn take_ticked(&mut self) -> bool {
        std::mem::take(&mut self.ticked)
    }

    /// Whether the sender has nothing more to send.
    pub(in crate::life) fn has_all(&self) -> bool {
        self.source.done()
    }

    /// Takes bytes of the body in.
    pub(in crate::life) fn put(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
        self.came(piece.len());
    }

    /// Whether fewer than `most` bytes wait.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.held.len() < most.clamp(1, MOST)
    }

    /// Takes in what has arrived, while there is room.
    pub(super) fn take_in(&mut self, inbox: &mut Inbox, most: usize) -> Result<(), Stopped> {
        let room = self.has_room(most);
        if let Some(encoding) = &mut self.encoding {
            if self.source.done() || (room && !inbox.is_empty()) {
                let before = self.held.len();
                encoding.stage(&mut self.source, inbox, &mut self.held)?;
                let count = self.held.len() - before;
                if count > 0 {
                    self.came(count);
                }
            }
            return Ok(());
        }
        while !self.source.done() && !inbox.is_empty() && self.has_room(most) {
            let staged = self.source.stage(inbox.bytes(), &mut Vec::new());
            let staged = staged.map_err(|_| Stopped::Framing)?;
            let raw = &inbox.bytes()[staged.raw];
            if !raw.is_empty() {
                self.put(raw);
            }
            inbox.consume(staged.taken);
            if staged.taken == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The sender closed, with these trailer lines. Says whether that ends the body well.
    pub(super) fn close(&mut self, trailers: &[u8]) -> bool {
        self.lines.extend_from_slice(trailers);
        self.source.closed(b"", &mut Vec::new())
    }

    /// Writes what may pass now behind `out`, with its framing, and returns its length without. Where
    /// something has to stay, the task is woken when there may be tokens again.
    pub(super) fn release(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> usize {
        let count = self.passes(cx);
        if count > 0 {
            if self.chunked {
                push_size(count as u64, out);
            }
            out.extend_from_slice(&self.held[..count]);
            if self.chunked {
                out.extend_from_slice(b"\r\n");
            }
            self.held.drain(..count);
        }
        count
    }

    fn passes(&mut self, cx: &mut Context<'_>) -> usize {
        let mut count = 0;
        while count < self.held.len() {
            if let Some(at) = self.next {
                if self.timer.poll(cx, Some(at)).is_pending() {
                    break;
                }
                self.next = None;
                self.ticked = true;
            }
            let left = self.held.len() - count;
            let taken = self.config.bucket.take_some(now(), left);
            count += taken;
            let enforced = taken < left;
            if enforced {
                self.next = Some(Instant::now() + self.config.fill_interval);
                self.added += self.config.fill_interval;
            }
            self.allowed(taken, enforced);
        }
        count
    }

    /// Whether all of the body has gone on; the first time, what ends it is written behind `out`.
    pub(super) fn ends(&mut self, out: &mut Vec<u8>) -> bool {
        if self.over || !self.held.is_empty() || !self.source.done() {
            return self.over;
        }
        self.over = true;
        self.finish();
        if self.chunked {
            out.extend_from_slice(b"0\r\n");
            if self.trailers {
                push_trailers(self.source.trailers(), out);
            }
            out.extend_from_slice(&self.lines);
            self.push_delays(out);
            out.extend_from_slice(b"\r\n");
        }
        true
    }

    /// Writes trailer lines that tell the delay, where there may be some.
    pub(super) fn push_delays(&self, out: &mut Vec<u8>) {
        if let Some(began) = self.began
            && self.tells
        {
            let response = self.delay(began);
            self.config.push_trailers(self.request.get(), response, out);
        }
    }

    fn delay(&self, began: Instant) -> Delay {
        Delay {
            whole: milliseconds(began.elapsed()),
            added: milliseconds(self.added),
        }
    }

    fn came(&mut self, count: usize) {
        let stats = &self.stats;
        let (pending, size, total) = match self.direction {
            Direction::Request => (
                &stats.request_pending,
                &stats.request_incoming_size,
                &stats.request_incoming_total_size,
            ),
            Direction::Response => (
                &stats.response_pending,
                &stats.response_incoming_size,
                &stats.response_incoming_total_size,
            ),
        };
        if self.began.is_none() {
            self.began = Some(Instant::now());
            pending.add(1);
        }
        size.set(i64::try_from(count).unwrap_or(i64::MAX));
        total.add(count as u64);
    }

    fn allowed(&self, count: usize, enforced: bool) {
        let stats = &self.stats;
        let (times, size, total) = match self.direction {
            Direction::Request => (
                &stats.request_enforced,
                &stats.request_allowed_size,
                &stats.request_allowed_total_size,
            ),
            Direction::Response => (
                &stats.response_enforced,
                &stats.response_allowed_size,
                &stats.response_allowed_total_size,
            ),
        };
        if enforced {
            times.inc();
        }
        size.set(i64::try_from(count).unwrap_or(i64::MAX));
        total.add(count as u64);
    }

    /// Counts a body that is over.
    fn finish(&self) {
        let Some(began) = self.began else {
            return;
        };
        self.leave();
        let delay = self.delay(began);
        match self.direction {
            Direction::Request => {
                self.request.set(delay);
                self.stats.request_transfer_duration.record(delay.whole);
            }
            Direction::Response => self.stats.response_transfer_duration.record(delay.whole),
        }
    }

    fn leave(&self) {
        match self.direction {
            Direction::Request => self.stats.request_pending.add(-1),
            Direction::Response => self.stats.response_pending.add(-1),
        }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if self.began.is_some() && !self.over {
            self.leave();
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Where connections have no limit of their own, so much waits at most.
const MOST: usize = 1024 * 1024;
