// SPDX-License-Identifier: Apache-2.0
//! The dynamic table (RFC 7541 2.3.2), of either direction.
//!
//! In: lines that were sent as literals. Out: the same, by how long ago that was. The bytes of all
//! of them are in one buffer, which is tidied up when half of it is of no use any more.

use std::collections::VecDeque;

/// The table; `T` is what its owner wants to know about a line.
#[derive(Debug)]
pub(super) struct Table<T> {
    bytes: Vec<u8>,
    /// Bytes that were cut off the front of the buffer.
    cut: usize,
    entries: VecDeque<Entry<T>>,
    /// By the standard's measure.
    size: usize,
    limit: usize,
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<T> {
    /// Where its bytes start, counted from the first byte ever.
    at: usize,
    length: usize,
    size: usize,
    /// Bytes of the name.
    pub(super) name: usize,
    /// The owner's.
    pub(super) tag: T,
}

impl<T: Copy> Table<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            cut: 0,
            entries: VecDeque::new(),
            size: 0,
            limit,
        }
    }

    /// Changes the limit, in the standard's measure.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink_to(limit);
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The line that was added `ago` lines before the last one.
    pub(super) fn line(&self, ago: usize) -> Option<(&[u8], &Entry<T>)> {
        let at = self.entries.len().checked_sub(ago + 1)?;
        let entry = self.entries.get(at)?;
        let start = entry.at - self.cut;
        Some((self.bytes.get(start..start + entry.length)?, entry))
    }

    /// Adds a line, whose name has `name` bytes and whose value `value`. Says whether it is in there.
    pub(super) fn add(&mut self, line: &[u8], [name, value]: [usize; 2], tag: T) -> bool {
        let size = name + value + OVERHEAD;
        if size > self.limit {
            self.shrink_to(0);
            return false;
        }
        self.shrink_to(self.limit - size);
        self.tidy(line.len());
        self.entries.push_back(Entry {
            at: self.cut + self.bytes.len(),
            length: line.len(),
            size,
            name,
            tag,
        });
        self.bytes.extend_from_slice(line);
        self.size += size;
        true
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size
            && let Some(entry) = self.entries.pop_front()
        {
            self.size -= entry.size;
        }
    }

    /// Makes room for `more` bytes.
    fn tidy(&mut self, more: usize) {
        if self.bytes.len() + more <= self.bytes.capacity() {
            return;
        }
        let end = self.cut + self.bytes.len();
        let start = self.entries.front().map_or(end, |entry| entry.at);
        let useless = start - self.cut;
        if useless * 2 >= self.bytes.len() {
            self.bytes.drain(..useless);
            self.cut = start;
        }
    }
}

/// What each line counts for beside its bytes.
const OVERHEAD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_make_room() {
        let mut table = Table::new(100);
        let mut random = fastrand::Rng::with_seed(1);
        let mut all = Vec::new();
        for number in 0..10_000_u32 {
            let value = "x".repeat(random.usize(..40));
            let line = format!("a: {number}{value}");
            let length = line.len() - 3;
            assert!(table.add(line.as_bytes(), [1, length], number));
            all.push((line, length + 1 + OVERHEAD));
            let mut room = 100;
            let mut ago = 0;
            for (line, size) in all.iter().rev() {
                if *size > room {
                    break;
                }
                room -= size;
                assert_eq!(table.line(ago).map(|found| found.0), Some(line.as_bytes()));
                ago += 1;
            }
            assert_eq!(table.entries.len(), ago);
            assert!(table.line(ago).is_none());
        }
        assert!(table.bytes.capacity() < 1000);
        assert!(!table.add(&[b'x'; 80], [40, 40], 0));
        assert_eq!(table.entries.len(), 0);
    }
}
