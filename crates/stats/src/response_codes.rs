// SPDX-License-Identifier: Apache-2.0
//! Counts of final response codes.
//!
//! In: one code per response. Out: the codes seen so far with their counts.

use std::sync::OnceLock;

use crate::Counter;

/// Final response codes of one kind: `<prefix>_<code>`, `<prefix>_<n>xx`, `<prefix>_completed`.
/// The table is allocated at the first response.
#[derive(Debug, Default)]
pub struct ResponseCodes(OnceLock<Box<[Counter; 500]>>);

impl ResponseCodes {
    /// Counts one response; codes outside 100..599 are not counted.
    pub fn inc(&self, code: u16) {
        let table = self
            .0
            .get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())));
        if let Some(counter) = usize::from(code)
            .checked_sub(100)
            .and_then(|at| table.get(at))
        {
            counter.inc();
        }
    }

    /// The codes seen so far with their counts, in order. A reset leaves them in the list, at zero.
    pub fn seen(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.0
            .get()
            .into_iter()
            .flat_map(|table| (100..).zip(table.iter()))
            .filter(|(_, counter)| counter.used())
            .map(|(code, counter)| (code, counter.get()))
    }

    /// Back to zero.
    pub fn reset(&self) {
        self.0
            .get()
            .into_iter()
            .flat_map(|table| table.iter())
            .for_each(Counter::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_in_order_once_seen() {
        let codes = ResponseCodes::default();
        assert_eq!(codes.seen().count(), 0);
        codes.inc(503);
        codes.inc(200);
        codes.inc(200);
        codes.inc(42);
        assert_eq!(codes.seen().collect::<Vec<_>>(), [(200, 2), (503, 1)]);
        codes.reset();
        assert_eq!(codes.seen().collect::<Vec<_>>(), [(200, 0), (503, 0)]);
    }
}
