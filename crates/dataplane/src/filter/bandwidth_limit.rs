// SPDX-License-Identifier: Apache-2.0
//! Bandwidth limits (`envoy.filters.http.bandwidth_limit`).
//!
//! In: the settings of a route, the time, and how many bytes there are. Out: how many may pass. The
//! bucket belongs to the compiled route, which all workers share.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The limit of one filter of a route.
#[derive(Debug)]
pub(crate) struct BandwidthLimit {
    /// What its numbers begin with.
    pub(crate) stat_prefix: Box<str>,
    /// It holds for bodies of requests,
    pub(crate) request: bool,
    /// and of responses.
    pub(crate) response: bool,
    /// Bytes that may pass.
    pub(crate) tokens: Tokens,
    /// How long whoever finds the bucket empty waits before he looks again.
    pub(crate) fill_interval: Duration,
    /// What trailers that tell the delay have in front of their names: empty, or with its hyphen at
    /// the end. Absent: no such trailers.
    pub(crate) trailer_prefix: Option<Box<str>>,
}

/// How long a body took, in milliseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    /// From its first byte to its last.
    pub(crate) whole: u64,
    /// Of these, what the limit added.
    pub(crate) added: u64,
}

impl BandwidthLimit {
    /// Writes the trailer lines that tell these delays.
    pub(crate) fn push_trailers(&self, request: Delay, response: Delay, out: &mut Vec<u8>) {
        let Some(prefix) = &self.trailer_prefix else {
            return;
        };
        let lines = [
            ("request-delay", request.whole),
            ("request-filter-delay", request.added),
            ("response-delay", response.whole),
            ("response-filter-delay", response.added),
        ];
        for (name, milliseconds) in lines {
            if milliseconds > 0 {
                let line = format!("{prefix}bandwidth-{name}-ms: {milliseconds}\r\n");
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}

/// A bucket that fills evenly from its making on, and holds what comes in a second.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Bytes that come in a second, at least 1.
    per_second: f64,
    /// The moment at which it was empty, in seconds, as bits of an `f64`.
    empty_at: AtomicU64,
}

impl Tokens {
    /// One that holds at `now`, in seconds since some moment, what comes in `interval`.
    pub(crate) fn new(per_second: f64, interval: Duration, now: f64) -> Self {
        Self {
            per_second: per_second.max(1.0),
            empty_at: AtomicU64::new((now - interval.as_secs_f64()).to_bits()),
        }
    }

    /// Takes up to `most` tokens, as many as there are at `now`.
    pub(crate) fn take(&self, now: f64, most: usize) -> usize {
        let mut taken = 0;
        let take = |bits: u64| {
            let empty_at = f64::from_bits(bits).max(now - 1.0);
            // A little forbearance for rounding.
            let there = (now - empty_at) * self.per_second + 1e-6;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; a conversion saturates"
            )]
            let whole = there.max(0.0) as usize;
            taken = whole.min(most);
            #[expect(
                clippy::cast_precision_loss,
                reason = "a body in memory is far below 2^52 bytes"
            )]
            let then = empty_at + taken as f64 / self.per_second;
            (taken > 0).then(|| then.to_bits())
        };
        let taking = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        if taking.is_ok() { taken } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(50);

    #[test]
    fn it_holds_an_interval_at_first_and_a_second_at_most() {
        let tokens = Tokens::new(1000.0, INTERVAL, 100.0);
        assert_eq!(tokens.take(100.0, 2000), 50);
        assert_eq!(tokens.take(100.0, 2000), 0);
        assert_eq!(tokens.take(100.05, 30), 30);
        assert_eq!(tokens.take(100.05, 30), 20);
        assert_eq!(tokens.take(200.0, 2000), 1000);
        assert_eq!(tokens.take(200.0, 2000), 0);
    }

    #[test]
    fn no_byte_passes_twice() {
        let tokens = std::sync::Arc::new(Tokens::new(1000.0, INTERVAL, 4.0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let tokens = tokens.clone();
                std::thread::spawn(move || (0..1000).map(|_| tokens.take(4.95, 3)).sum::<usize>())
            })
            .collect();
        let taken: usize = threads.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }

    #[test]
    fn trailers_tell_what_took_time() {
        let mut limit = BandwidthLimit {
            stat_prefix: "".into(),
            request: true,
            response: true,
            tokens: Tokens::new(1024.0, INTERVAL, 0.0),
            fill_interval: INTERVAL,
            trailer_prefix: Some("x-".into()),
        };
        let took = Delay { whole: 7, added: 0 };
        let mut out = Vec::new();
        limit.push_trailers(Delay::default(), took, &mut out);
        assert_eq!(out, b"x-bandwidth-response-delay-ms: 7\r\n");
        limit.trailer_prefix = None;
        out.clear();
        limit.push_trailers(took, took, &mut out);
        assert_eq!(out, b"");
    }
}
