// SPDX-License-Identifier: Apache-2.0
//! How client connections run out.
//!
//! In: when it began, how long it may take, and the strategy. Out: whether a response is the last
//! one of its connection, and when a connection without a request is closed.

use std::time::Duration;

use tokio::time::Instant;

/// How connections are spread over the drain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DrainStrategy {
    /// A response is the last one with a probability that grows from 0 to 1 over the drain time, so
    /// that clients do not all connect again at once. Envoy's default.
    Gradual,
    /// The next response is the last one. Ours, because whoever waits for the end waits less.
    #[default]
    Immediate,
}

/// The way out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drain {
    strategy: DrainStrategy,
    since: Instant,
    time: Duration,
    /// When a connection without a request is closed.
    pub(crate) close_at: Instant,
}

impl Drain {
    /// Connections that are idle live until the end of `time`.
    pub(crate) fn begin(strategy: DrainStrategy, time: Duration) -> Self {
        let since = Instant::now();
        Self {
            strategy,
            since,
            time,
            close_at: since + time,
        }
    }

    /// Idle connections are closed after `grace` already, unless they are to be spread.
    pub(crate) fn with_grace(self, grace: Duration) -> Self {
        let close_at = match self.strategy {
            DrainStrategy::Gradual => self.close_at,
            DrainStrategy::Immediate => self.close_at.min(self.since + grace),
        };
        Self { close_at, ..self }
    }

    /// Whether a response that is sent now is the last one of its connection.
    pub(crate) fn closes(self) -> bool {
        match self.strategy {
            DrainStrategy::Immediate => true,
            DrainStrategy::Gradual => gradual(self.since.elapsed(), self.time, fastrand::f64()),
        }
    }

    /// When connections of which nothing is known but bytes are closed.
    pub(crate) fn ends_at(self) -> Instant {
        self.since + self.time
    }

    /// Whether every response is the last one.
    pub(crate) fn is_certain(self) -> bool {
        self.strategy == DrainStrategy::Immediate || self.since.elapsed() >= self.time
    }
}

fn gradual(elapsed: Duration, time: Duration, random: f64) -> bool {
    elapsed >= time || random * time.as_secs_f64() < elapsed.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_grows_with_the_drain_time() {
        let time = Duration::from_secs(100);
        let closing = |elapsed: u64| {
            let randoms = (0..1000).map(|n| f64::from(n) / 1000.0);
            let elapsed = Duration::from_secs(elapsed);
            randoms.filter(|one| gradual(elapsed, time, *one)).count()
        };
        assert_eq!(
            [0, 25, 50, 100, 200].map(closing),
            [0, 250, 500, 1000, 1000]
        );
        assert!(gradual(Duration::ZERO, Duration::ZERO, 0.5));
    }
}
