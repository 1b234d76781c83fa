// SPDX-License-Identifier: Apache-2.0
//! Least request: hosts with fewer active requests get the next one.
//!
//! In: active requests of each host, by position. Out: positions when weights are equal; when they
//! differ, the weights for earliest deadline first.

use fastrand::Rng;

/// `least_request_lb_config`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LeastRequest {
    /// `active_request_bias`: how strongly active requests lower a weight; 0 ignores them.
    pub(crate) active_request_bias: f64,
    /// How hosts of equal weight are compared.
    pub(crate) selection_method: SelectionMethod,
}

/// `selection_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelectionMethod {
    /// All hosts are compared; ties are drawn.
    FullScan,
    /// So many hosts are drawn (`choice_count`), with replacement; the first of equals wins.
    NChoices(u32),
}

impl Default for LeastRequest {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            active_request_bias: 1.0,
            selection_method: SelectionMethod::NChoices(2),
        }
    }
}

impl LeastRequest {
    /// One of `count` hosts of equal weight.
    pub(crate) fn pick(
        &self,
        count: usize,
        active: impl Fn(usize) -> u64,
        rng: &mut Rng,
    ) -> Option<usize> {
        if count == 0 {
            return None;
        }
        match self.selection_method {
            SelectionMethod::FullScan => full_scan(count, active, rng),
            SelectionMethod::NChoices(choices) => (0..choices.max(1))
                .map(|_| rng.usize(..count))
                // Of equals, `min_by_key` keeps the first.
                .min_by_key(|at| active(*at)),
        }
    }

    /// The weight of a host for earliest deadline first.
    pub(crate) fn weight(&self, weight: f64, active: u64) -> f64 {
        let requests = active.saturating_add(1) as f64;
        if self.active_request_bias == 1.0 {
            weight / requests
        } else if self.active_request_bias == 0.0 {
            weight
        } else {
            weight / requests.powf(self.active_request_bias)
        }
    }
}

fn full_scan(count: usize, active: impl Fn(usize) -> u64, rng: &mut Rng) -> Option<usize> {
    let (mut best, mut least, mut ties) = (0, active(0), 1);
    for at in 1..count {
        let requests = active(at);
        if requests < least {
            (best, least, ties) = (at, requests, 1);
        } else if requests == least {
            ties += 1;
            // Of n tied hosts each is kept with probability 1/n, without a list of them.
            if rng.usize(..ties) == 0 {
                best = at;
            }
        }
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::edf::Edf;

    fn counts(balancer: LeastRequest, active: [u64; 3], picks: usize) -> [usize; 3] {
        let mut rng = Rng::with_seed(7);
        let mut counts = [0; 3];
        for _ in 0..picks {
            counts[balancer.pick(3, |at| active[at], &mut rng).unwrap()] += 1;
        }
        counts
    }

    /// Row 58.
    ///
    /// Two busy of three, on Envoy 1.40: the free one got 10 of 24 with two choices (5/9 are
    /// expected), all 24 with a full scan.
    #[test]
    fn free_host_gets_its_share() {
        let two = LeastRequest::default();
        let [a, b, free] = counts(two, [1, 1, 0], 9000);
        assert!(free.abs_diff(5000) < 200, "{free}");
        assert!(a.abs_diff(2000) < 200 && b.abs_diff(2000) < 200, "{a} {b}");
        let scan = LeastRequest {
            selection_method: SelectionMethod::FullScan,
            ..two
        };
        assert_eq!(counts(scan, [1, 1, 0], 24), [0, 0, 24]);
        let tied = counts(scan, [1, 1, 1], 9000);
        assert!(
            tied.iter().all(|count| count.abs_diff(3000) < 200),
            "{tied:?}"
        );
        assert_eq!(scan.pick(0, |_| 0, &mut Rng::new()), None);
    }

    /// Weights 1:2:3 without active requests give 6:12:18 of 36 on Envoy 1.40.
    #[test]
    fn unequal_weights_idle_follow_weights() {
        let policy = LeastRequest::default();
        let weight = |at: usize| policy.weight((at + 1) as f64, 0);
        let mut edf = Edf::weighed(3, weight);
        let mut counts = [0; 3];
        for _ in 0..36 {
            counts[edf.pick_and_add(weight).unwrap()] += 1;
        }
        assert_eq!(counts, [6, 12, 18]);
    }

    #[test]
    fn active_requests_lower_the_weight() {
        let bias = |active_request_bias| LeastRequest {
            active_request_bias,
            ..LeastRequest::default()
        };
        assert_eq!(bias(1.0).weight(6.0, 2), 2.0);
        assert_eq!(bias(0.0).weight(6.0, 2), 6.0);
        assert_eq!(bias(2.0).weight(18.0, 2), 2.0);
    }
}
