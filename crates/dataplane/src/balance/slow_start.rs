// SPDX-License-Identifier: Apache-2.0
//! Slow start: a host that just became healthy gets less load at first.
//!
//! In: how long a host has been healthy. Out: the factor for its weight. Round robin and least
//! request only.

use std::time::Duration;

/// `slow_start_config`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SlowStart {
    /// `slow_start_window`, not zero.
    pub(crate) window: Duration,
    /// `aggression`; 1 is linear, more is faster. Envoy takes 1 for anything not above 0.
    pub(crate) aggression: f64,
    /// `min_weight_percent` as a factor.
    pub(crate) min_weight: f64,
}

impl SlowStart {
    /// With Envoy's defaults: linear, from 10 %.
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window,
            aggression: 1.0,
            min_weight: 0.1,
        }
    }

    /// The factor for a host that has been healthy for so long.
    pub(crate) fn factor(&self, healthy_for: Duration) -> f64 {
        if !self.covers(healthy_for) {
            return 1.0;
        }
        // Whole milliseconds, at least one, as Envoy counts.
        let time = healthy_for.as_millis().max(1) as f64 / self.window.as_millis() as f64;
        let time = if self.aggression > 0.0 && self.aggression != 1.0 {
            time.powf(1.0 / self.aggression)
        } else {
            time
        };
        time.max(self.min_weight)
    }

    /// Whether a host that has been healthy for so long is still in the window.
    pub(crate) fn covers(&self, healthy_for: Duration) -> bool {
        healthy_for.as_millis() < self.window.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 61.
    ///
    /// Shares of a new host beside an old one, per second of a window of 6 s, measured on Envoy
    /// 1.40. Between its picks a host keeps its old deadline, so what is seen lags a little.
    #[test]
    fn shares_are_those_measured() {
        let start = SlowStart::new(Duration::from_secs(6));
        for (slow_start, measured) in [
            (start, [0.10, 0.19, 0.29, 0.38, 0.43, 0.48]),
            (
                SlowStart {
                    aggression: 2.0,
                    ..start
                },
                [0.20, 0.31, 0.41, 0.43, 0.46, 0.49],
            ),
            (
                SlowStart {
                    min_weight: 0.5,
                    ..start
                },
                [0.33, 0.33, 0.33, 0.37, 0.43, 0.48],
            ),
        ] {
            for (second, wanted) in (0..).zip(measured) {
                let factor = slow_start.factor(Duration::from_millis(second * 1000 + 500));
                let share = factor / (1.0 + factor);
                assert!((share - wanted).abs() < 0.05, "{second}: {share} {wanted}");
            }
        }
    }

    #[test]
    fn window_ends() {
        let start = SlowStart::new(Duration::from_secs(6));
        assert_eq!(start.factor(Duration::ZERO), 0.1);
        assert_eq!(start.factor(Duration::from_secs(3)), 0.5);
        assert_eq!(start.factor(Duration::from_secs(6)), 1.0);
        let odd = SlowStart {
            aggression: 0.0,
            ..start
        };
        assert_eq!(odd.factor(Duration::from_secs(3)), 0.5);
    }
}
