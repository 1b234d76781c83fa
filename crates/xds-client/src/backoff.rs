// SPDX-License-Identifier: Apache-2.0
//! How long to wait before the next attempt to connect.
//!
//! In: failures and successes. Out: random times below a bound that doubles with each failure.

use std::time::Duration;

/// The state.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The time to wait after another failure.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = BASE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        doubled.min(MAX).mul_f64(fastrand::f64())
    }

    /// The server works.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Envoy default of `retry_back_off.base_interval`.
const BASE: Duration = Duration::from_millis(500);
/// Envoy default of `retry_back_off.max_interval`.
const MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_anew() {
        let mut backoff = Backoff::default();
        for failures in 0..100 {
            let bound = BASE.saturating_mul(1 << failures.min(6)).min(MAX);
            assert!(backoff.next() <= bound);
        }
        backoff.reset();
        assert!(backoff.next() <= BASE);
    }
}
