// SPDX-License-Identifier: Apache-2.0
//! A token bucket that many workers share.
//!
//! In: a rate and the time. Out: tokens. It holds one number: since when it has been filling.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a bucket fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// Tokens in a full bucket.
    pub(crate) most: u32,
    /// Tokens that come in a second.
    pub(crate) per_second: f64,
}

/// A bucket, full at first.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Its rate.
    pub(crate) rate: Rate,
    /// The moment at which it was empty, in seconds, as bits of an `f64`.
    empty_at: AtomicU64,
}

impl Rate {
    /// `tokens` every `interval` seconds, at most `most`.
    pub(crate) fn new(most: u32, tokens: u32, interval: f64) -> Self {
        Self {
            most,
            per_second: f64::from(tokens) / interval,
        }
    }
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            empty_at: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
        }
    }

    /// Takes `count` tokens, if there are that many at `now`.
    pub(crate) fn take(&self, now: f64, count: u32) -> bool {
        let Rate { most, per_second } = self.rate;
        let full_since = now - f64::from(most) / per_second;
        let take = |bits: u64| {
            let empty_at = f64::from_bits(bits).max(full_since);
            let then = empty_at + f64::from(count) / per_second;
            // A little forbearance for rounding.
            (then <= now + 1e-9).then(|| then.to_bits())
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
    }

    /// How many whole tokens there are.
    pub(crate) fn left(&self, now: f64) -> u64 {
        let empty_at = f64::from_bits(self.empty_at.load(Ordering::Acquire));
        let tokens = (now - empty_at) * self.rate.per_second + 1e-9;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a number of 32 bits"
        )]
        let whole = tokens.clamp(0.0, f64::from(self.rate.most)) as u64;
        whole
    }

    /// Seconds until there is another token, rounded up.
    pub(crate) fn reset(&self, now: f64) -> u64 {
        let empty_at = f64::from_bits(self.empty_at.load(Ordering::Acquire));
        let next = empty_at + 1.0 / self.rate.per_second;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; a conversion saturates"
        )]
        let seconds = (next - now).max(0.0).ceil() as u64;
        seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_empties_and_fills_evenly() {
        let bucket = Bucket::new(Rate::new(3, 3, 60.0));
        let took: Vec<bool> = (0..5).map(|_| bucket.take(1000.0, 1)).collect();
        assert_eq!(took, [true, true, true, false, false]);
        assert_eq!((bucket.left(1000.0), bucket.reset(1000.0)), (0, 20));
        assert!(!bucket.take(1019.0, 1));
        assert!(bucket.take(1020.0, 1));
        assert_eq!(bucket.left(1061.0), 2);
        assert!(!bucket.take(1061.0, 3));
        assert!(bucket.take(9000.0, 3));
    }

    #[test]
    fn no_token_is_given_twice() {
        let bucket = std::sync::Arc::new(Bucket::new(Rate::new(1000, 1000, 3600.0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let bucket = bucket.clone();
                std::thread::spawn(move || (0..1000).filter(|_| bucket.take(5.0, 1)).count())
            })
            .collect();
        let taken: usize = threads.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }
}
