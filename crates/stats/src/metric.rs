// SPDX-License-Identifier: Apache-2.0
//! The plain cells: counters, gauges and text readouts.
//!
//! In: writes from the one worker that owns a cell. Out: values that any thread may read, and
//! whether the cell was ever written (`usedonly` asks for that).

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// A count that only grows. It has one writer at a time: adding is a load and a store, without a
/// locked instruction, so two threads must never add to the same cell.
///
/// The lowest bit of the cell says "was written"; the count stands in the other 63.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        let after = self.0.load(Relaxed).wrapping_add(amount << 1) | 1;
        self.0.store(after, Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed) >> 1
    }

    /// Whether it was ever added to; a reset does not undo that.
    pub fn used(&self) -> bool {
        self.0.load(Relaxed) & 1 == 1
    }

    /// Back to zero (`/reset_counters`). An increment at the same moment may be lost.
    pub fn reset(&self) {
        self.0.store(self.0.load(Relaxed) & 1, Relaxed);
    }
}

/// A counter that is not listed before its first use, as those that Envoy creates on the way.
#[derive(Debug, Default)]
pub struct LazyCounter(pub(crate) Counter);

impl LazyCounter {
    /// Adds one.
    pub fn inc(&self) {
        self.0.inc();
    }
}

/// A value that goes up and down, 63 bits wide; one writer at a time and laid out like [`Counter`].
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: i64) {
        let after = self.0.load(Relaxed).wrapping_add(amount << 1) | 1;
        self.0.store(after, Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value << 1 | 1, Relaxed);
    }

    /// The value.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed) >> 1
    }

    /// Whether it was ever written; falling back to zero does not undo that.
    pub fn used(&self) -> bool {
        self.0.load(Relaxed) & 1 == 1
    }
}

/// A short text, such as the version of the newest accepted configuration.
#[derive(Debug, Default)]
pub struct TextReadout(Mutex<String>);

impl TextReadout {
    /// Replaces the text.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The text; empty until it is first set.
    pub fn get(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_remember_that_they_were_used() {
        let (counter, gauge) = (Counter::default(), Gauge::default());
        assert!(!counter.used() && !gauge.used());
        counter.add(7);
        gauge.add(3);
        gauge.add(-5);
        assert_eq!((counter.get(), gauge.get()), (7, -2));
        counter.reset();
        gauge.set(0);
        assert_eq!((counter.get(), gauge.get()), (0, 0));
        assert!(counter.used() && gauge.used());
    }
}
