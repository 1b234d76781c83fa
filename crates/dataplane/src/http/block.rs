// SPDX-License-Identifier: Apache-2.0
//! Sixteen bytes at a time.
//!
//! In: bytes. Out: which of them belong to a class, one bit each, the first byte's the lowest.

use wide::u8x16;

/// Sixteen bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block(u8x16);

/// Bytes of a block.
pub(super) const SIZE: usize = 16;

impl Block {
    /// These bytes.
    #[inline]
    pub(super) fn new(bytes: &[u8; SIZE]) -> Self {
        Self(u8x16::new(*bytes))
    }

    /// The bytes from `at` on. Beyond the end there are NULs.
    #[inline]
    pub(super) fn load(bytes: &[u8], at: usize) -> Self {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => Self::new(block),
            None => {
                let mut block = [0; SIZE];
                block[..rest.len()].copy_from_slice(rest);
                Self::new(&block)
            }
        }
    }

    /// The same with the letters among the first `count` bytes in lower case.
    #[inline]
    pub(super) fn lower(self, count: usize) -> [u8; SIZE] {
        let from = SIZE - count.min(SIZE);
        let window = LOWERED[from..].first_chunk().copied().unwrap_or_default();
        (self.0 | (self.between(b'A', b'Z') & u8x16::new(window))).to_array()
    }

    /// Two hexadecimal digits for each byte.
    #[inline]
    pub(super) fn hexadecimal(self) -> [[u8; SIZE]; 2] {
        let digits = |values: u8x16| {
            let letters = values.simd_eq(values.max(u8x16::splat(10)));
            values + u8x16::splat(b'0') + (letters & u8x16::splat(b'a' - b'0' - 10))
        };
        let (first, second) = (digits(self.0 >> 4u32), digits(self.0 & u8x16::splat(15)));
        let halves = [u8x16::unpack_low, u8x16::unpack_high];
        halves.map(|half| half(first, second).to_array())
    }

    /// Control bytes and what is not ASCII.
    #[inline]
    pub(super) fn odd(self) -> u32 {
        self.after_blank().reach(0x5f)
    }

    /// Bytes counted from the blank on, which leaves the text of ASCII at the bottom.
    #[inline]
    fn after_blank(self) -> Self {
        Self(self.0 - u8x16::splat(b' '))
    }

    /// Bytes from this one on, by their highest bits once they were moved up.
    #[inline]
    fn reach(self, byte: u8) -> u32 {
        self.0
            .saturating_add(u8x16::splat(0x80 - byte))
            .to_bitmask()
    }

    /// Control bytes, NUL among them.
    #[inline]
    pub(super) fn controls(self) -> u32 {
        (self.between(0, 0x1f) | self.equal(0x7f)).to_bitmask()
    }

    /// Letters, digits and `-`, of which nearly all names consist.
    #[inline]
    pub(super) fn plain(self) -> u32 {
        let letters = Self(self.0 | u8x16::splat(0x20)).between(b'a', b'z');
        (letters | self.between(b'0', b'9') | self.equal(b'-')).to_bitmask()
    }

    /// This byte.
    #[inline]
    pub(super) fn is(self, byte: u8) -> u32 {
        self.equal(byte).to_bitmask()
    }

    /// What may not stand in a request target as it is: all but graphic characters, and `#`.
    #[inline]
    pub(super) fn not_of_targets(self) -> u32 {
        let graphic = self.between(0x21, 0x7e).to_bitmask();
        !graphic & ALL | self.equal(b'#').to_bitmask()
    }

    /// Bytes from `first` to `last`.
    #[inline]
    fn between(self, first: u8, last: u8) -> u8x16 {
        let offset = self.0 - u8x16::splat(first);
        offset.simd_eq(offset.min(u8x16::splat(last - first)))
    }

    #[inline]
    fn equal(self, byte: u8) -> u8x16 {
        self.0.simd_eq(u8x16::splat(byte))
    }
}

/// A bit for each byte.
pub(super) const ALL: u32 = 0xffff;
/// What letters in lower case have and others have not, and then nothing: a window on it is a mask.
const LOWERED: [u8; 2 * SIZE] = {
    let mut bits = [0; 2 * SIZE];
    let mut at = 0;
    while at < SIZE {
        bits[at] = 0x20;
        at += 1;
    }
    bits
};

/// Where the first byte of a class is, from `at` on; the end, if there is none.
#[inline]
pub(super) fn find(bytes: &[u8], at: usize, class: impl Fn(Block) -> u32) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((block, behind)) = rest.split_first_chunk() {
        let found = class(Block::new(block));
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize;
        }
        rest = behind;
    }
    // The last block overlaps what was looked at.
    let (block, seen) = match bytes.last_chunk() {
        Some(block) => (Block::new(block), SIZE - rest.len()),
        None => (Block::load(rest, 0), 0),
    };
    let found = class(block) >> seen;
    let next = found.trailing_zeros() as usize;
    bytes.len() - rest.len() + next.min(rest.len())
}

/// Where this byte is for the first time.
pub(crate) fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let at = find(bytes, 0, |block| block.is(byte));
    (at < bytes.len()).then_some(at)
}

/// As [`find`] with [`Block::odd`], two blocks at a time.
#[inline]
pub(super) fn find_odd(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((pair, behind)) = rest.split_first_chunk::<{ 2 * SIZE }>()
        && let [first, second] = pair.as_chunks().0
    {
        let [first, second] = [first, second].map(|block| Block::new(block).after_blank());
        if Block(first.0.max(second.0)).reach(0x5f) != 0 {
            let found = first.reach(0x5f) | second.reach(0x5f) << SIZE;
            return bytes.len() - rest.len() + found.trailing_zeros() as usize;
        }
        rest = behind;
    }
    find(bytes, bytes.len() - rest.len(), Block::odd)
}

/// Makes the letters of `bytes[from..to]` lower case.
#[inline]
pub(super) fn make_lower(bytes: &mut [u8], from: usize, to: usize) {
    let mut at = from;
    while at < to {
        let rest = bytes.get_mut(at..).unwrap_or_default();
        let Some(block) = rest.first_chunk_mut() else {
            return make_end_lower(rest, to - at);
        };
        *block = Block::new(block).lower(to - at);
        at += SIZE;
    }
}

/// The same where less than a block is left.
#[cold]
#[inline(never)]
fn make_end_lower(rest: &mut [u8], count: usize) {
    rest.iter_mut()
        .take(count)
        .for_each(u8::make_ascii_lowercase);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 256 bytes, each at each place.
    fn check(class: impl Fn(Block) -> u32, wanted: impl Fn(u8) -> bool) {
        for byte in 0..=u8::MAX {
            for at in 0..SIZE {
                let mut bytes = [b'a'; SIZE];
                bytes[at] = byte;
                let bits = (0..SIZE).map(|at| u32::from(wanted(bytes[at])) << at);
                assert_eq!(
                    class(Block::load(&bytes, 0)),
                    bits.sum::<u32>(),
                    "{byte} {at}"
                );
            }
        }
    }

    #[test]
    fn classes_are_what_they_are_called() {
        check(|block| block.is(b'?'), |byte| byte == b'?');
        check(Block::odd, |byte| {
            byte.is_ascii_control() || !byte.is_ascii()
        });
        check(Block::controls, |byte| byte.is_ascii_control());
        check(Block::plain, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        });
        check(Block::not_of_targets, |byte| {
            !byte.is_ascii_graphic() || byte == b'#'
        });
    }

    #[test]
    fn lower_case_touches_letters_of_the_range_only() {
        let all: Vec<u8> = (0..=255).collect();
        for (from, to) in (0..120).flat_map(|from| (from..150).map(move |to| (from, to))) {
            for end in [to, to + 1, to + SIZE] {
                let mut out = all[..end].to_vec();
                make_lower(&mut out, from, to);
                let mut wanted = all[..end].to_vec();
                wanted[from..to].make_ascii_lowercase();
                assert_eq!(out, wanted, "{from} {to} {end}");
            }
        }
    }

    #[test]
    fn digits_are_those_of_the_bytes() {
        for first in (0..=u8::MAX).step_by(SIZE) {
            let bytes = std::array::from_fn(|at| first + at as u8);
            let digits = Block::new(&bytes).hexadecimal().concat();
            let wanted: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digits, wanted.as_bytes());
        }
    }

    #[test]
    fn the_first_of_a_class_is_found_wherever_it_is() {
        for length in 0..100 {
            for at in 0..=length {
                let mut bytes = vec![b'a'; length];
                bytes[at..].fill(b'\r');
                for from in 0..=at {
                    assert_eq!(find(&bytes, from, Block::controls), at);
                    assert_eq!(find(&bytes, from, Block::not_of_targets), at);
                    assert_eq!(find(&bytes, from, |block| !block.plain() & ALL), at);
                    assert_eq!(from + find_odd(&bytes[from..]), at);
                    assert_eq!(find(&bytes, from, |_| 0), length);
                }
            }
        }
    }
}
