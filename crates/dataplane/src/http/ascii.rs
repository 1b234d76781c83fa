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
    let seven = word & (0x7f * EACH);
    let from_a = seven + (0x80 - u64::from(b'A')) * EACH;
    let beyond_z = seven + (0x7f - u64::from(b'Z')) * EACH;
    let upper = from_a & !beyond_z & !word & (0x80 * EACH);
    word | (upper >> 2)
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
