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
    /// The bytes from `at` on. Beyond the end there are NULs.
    #[inline]
    pub(super) fn load(bytes: &[u8], at: usize) -> Self {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => Self(u8x16::new(*block)),
            None => {
                let mut block = [0; SIZE];
                block[..rest.len()].copy_from_slice(rest);
                Self(u8x16::new(block))
            }
        }
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

    /// Upper-case letters.
    #[inline]
    pub(super) fn uppers(self) -> u32 {
        self.between(b'A', b'Z').to_bitmask()
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
const ALL: u32 = 0xffff;

/// Where the first byte of a class is, from `at` on; the end, if there is none.
#[inline]
pub(super) fn find(bytes: &[u8], mut at: usize, class: impl Fn(Block) -> u32) -> usize {
    while at < bytes.len() {
        let found = class(Block::load(bytes, at));
        if found != 0 {
            return bytes.len().min(at + found.trailing_zeros() as usize);
        }
        at += SIZE;
    }
    bytes.len()
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
        check(Block::controls, |byte| byte.is_ascii_control());
        check(Block::uppers, |byte| byte.is_ascii_uppercase());
        check(Block::plain, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        });
        check(Block::not_of_targets, |byte| {
            !byte.is_ascii_graphic() || byte == b'#'
        });
    }

    #[test]
    fn the_first_of_a_class_is_found_wherever_it_is() {
        for length in 0..50 {
            for at in 0..=length {
                let mut bytes = vec![b'a'; length];
                bytes[at..].fill(b'\r');
                for from in 0..=at {
                    assert_eq!(find(&bytes, from, Block::controls), at);
                    assert_eq!(find(&bytes, from, Block::uppers), length);
                }
            }
        }
    }
}
