// SPDX-License-Identifier: Apache-2.0
//! Flow control (RFC 9113 5.2).
//!
//! In: bytes that come and bytes that were consumed, for a connection or a stream. Out: whether the
//! peer kept to its window, and when it gets more; and the room that the peer gives.

use super::frame::LAST_STREAM;

/// What a peer may send.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inbound {
    /// Bytes that it may still send.
    room: i64,
    /// Bytes that came and were not consumed.
    held: i64,
    /// What the two shall come to.
    target: i64,
}

impl Inbound {
    /// The peer believes that it has `room`; `target` is what it shall have.
    pub(super) fn new(room: u32, target: u32) -> Self {
        Self {
            room: room.into(),
            held: 0,
            target: target.into(),
        }
    }

    /// Bytes came. False when these are too many.
    #[must_use]
    pub(super) fn take(&mut self, count: usize) -> bool {
        let count = count as i64;
        self.room -= count;
        self.held += count;
        self.room >= 0
    }

    /// Bytes were consumed. Returns what the peer is to be told, once it is worth a frame.
    pub(super) fn give(&mut self, count: usize) -> Option<u32> {
        self.held -= count as i64;
        self.missing()
    }

    /// What the peer lacks, once it is half of its window.
    pub(super) fn missing(&mut self) -> Option<u32> {
        let missing = self.target - self.room - self.held;
        if missing <= 0 || missing * 2 < self.target {
            return None;
        }
        self.room += missing;
        u32::try_from(missing).ok()
    }

    /// The peer has learned that its window began with less or more.
    pub(super) fn change(&mut self, by: i64) {
        self.room += by;
    }
}

/// What a peer lets us send; below 0 when it changed its mind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outbound(i64);

impl Outbound {
    pub(super) fn new(window: u32) -> Self {
        Self(window.into())
    }

    /// Bytes that may be sent.
    pub(super) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Bytes were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.0 -= count as i64;
    }

    /// The peer changes it. False when that is too much (6.9.1).
    #[must_use]
    pub(super) fn change(&mut self, by: i64) -> bool {
        self.0 += by;
        self.0 <= i64::from(LAST_STREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_filled_up_by_halves() {
        let mut window = Inbound::new(100, 100);
        assert!(window.take(60));
        assert_eq!(window.give(49), None);
        assert_eq!(window.give(1), Some(50));
        assert_eq!(window.give(10), None);
        assert!(window.take(90));
        assert!(!window.take(1));
    }

    #[test]
    fn a_window_larger_than_wanted_shrinks_by_use() {
        let mut window = Inbound::new(1000, 100);
        assert!(window.take(950));
        assert_eq!(window.give(900), None);
        assert_eq!(window.give(50), Some(50));
        let mut window = Inbound::new(65_535, 1 << 20);
        assert_eq!(window.missing(), Some((1 << 20) - 65_535));
        assert_eq!(window.missing(), None);
    }

    #[test]
    fn what_may_be_sent_can_go_below_zero() {
        let mut window = Outbound::new(10);
        window.sent(10);
        assert!(window.change(-5));
        assert_eq!(window.room(), 0);
        assert!(window.change(6));
        assert_eq!(window.room(), 1);
        assert!(!window.change(LAST_STREAM.into()));
    }
}
