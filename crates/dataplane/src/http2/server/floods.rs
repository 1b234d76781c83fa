// SPDX-License-Identifier: Apache-2.0
//! Bounds on what costs a client nothing and us something.
//!
//! In: frames of such kinds, as they come. Out: whether the client goes too far. The rules are those
//! of Envoy's codec, the bounds wider: no client that has work to do comes near them. Answers that a
//! client does not read need no bound here: nothing more is read from it, see [`Codec::congested`].
//!
//! [`Codec::congested`]: super::connection::Codec::congested

use std::time::{Duration, Instant};

/// The counts of a connection.
#[derive(Debug, Default)]
pub(super) struct Floods {
    /// Frames of DATA or HEADERS in a row that are empty and end nothing.
    empty: u32,
    priorities: u64,
    updates: u64,
    /// Streams that were opened, ever.
    streams: u64,
    /// DATA frames that were sent, ever.
    data: u64,
    /// When this second of resets began; those and the streams since.
    second: Option<(Instant, u64, u64)>,
    /// What went too far.
    pub(super) over: Option<Flood>,
}

/// It goes too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Frames without payload.
    Empty,
    /// PRIORITY.
    Priority,
    /// Streams that are given up or broken.
    Reset,
    /// WINDOW_UPDATE.
    Update,
}

impl Floods {
    /// A stream was opened.
    pub(super) fn stream(&mut self) {
        self.streams += 1;
    }

    /// A DATA frame was sent.
    pub(super) fn sent_data(&mut self) {
        self.data += 1;
    }

    /// A frame that has a payload, or an end, came.
    pub(super) fn useful(&mut self) {
        self.empty = 0;
    }

    /// One that has neither.
    pub(super) fn empty(&mut self) -> Result<(), Flood> {
        self.empty += 1;
        self.bound(Flood::Empty, self.empty.into(), EMPTY)
    }

    /// PRIORITY came.
    pub(super) fn priority(&mut self) -> Result<(), Flood> {
        self.priorities += 1;
        let limit = PRIORITIES * (1 + self.streams);
        self.bound(Flood::Priority, self.priorities, limit)
    }

    /// WINDOW_UPDATE came.
    pub(super) fn update(&mut self) -> Result<(), Flood> {
        self.updates += 1;
        let limit = UPDATES * (1 + self.streams + self.data);
        self.bound(Flood::Update, self.updates, limit)
    }

    /// The client gave a request up at `now`, or broke it. Too far is when it does little else.
    pub(super) fn reset(&mut self, now: Instant) -> Result<(), Flood> {
        let fresh = (now, 0, self.streams);
        let second = self.second.get_or_insert(fresh);
        if now.saturating_duration_since(second.0) >= SECOND {
            *second = fresh;
        }
        second.1 += 1;
        let (_, resets, streams_before) = *second;
        let opened = self.streams - streams_before;
        if resets * 2 > opened {
            return self.bound(Flood::Reset, resets, RESETS);
        }
        Ok(())
    }

    fn bound(&mut self, kind: Flood, count: u64, limit: u64) -> Result<(), Flood> {
        if count <= limit {
            return Ok(());
        }
        self.over = Some(kind);
        Err(kind)
    }
}

/// Envoy's default is 1, which a client may well exceed by accident.
const EMPTY: u64 = 100;
/// For each stream; Envoy's default is 100.
const PRIORITIES: u64 = 1000;
/// For each stream and each DATA frame sent; Envoy's default is 10 for the latter.
const UPDATES: u64 = 100;
/// In a second; Envoy's default is 500 ever, of streams that lived less than that.
const RESETS: u64 = 1000;
const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it may happen.
    fn times(mut happen: impl FnMut() -> Result<(), Flood>) -> u64 {
        (0..1_000_000).take_while(|_| happen().is_ok()).count() as u64
    }

    #[test]
    fn each_kind_has_its_bound() {
        let mut floods = Floods::default();
        assert_eq!(times(|| floods.empty()), EMPTY);
        floods.useful();
        assert_eq!(times(|| floods.empty()), EMPTY);
        assert_eq!(times(|| floods.priority()), PRIORITIES);
        floods.stream();
        assert_eq!(times(|| floods.priority()), PRIORITIES - 1);
        assert_eq!(times(|| floods.update()), UPDATES * 2);
        floods.sent_data();
        assert_eq!(times(|| floods.update()), UPDATES - 1);
    }

    #[test]
    fn resets_are_counted_by_the_second() {
        let mut floods = Floods::default();
        let start = Instant::now();
        let mut open_and_reset = |now| {
            floods.stream();
            floods.reset(now)
        };
        assert_eq!(times(|| open_and_reset(start)), RESETS);
        let later = start + SECOND;
        for _ in 0..5 {
            assert_eq!(open_and_reset(later), Ok(()));
        }
        // A client that does other things too may reset many.
        for _ in 0..RESETS * 4 {
            floods.stream();
            floods.stream();
            floods.stream();
            assert_eq!(floods.reset(later), Ok(()));
        }
    }
}
