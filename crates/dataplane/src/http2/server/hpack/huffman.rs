// SPDX-License-Identifier: Apache-2.0
//! The code of RFC 7541, appendix B, read only: what is sent goes out as it is, which costs a few
//! bytes once per line and saves the work.
//!
//! In: coded bytes. Out: the text. The code is canonical: its lengths say all.

use super::Fault;

/// Appends the text of `coded`.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.reserve(coded.len() * 8 / SHORTEST);
    let mut input = coded.iter();
    // The bits that wait, at the top.
    let mut bits: u64 = 0;
    let mut count: u32 = 0;
    loop {
        while count <= 56
            && let Some(byte) = input.next()
        {
            bits |= u64::from(*byte) << (56 - count);
            count += 8;
        }
        let (mut symbol, mut length) = SHORT[(bits >> 56) as usize];
        if length == 0 || u32::from(length) > count {
            if count < 8 {
                // What is left has to be the start of a code of ones only.
                let padding = u64::MAX.checked_shl(64 - count).unwrap_or(0);
                return (bits == padding).then_some(()).ok_or(Fault);
            }
            (symbol, length) = long(bits).ok_or(Fault)?;
            if u32::from(length) > count {
                return Err(Fault);
            }
        }
        out.push(symbol);
        bits <<= length;
        count -= u32::from(length);
    }
}

/// A symbol of more than eight bits.
fn long(bits: u64) -> Option<(u8, u8)> {
    for (length, class) in CLASSES.iter().enumerate().skip(9) {
        let code = (bits >> (64 - length)) as u32;
        if let Some(offset) = code.checked_sub(class.code)
            && offset < class.count
        {
            let at = (class.start + offset) as usize;
            return Some((*SORTED.get(at)?, length as u8));
        }
    }
    None
}

/// The codes of one length.
#[derive(Clone, Copy)]
struct Class {
    /// The first of them.
    code: u32,
    /// How many there are.
    count: u32,
    /// Where their symbols start in [`SORTED`].
    start: u32,
}

/// By length.
const CLASSES: [Class; LONGEST + 1] = {
    let none = Class {
        code: 0,
        count: 0,
        start: 0,
    };
    let mut classes = [none; LONGEST + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        classes[LENGTHS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let mut length = 1;
    while length <= LONGEST {
        let last = classes[length - 1];
        classes[length].code = (last.code + last.count) << 1;
        classes[length].start = last.start + last.count;
        length += 1;
    }
    classes
};

/// The symbols in the order of their codes.
const SORTED: [u8; 256] = {
    let mut sorted = [0; 256];
    let mut at = 0;
    let mut length = 1;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                sorted[at] = symbol as u8;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
};

/// Symbol and length by the next eight bits; length 0 where these do not suffice.
const SHORT: [(u8, u8); 256] = {
    let mut short = [(0, 0); 256];
    let mut length = SHORTEST;
    while length <= 8 {
        let class = CLASSES[length];
        let mut offset = 0;
        while offset < class.count {
            let symbol = SORTED[(class.start + offset) as usize];
            let first = ((class.code + offset) << (8 - length)) as usize;
            let mut rest = 0;
            while rest < 1 << (8 - length) {
                short[first + rest] = (symbol, length as u8);
                rest += 1;
            }
            offset += 1;
        }
        length += 1;
    }
    short
};

const SHORTEST: usize = 5;
const LONGEST: usize = 30;

/// Bits of each byte's code.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes text the slow way.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = Vec::new();
        for byte in text {
            let at = SORTED
                .iter()
                .position(|symbol| symbol == byte)
                .expect("all are there");
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let class = CLASSES[length];
            let code = class.code + at as u32 - class.start;
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        }
        while bits.len() % 8 != 0 {
            bits.push(true);
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit));
        bits.chunks(8).map(byte).collect()
    }

    fn text(coded: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(coded, &mut out).ok().map(|()| out)
    }

    #[test]
    fn examples_of_the_standard_are_read() {
        for (coded, wanted) in [
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (
                &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f],
                "custom-key",
            ),
            (&[], ""),
        ] {
            assert_eq!(text(coded).as_deref(), Some(wanted.as_bytes()));
        }
    }

    #[test]
    fn every_byte_comes_back_beside_every_other() {
        for first in 0..=255 {
            for second in 0..=255 {
                let plain = [first, second, b'a'];
                assert_eq!(text(&encode(&plain)).as_deref(), Some(&plain[..]));
            }
        }
    }

    #[test]
    fn wrong_ends_are_refused() {
        // Padding of eight bits, of zeros, the end of string, a code that is cut.
        for coded in [
            &[0xff][..],
            &[0x1f, 0xff],
            &[0x18],
            &[0xff; 4],
            &[0xff, 0xc0],
        ] {
            assert_eq!(text(coded), None, "{coded:x?}");
        }
    }
}
