// SPDX-License-Identifier: Apache-2.0
//! When a name is looked up again.
//!
//! In: how the last look-up ended. Out: the wait until the next one, counted from that end.

use std::time::Duration;

use fastrand::Rng;

use crate::plan::DnsTimers;

/// The waits of one name.
#[derive(Debug)]
pub(super) struct Schedule {
    timers: DnsTimers,
    /// The next wait after a failure is random below this.
    backoff: Duration,
    rng: Rng,
}

impl Schedule {
    /// Waits that have not begun.
    pub(super) fn new(timers: DnsTimers, rng: Rng) -> Self {
        Self {
            timers,
            backoff: timers.failure.map_or(Duration::ZERO, |(base, _)| base),
            rng,
        }
    }

    /// The wait after addresses, or their absence, were learnt. `ttl` is the least of the answer,
    /// `None` when it had no addresses.
    pub(super) fn after_success(&mut self, ttl: Option<Duration>) -> Duration {
        if let Some((base, _)) = self.timers.failure {
            self.backoff = base;
        }
        let ttl = ttl.filter(|ttl| self.timers.respect_ttl && !ttl.is_zero());
        let wait = match ttl {
            Some(ttl) => ttl.max(self.timers.min_refresh),
            None => self.timers.refresh,
        };
        let jitter = self.timers.jitter;
        wait.saturating_add(self.below(jitter)).max(SHORTEST)
    }

    /// The wait after nothing was learnt. Jitter is for answers only.
    pub(super) fn after_failure(&mut self) -> Duration {
        let Some((_, max)) = self.timers.failure else {
            return self.timers.refresh.max(SHORTEST);
        };
        let limit = self.backoff;
        self.backoff = limit.saturating_mul(2).min(max);
        self.below(limit).max(SHORTEST)
    }

    fn below(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.rng.f64())
    }
}

/// Envoy's timers count in milliseconds, and it refuses rates that are not above one.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMERS: DnsTimers = DnsTimers {
        refresh: Duration::from_secs(5),
        failure: None,
        respect_ttl: false,
        min_refresh: Duration::ZERO,
        jitter: Duration::ZERO,
    };

    fn schedule(timers: DnsTimers) -> Schedule {
        Schedule::new(timers, Rng::with_seed(7))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Row 63. As measured on Envoy 1.40, in which a TTL of zero does not count and the least
    /// refresh rate is for TTLs only.
    #[test]
    fn ttl_counts_if_it_is_respected() {
        let ttl = DnsTimers {
            respect_ttl: true,
            ..TIMERS
        };
        let least = DnsTimers {
            min_refresh: seconds(2),
            ..ttl
        };
        for (timers, answer, wanted) in [
            (TIMERS, Some(1), 5),
            (ttl, Some(1), 1),
            (ttl, Some(60), 60),
            (ttl, Some(0), 5),
            (ttl, None, 5),
            (least, Some(1), 2),
            (least, Some(3), 3),
        ] {
            let wait = schedule(timers).after_success(answer.map(seconds));
            assert_eq!(wait, seconds(wanted), "{timers:?} {answer:?}");
        }
        assert_eq!(schedule(ttl).after_failure(), seconds(5));
    }

    /// Row 63.
    #[test]
    fn jitter_comes_on_top_of_answers_only() {
        let mut schedule = schedule(DnsTimers {
            jitter: seconds(1),
            ..TIMERS
        });
        let waits: Vec<Duration> = (0..200).map(|_| schedule.after_success(None)).collect();
        assert!(
            waits
                .iter()
                .all(|wait| (5.0..6.0).contains(&wait.as_secs_f64()))
        );
        let spread = waits.iter().max().unwrap().as_secs_f64() - waits[0].as_secs_f64();
        assert!(spread > 0.0 && waits.iter().min() < waits.iter().max());
        assert_eq!(schedule.after_failure(), seconds(5));
    }

    /// Row 63.
    #[test]
    fn failures_back_off_and_an_answer_starts_over() {
        for seed in 0..50 {
            let timers = DnsTimers {
                failure: Some((seconds(1), seconds(3))),
                ..TIMERS
            };
            let mut schedule = Schedule::new(timers, Rng::with_seed(seed));
            for limit in [1, 2, 3, 3] {
                assert!(schedule.after_failure() < seconds(limit));
            }
            assert_eq!(schedule.after_success(None), seconds(5));
            assert!(schedule.after_failure() < seconds(1));
        }
    }
}
