// SPDX-License-Identifier: Apache-2.0
//! How long a watch waits before it tries again.
//!
//! In: attempts that failed, one after the other. Out: pauses that grow to a few seconds: an API
//! server that comes back is heard again soon, and not by all replicas at once.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// Pauses of one watch.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    failed: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let longest = FIRST * 2_u32.pow(self.failed.min(DOUBLINGS));
        self.failed = self.failed.saturating_add(1);
        let milliseconds = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Some(Duration::from_millis(fastrand::u64(
            milliseconds / 2..=milliseconds,
        )))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failed = 0;
    }
}

/// The longest pause after the first failure. Ours.
const FIRST: Duration = Duration::from_millis(500);

/// How often it doubles: up to 4 s. Ours; Kubernetes' own clients go up to 30 s, but they carry no
/// traffic.
const DOUBLINGS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_four_seconds_and_begin_anew_after_success() {
        let mut pauses = Pauses::default();
        for longest in [500, 1000, 2000, 4000, 4000, 4000] {
            let pause = pauses.next().unwrap_or_default().as_millis();
            assert!((longest / 2..=longest).contains(&pause), "{pause}");
        }
        pauses.reset();
        assert!(pauses.next().unwrap_or_default() <= FIRST);
    }
}
