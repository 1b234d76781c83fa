// SPDX-License-Identifier: Apache-2.0
//! Waits before retries.
//!
//! In: the policy, which retry it is, and a random draw. Out: how long to wait. In whole
//! milliseconds, as in Envoy.

use std::time::Duration;

/// `retry_back_off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BackOff {
    base: u64,
    max: u64,
}

/// `rate_limited_retry_back_off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimitedBackOff {
    /// `reset_headers`, in order.
    pub(crate) reset_headers: Vec<ResetHeader>,
    /// `max_interval`; longer ones are passed over. Envoy's default is 300 s.
    pub(crate) max_interval: Duration,
}

/// A header that says when to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResetHeader {
    /// Its name.
    pub(crate) name: String,
    /// What its value means.
    pub(crate) format: ResetFormat,
}

/// What the value of a reset header means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetFormat {
    /// Seconds to wait.
    Seconds,
    /// The time to come back, in seconds since 1970.
    UnixTimestamp,
}

impl BackOff {
    /// From `base_interval` and `max_interval`. Envoy's defaults: 25 ms, and ten times the base.
    /// Fractions of a millisecond count as a whole one.
    pub(crate) fn new(base: Option<Duration>, max: Option<Duration>) -> Self {
        let millis = |time: Duration| (time.as_millis() as u64).max(1);
        let base = base.map_or(25, millis);
        Self {
            base,
            max: max.map_or(base.saturating_mul(10), millis),
        }
    }

    /// The wait before retry `retry`, the first being 0: any time below base x 2^retry or the
    /// maximum. `random` is any number.
    pub(crate) fn wait(&self, retry: u32, random: u64) -> Duration {
        Duration::from_millis(random % self.bound(retry))
    }

    fn bound(&self, retry: u32) -> u64 {
        let doubled = 1_u64.checked_shl(retry).unwrap_or(u64::MAX);
        self.base.saturating_mul(doubled).min(self.max)
    }
}

impl RateLimitedBackOff {
    /// The wait that a response asks for, from the first header that can be read: between once and
    /// one and a half times its value. `first_value` gives the first value of a header, `now` is
    /// the time since 1970. None: [`BackOff`] applies.
    pub(crate) fn wait<'a>(
        &self,
        first_value: impl Fn(&str) -> Option<&'a str>,
        now: Duration,
        random: u64,
    ) -> Option<Duration> {
        let interval = self
            .reset_headers
            .iter()
            .filter_map(|header| header.interval(first_value(&header.name)?, now))
            .find(|interval| *interval <= self.max_interval)
            .filter(|interval| !interval.is_zero())?;
        let half = interval.as_millis() as u64 / 2;
        Some(interval + Duration::from_millis(random.checked_rem(half).unwrap_or(0)))
    }
}

impl ResetHeader {
    fn interval(&self, value: &str, now: Duration) -> Option<Duration> {
        let seconds: u64 = value.trim().parse().ok()?;
        match self.format {
            ResetFormat::Seconds => Some(Duration::from_secs(seconds)),
            ResetFormat::UnixTimestamp => {
                seconds.checked_sub(now.as_secs()).map(Duration::from_secs)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds that 30 samples each kept to on Envoy 1.40.
    #[test]
    fn bounds_double_up_to_the_maximum() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (base, max, bounds) in [
            (None, None, [25, 50, 100, 200, 250, 250]),
            (ms(100), None, [100, 200, 400, 800, 1000, 1000]),
            (ms(100), ms(200), [100, 200, 200, 200, 200, 200]),
            (Some(Duration::from_micros(10)), None, [1, 2, 4, 8, 10, 10]),
        ] {
            let back_off = BackOff::new(base, max);
            for (retry, bound) in (0..).zip(bounds) {
                let last = Duration::from_millis(bound - 1);
                assert_eq!(back_off.wait(retry, bound - 1), last);
                assert_eq!(back_off.wait(retry, bound), Duration::ZERO);
            }
            assert!(back_off.wait(200, u64::MAX) < Duration::from_secs(1));
        }
    }

    #[test]
    fn reset_headers_are_read_in_order() {
        let header = |name: &str, format| ResetHeader {
            name: name.to_owned(),
            format,
        };
        let back_off = RateLimitedBackOff {
            reset_headers: vec![
                header("retry-after", ResetFormat::Seconds),
                header("x-reset", ResetFormat::UnixTimestamp),
            ],
            max_interval: Duration::from_secs(300),
        };
        let now = Duration::from_millis(1_000_500);
        let wait = |after: Option<&'static str>, reset: Option<&'static str>, random| {
            let value = |name: &str| if name == "x-reset" { reset } else { after };
            back_off
                .wait(value, now, random)
                .map(|wait| wait.as_millis())
        };
        assert_eq!(wait(Some("1"), None, 0), Some(1000));
        assert_eq!(wait(Some("1"), None, 499), Some(1499));
        assert_eq!(wait(Some("1"), None, 500), Some(1000));
        assert_eq!(wait(Some("soon"), Some("1002"), 0), Some(2000));
        assert_eq!(wait(Some("301"), Some("1002"), 0), Some(2000));
        assert_eq!(wait(Some("301"), Some("999"), 0), None);
        assert_eq!(wait(Some("0"), None, 7), None);
        assert_eq!(wait(None, None, 0), None);
    }
}
