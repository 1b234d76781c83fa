// SPDX-License-Identifier: Apache-2.0
//! Fields that were sent before.
//!
//! In: a line, or a name. Out: the same in the codec's form, without checking or copying it once
//! more. Most lines of a head are those of the last one. A worker has one store, of bounded size.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// The store.
pub(super) struct Kept {
    lines: [Slot; LINES],
    names: [Option<HeaderName>; NAMES],
}

/// Place for one line.
struct Slot {
    /// The hash of the last line that was not found here: it is kept when it comes again.
    missed: u64,
    line: Bytes,
    field: Option<(HeaderName, HeaderValue)>,
}

/// Gives `use_it` this worker's store.
pub(super) fn with<T>(use_it: impl FnOnce(&mut Kept) -> T) -> T {
    KEPT.with_borrow_mut(use_it)
}

impl Kept {
    /// The field of a line without its end, if it is kept.
    pub(super) fn line(&self, line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let slot = &self.lines[place(hash(line)?)];
        if slot.line != line {
            return None;
        }
        slot.field.clone()
    }

    /// Keeps the field of a line that was not found, unless this is its first time.
    pub(super) fn keep(&mut self, line: &[u8], name: &HeaderName, value: &HeaderValue) {
        let Some(hash) = hash(line) else {
            return;
        };
        let slot = &mut self.lines[place(hash)];
        if slot.missed != hash {
            slot.missed = hash;
            return;
        }
        // Its own copy, not a part of the head that it came in.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            slot.line = Bytes::copy_from_slice(line);
            slot.field = Some((name.clone(), value));
        }
    }

    /// A name, in lower case.
    pub(super) fn name(&mut self, bytes: &[u8]) -> Option<HeaderName> {
        let (first, last) = (*bytes.first()?, *bytes.last()?);
        let at = bytes.len() + usize::from(first) * 2 + usize::from(last) * 8;
        let name = &mut self.names[at % NAMES];
        match name {
            Some(name) if name.as_str().as_bytes() == bytes => {}
            _ => *name = Some(HeaderName::from_bytes(bytes).ok()?),
        }
        name.clone()
    }
}

/// By both ends of a line, where most differ. None for one that is not worth it.
fn hash(line: &[u8]) -> Option<u64> {
    let first = u64::from_le_bytes(*line.first_chunk()?);
    let last = u64::from_le_bytes(*line.last_chunk()?);
    let mixed = (first ^ last.rotate_left(29) ^ line.len() as u64).wrapping_mul(ODD);
    (line.len() <= LONGEST).then_some(mixed)
}

fn place(hash: u64) -> usize {
    (hash >> 32) as usize % LINES
}

thread_local! {
    static KEPT: RefCell<Kept> = const {
        RefCell::new(Kept {
            lines: [const { Slot { missed: 0, line: Bytes::new(), field: None } }; LINES],
            names: [const { None }; NAMES],
        })
    };
}

const LINES: usize = 128;
const NAMES: usize = 64;
/// Bytes of the longest line that is kept.
const LONGEST: usize = 256;
/// The golden ratio, as a fraction of 2^64.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_from_its_second_time_on() {
        let line = |kept: &mut Kept, line: &[u8], value: &'static str| {
            let name = kept
                .name(&line[..line.len() - value.len() - 2])
                .expect("a name");
            let value = HeaderValue::from_static(value);
            let found = kept.line(line);
            if found.is_none() {
                kept.keep(line, &name, &value);
            }
            assert!(found.as_ref().is_none_or(|found| *found == (name, value)));
            found.is_some()
        };
        with(|kept| {
            for found in [false, false, true, true] {
                assert_eq!(line(kept, b"Server: somebody", "somebody"), found);
                assert_eq!(line(kept, b"x-some: somebody", "somebody"), found);
                assert!(!line(kept, b"a: b", "b"));
            }
            assert!(kept.line(b"server: somebody").is_none());
        });
    }
}
