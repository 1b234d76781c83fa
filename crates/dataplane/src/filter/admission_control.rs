// SPDX-License-Identifier: Apache-2.0
//! Admission control of a cluster (`envoy.filters.http.admission_control`).
//!
//! In: how requests of the last while ended, and the time. Out: with which probability another one
//! is turned away. Each worker looks at its own requests, as in Envoy.

use std::{collections::VecDeque, ops::Range, time::Duration};

/// Settings of the filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdmissionControl {
    /// How long a request counts, whole seconds.
    pub(crate) sampling_window: Duration,
    /// The exponent is its inverse; at least 1, which rejects in proportion.
    pub(crate) aggression: f64,
    /// Share of successes below which requests are rejected, above 0 and at most 1.
    pub(crate) sr_threshold: f64,
    /// Requests per second below which all are admitted.
    pub(crate) rps_threshold: u32,
    /// The highest probability of a rejection, at most 1.
    pub(crate) max_rejection_probability: f64,
    /// What a success is.
    pub(crate) criteria: Criteria,
}

/// What counts as a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Criteria {
    /// Statuses, the ends excluded.
    pub(crate) http: Vec<Range<i32>>,
    /// Statuses of gRPC.
    pub(crate) grpc: Vec<u32>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A status of gRPC; `None` for one that is no number.
    Grpc(Option<u32>),
    /// Any other response, by its status.
    Http(u16),
}

/// Requests and how many of them succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    requests: u32,
    successes: u32,
}

/// The requests of the sampling window, by the second.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// When each began, oldest first.
    seconds: VecDeque<(Duration, Counts)>,
    /// All of them.
    all: Counts,
}

impl Default for Criteria {
    fn default() -> Self {
        Self {
            http: vec![HTTP_SUCCESS],
            grpc: GRPC_SUCCESS.to_vec(),
        }
    }
}

impl Criteria {
    /// Whether an attempt that ended so succeeded.
    pub(crate) fn succeeded(&self, outcome: Ended) -> bool {
        match outcome {
            Ended::Grpc(status) => status.is_some_and(|status| self.grpc.contains(&status)),
            Ended::Http(status) => {
                let status = i32::from(status);
                self.http.iter().any(|range| range.contains(&status))
            }
        }
    }
}

impl AdmissionControl {
    /// Whether the next request is rejected; `drawn` is a random number.
    pub(crate) fn rejects(&self, history: &mut History, now: Duration, drawn: u64) -> bool {
        if history.average_rps(now) < self.rps_threshold {
            return false;
        }
        history.forget(now, self.sampling_window);
        let drawn = u32::try_from(drawn % u64::from(ACCURACY)).unwrap_or(0);
        self.probability(history.all) * f64::from(ACCURACY) > f64::from(drawn)
    }

    /// The probability of a rejection, 0 to 1.
    fn probability(&self, counts: Counts) -> f64 {
        let (requests, successes) = (f64::from(counts.requests), f64::from(counts.successes));
        let excess = (requests - successes / self.sr_threshold) / (requests + 1.0);
        excess
            .max(0.0)
            .powf(1.0 / self.aggression)
            .min(self.max_rejection_probability)
    }
}

impl History {
    /// Counts an attempt that ended at `now`.
    pub(crate) fn record(&mut self, now: Duration, window: Duration, success: bool) {
        self.forget(now, window);
        let fresh = self
            .seconds
            .back()
            .is_some_and(|(since, _)| now.saturating_sub(*since) < SECOND);
        if !fresh {
            self.seconds.push_back((now, Counts::default()));
        }
        let last = self.seconds.back_mut().map(|(_, counts)| counts);
        for counts in last.into_iter().chain([&mut self.all]) {
            counts.requests += 1;
            counts.successes += u32::from(success);
        }
    }

    /// Leaves out what is older than the window.
    fn forget(&mut self, now: Duration, window: Duration) {
        while let Some((since, counts)) = self.seconds.front()
            && now.saturating_sub(*since) >= window
        {
            self.all.requests -= counts.requests;
            self.all.successes -= counts.successes;
            self.seconds.pop_front();
        }
    }

    /// Requests per second, since the oldest that is remembered; rounded down.
    fn average_rps(&self, now: Duration) -> u32 {
        let Some((oldest, _)) = self.seconds.front() else {
            return 0;
        };
        let seconds = now.saturating_sub(*oldest).as_secs().max(1);
        u32::try_from(u64::from(self.all.requests) / seconds).unwrap_or(u32::MAX)
    }
}

/// Envoy draws with four digits.
const ACCURACY: u32 = 10_000;
/// How finely the past is remembered (Envoy's).
const SECOND: Duration = Duration::from_secs(1);
// Successes where nothing else is set, recorded from Envoy.
const HTTP_SUCCESS: Range<i32> = 100..500;
const GRPC_SUCCESS: [u32; 11] = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> AdmissionControl {
        AdmissionControl {
            sampling_window: Duration::from_secs(30),
            aggression: 1.0,
            sr_threshold: 0.95,
            rps_threshold: 0,
            max_rejection_probability: 0.8,
            criteria: Criteria::default(),
        }
    }

    fn counts(requests: u32, successes: u32) -> Counts {
        Counts {
            requests,
            successes,
        }
    }

    #[test]
    fn the_probability_grows_with_failures_and_aggression() {
        // requests, successes, threshold, aggression, at most, probability
        let table = [
            (0, 0, 0.95, 1.0, 0.8, 0.0),
            (100, 100, 0.95, 1.0, 0.8, 0.0),
            (100, 95, 0.95, 1.0, 0.8, 0.0),
            (99, 0, 0.95, 1.0, 1.0, 0.99),
            (99, 0, 0.95, 1.0, 0.8, 0.8),
            (99, 0, 0.95, 1.0, 0.0, 0.0),
            (199, 95, 0.95, 1.0, 0.8, 0.495),
            (99, 50, 1.0, 1.0, 0.8, 0.49),
            (99, 50, 1.0, 2.0, 0.8, 0.7),
            (99, 50, 0.5, 2.0, 0.8, 0.0),
            (1, 0, 1.0, 1e6, 1.0, 0.999_999_3),
        ];
        for (requests, successes, sr_threshold, aggression, most, expected) in table {
            let settings = AdmissionControl {
                sr_threshold,
                aggression,
                max_rejection_probability: most,
                ..settings()
            };
            let found = settings.probability(counts(requests, successes));
            assert!(
                (found - expected).abs() < 1e-7,
                "{requests} {successes} {aggression}: {found}"
            );
        }
    }

    #[test]
    fn what_was_drawn_decides() {
        let mut history = History::default();
        for _ in 0..99 {
            history.record(Duration::ZERO, settings().sampling_window, false);
        }
        let mut rejects = |drawn| settings().rejects(&mut history, Duration::ZERO, drawn);
        assert!(rejects(0));
        assert!(rejects(7_999));
        assert!(!rejects(8_000));
        assert!(!rejects(9_999));
        assert!(rejects(10_000));
    }

    #[test]
    fn requests_count_as_long_as_the_window() {
        let window = Duration::from_secs(3);
        let at = Duration::from_millis;
        let mut history = History::default();
        // The first two share a second, although the third is less than one behind the second.
        for (millis, success) in [(0, true), (900, false), (1_000, false), (2_500, true)] {
            history.record(at(millis), window, success);
        }
        assert_eq!(history.seconds.len(), 3);
        for (millis, expected) in [
            (2_999, counts(4, 2)),
            (3_000, counts(2, 1)),
            (4_000, counts(1, 1)),
            (5_499, counts(1, 1)),
            (5_500, counts(0, 0)),
        ] {
            history.forget(at(millis), window);
            assert_eq!(history.all, expected, "{millis}");
        }
        assert!(history.seconds.is_empty());
    }

    #[test]
    fn few_requests_are_all_admitted() {
        let settings = AdmissionControl {
            rps_threshold: 5,
            ..settings()
        };
        let mut history = History::default();
        let mut rejects = |requests, seconds| {
            history = History::default();
            for _ in 0..requests {
                history.record(Duration::ZERO, settings.sampling_window, false);
            }
            settings.rejects(&mut history, Duration::from_secs(seconds), 0)
        };
        assert!(!rejects(4, 0));
        assert!(rejects(5, 0));
        assert!(rejects(5, 1));
        assert!(!rejects(5, 2));
        assert!(rejects(10, 2));
        assert!(!rejects(14, 3) && rejects(15, 3));
    }

    /// Values recorded from Envoy.
    #[test]
    fn successes_are_told_from_failures() {
        let criteria = Criteria::default();
        let grpc = (0..18).filter(|status| criteria.succeeded(Ended::Grpc(Some(*status))));
        assert_eq!(grpc.collect::<Vec<_>>(), GRPC_SUCCESS);
        assert!(!criteria.succeeded(Ended::Grpc(None)));
        for (status, success) in [(101, true), (200, true), (499, true), (500, false)] {
            assert_eq!(criteria.succeeded(Ended::Http(status)), success);
        }
        let listed = Criteria {
            http: vec![200..201, 404..405],
            grpc: vec![4],
        };
        for (status, success) in [(200, true), (201, false), (404, true), (500, false)] {
            assert_eq!(listed.succeeded(Ended::Http(status)), success);
        }
        assert!(listed.succeeded(Ended::Grpc(Some(4))));
        assert!(!listed.succeeded(Ended::Grpc(Some(0))));
    }
}
