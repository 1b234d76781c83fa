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

/// A bucket.
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

    /// `tokens` every second, at least one, and at most those of a second.
    pub(crate) fn of_second(tokens: u64) -> Self {
        let tokens = tokens.max(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "beyond 2^53 bytes a second nothing is limited"
        )]
        let per_second = tokens as f64;
        Self {
            most: u32::try_from(tokens).unwrap_or(u32::MAX),
            per_second,
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

    /// One that has been filling for `seconds` at `now`.
    pub(crate) fn filling(rate: Rate, now: f64, seconds: f64) -> Self {
        Self {
            rate,
            empty_at: AtomicU64::new((now - seconds).to_bits()),
        }
    }

    /// Takes `count` tokens, if there are that many at `now`.
    pub(crate) fn take(&self, now: f64, count: u32) -> bool {
        let per_second = self.rate.per_second;
        self.update(now, |empty_at| {
            let then = empty_at + f64::from(count) / per_second;
            // A little forbearance for rounding.
            (then <= now + 1e-9).then_some(then)
        })
    }

    /// Takes up to `most` tokens, as many whole ones as there are at `now`.
    pub(crate) fn take_some(&self, now: f64, most: usize) -> usize {
        let per_second = self.rate.per_second;
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let mut taken = 0;
        let taking = self.update(now, |empty_at| {
            // A little forbearance for rounding.
            let there = (now - empty_at) * per_second + 1e-6;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative; a conversion saturates"
            )]
            let whole = there.max(0.0) as u32;
            taken = whole.min(most);
            (taken > 0).then_some(empty_at + f64::from(taken) / per_second)
        });
        if taking { taken as usize } else { 0 }
    }

    /// Moves the moment at which it was empty, which is not before it would be full, unless `then` says
    /// not to.
    fn update(&self, now: f64, mut then: impl FnMut(f64) -> Option<f64>) -> bool {
        let full_since = now - f64::from(self.rate.most) / self.rate.per_second;
        let update = |bits: u64| {
            let empty_at = f64::from_bits(bits).max(full_since);
            then(empty_at).map(f64::to_bits)
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, update)
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

    #[test]
    fn it_holds_an_interval_at_first_and_a_second_at_most() {
        let bucket = Bucket::filling(Rate::of_second(1000), 100.0, 0.05);
        assert_eq!(bucket.take_some(100.0, 2000), 50);
        assert_eq!(bucket.take_some(100.0, 2000), 0);
        assert_eq!(bucket.take_some(100.05, 30), 30);
        assert_eq!(bucket.take_some(100.05, 30), 20);
        assert_eq!(bucket.take_some(200.0, 2000), 1000);
        assert_eq!(bucket.take_some(200.0, 2000), 0);
    }

    #[test]
    fn no_byte_passes_twice() {
        let bucket = std::sync::Arc::new(Bucket::filling(Rate::of_second(1000), 4.0, 0.05));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let bucket = bucket.clone();
                std::thread::spawn(move || {
                    (0..1000).map(|_| bucket.take_some(4.95, 3)).sum::<usize>()
                })
            })
            .collect();
        let taken: usize = threads.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }
}
