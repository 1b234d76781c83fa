// SPDX-License-Identifier: Apache-2.0
//! Fields that were sent before.
//!
//! In: a line, or a name. Out: the same in the codec's form, without checking or copying it once
//! more. Most lines of a head are those of the last one. A worker has one store, of bounded size.

use std::cell::RefCell;

use http::{HeaderName, HeaderValue};

/// The store.
pub(super) struct Kept {
    lines: [Set; SETS],
    names: [Option<HeaderName>; NAMES],
}

/// Lines with the same place.
type Set = [Option<Line>; WAYS];

struct Line {
    line: Box<[u8]>,
    name: HeaderName,
    value: HeaderValue,
}

/// Gives `use_it` this worker's store.
pub(super) fn with<T>(use_it: impl FnOnce(&mut Kept) -> T) -> T {
    KEPT.with_borrow_mut(use_it)
}

impl Kept {
    /// The field of a line without its end, if it is kept.
    pub(super) fn line(&self, line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let mut kept = self.lines[place(line)?].iter().flatten();
        let found = kept.find(|kept| *kept.line == *line)?;
        Some((found.name.clone(), found.value.clone()))
    }

    /// Keeps the field of a line that was not found. Where another one has to go, only now and then:
    /// most that are not found will not come again.
    pub(super) fn keep(&mut self, line: &[u8], name: &HeaderName, value: &HeaderValue) {
        let Some(place) = place(line) else {
            return;
        };
        let set = &mut self.lines[place];
        let free = set.iter().position(Option::is_none);
        let Some(way) = free.or_else(|| Some(fastrand::usize(..WAYS * 4)).filter(|at| *at < WAYS))
        else {
            return;
        };
        // Its own copy, not a part of the head that it came in.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            set[way] = Some(Line {
                line: line.into(),
                name: name.clone(),
                value,
            });
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
fn place(line: &[u8]) -> Option<usize> {
    let first = u64::from_le_bytes(*line.first_chunk()?);
    let last = u64::from_le_bytes(*line.last_chunk()?);
    let mixed = (first ^ last.rotate_left(29) ^ line.len() as u64).wrapping_mul(ODD);
    (line.len() <= LONGEST).then_some((mixed >> 48) as usize % SETS)
}

thread_local! {
    static KEPT: RefCell<Kept> = const {
        RefCell::new(Kept {
            lines: [const { [const { None }; WAYS] }; SETS],
            names: [const { None }; NAMES],
        })
    };
}

const SETS: usize = 64;
const WAYS: usize = 2;
const NAMES: usize = 64;
/// Bytes of the longest line that is kept.
const LONGEST: usize = 256;
/// The golden ratio, as a fraction of 2^64.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_and_make_room() {
        let keep = |kept: &mut Kept, line: &[u8], name: &str, value: &str| {
            let name = kept.name(name.as_bytes()).expect("a name");
            let value = HeaderValue::from_str(value).expect("a value");
            kept.keep(line, &name, &value);
            kept.line(line)
                .inspect(|found| assert_eq!(*found, (name, value)))
        };
        with(|kept| {
            assert!(kept.line(b"Server: somebody").is_none());
            assert!(keep(kept, b"Server: somebody", "server", "somebody").is_some());
            assert!(keep(kept, b"x-some: somebody", "x-some", "somebody").is_some());
            assert!(kept.line(b"server: somebody").is_none());
            assert!(keep(kept, b"a: b", "a", "b").is_none());
            let found = (0..5000).filter(|number| {
                let value = format!("somebody {number}");
                let line = format!("server: {value}");
                keep(kept, line.as_bytes(), "server", &value).is_some()
            });
            assert!(found.count() > SETS * WAYS);
        });
    }
}
