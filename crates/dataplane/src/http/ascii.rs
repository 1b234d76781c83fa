// SPDX-License-Identifier: Apache-2.0
//! Letters in words of eight bytes.
//!
//! In: bytes. Out: the same in lower case, or whether they spell a known name.

/// Makes letters lower case.
pub(super) fn make_lower(bytes: &mut [u8]) {
    for word in bytes.as_chunks_mut::<8>().0 {
        *word = lower(u64::from_le_bytes(*word)).to_le_bytes();
    }
    match bytes.last_chunk_mut::<8>() {
        // Overlaps the words before it, which does no harm.
        Some(last) => *last = lower(u64::from_le_bytes(*last)).to_le_bytes(),
        None => bytes.make_ascii_lowercase(),
    }
}

/// Whether `bytes` are `text`, whatever their case; `text` is lower case.
pub(super) fn spells(bytes: &[u8], text: &[u8]) -> bool {
    if bytes.len() != text.len() {
        return false;
    }
    let same = |bytes: &[u8; 8], text: &[u8; 8]| {
        lower(u64::from_le_bytes(*bytes)) == u64::from_le_bytes(*text)
    };
    match (bytes.last_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(last), Some(end)) => {
            let words = bytes.as_chunks::<8>().0.iter();
            same(last, end) && words.zip(text.as_chunks::<8>().0).all(|(a, b)| same(a, b))
        }
        _ => bytes.eq_ignore_ascii_case(text),
    }
}

/// Sets bit 5 in each byte that is between `A` and `Z`.
fn lower(word: u64) -> u64 {
    word | (uppers(word) >> 2)
}

/// Marks each byte that is between `A` and `Z`, by its highest bit.
fn uppers(word: u64) -> u64 {
    between(word, b'A', b'Z')
}

/// Marks each byte from `first` to `last`, both below 128, by its highest bit.
fn between(word: u64, first: u8, last: u8) -> u64 {
    let seven = word & (0x7f * EACH);
    let from_first = seven + u64::from(0x80 - first) * EACH;
    let beyond_last = seven + u64::from(0x7f - last) * EACH;
    from_first & !beyond_last & !word & (0x80 * EACH)
}

const EACH: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_touches_letters_only() {
        let all: Vec<u8> = (0..=255).collect();
        for start in 0..all.len() {
            let mut out = all[start..].to_vec();
            make_lower(&mut out);
            assert_eq!(out, all[start..].to_ascii_lowercase());
        }
    }

    #[test]
    fn bytes_are_marked_each_on_its_own() {
        let mark = |found: bool| if found { 0x80 } else { 0 };
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                for others in [0, 0x20, b'-', b'A', b'z', 0x7f, 0x80, 0xff] {
                    let mut bytes = [others; 8];
                    bytes[at] = byte;
                    let word = u64::from_le_bytes(bytes);
                    assert_eq!(
                        uppers(word).to_le_bytes(),
                        bytes.map(|byte| mark(byte.is_ascii_uppercase()))
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_compared_whatever_their_case() {
        for length in 0..40 {
            let text = &b"x-envoy-upstream-rq-timeout-alt-response"[..length];
            assert!(spells(&text.to_ascii_uppercase(), text));
            for at in 0..length {
                let mut other = text.to_vec();
                other[at] ^= 0x40;
                assert!(!spells(&other, text), "{length} {at}");
            }
        }
        assert!(!spells(b"a", b"ab"));
    }
}
