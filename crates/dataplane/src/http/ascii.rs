// SPDX-License-Identifier: Apache-2.0
//! Letters in words of eight bytes.
//!
//! In: a token. Out: whether it spells a known name.

/// Whether a token is `text`, whatever its case; `text` has lower-case letters and `-` only.
///
/// Setting bit 5 makes letters lower case. Of what it makes of other bytes, only a carriage return
/// would be taken for a `-`, and no token has one.
pub(super) fn spells(token: &[u8], text: &[u8]) -> bool {
    if token.len() != text.len() {
        return false;
    }
    let same = |bytes: &[u8; 8], text: &[u8; 8]| {
        u64::from_le_bytes(*bytes) | (0x20 * EACH) == u64::from_le_bytes(*text)
    };
    match (token.last_chunk::<8>(), text.last_chunk::<8>()) {
        // Overlaps the words before it, which does no harm.
        (Some(last), Some(end)) => {
            let words = token.as_chunks::<8>().0.iter();
            same(last, end) && words.zip(text.as_chunks::<8>().0).all(|(a, b)| same(a, b))
        }
        _ => token
            .iter()
            .zip(text)
            .all(|(byte, letter)| byte | 0x20 == *letter),
    }
}

const EACH: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whatever_their_case() {
        for length in 0..40 {
            let text = &b"x-envoy-upstream-rq-timeout-alt-response"[..length];
            assert!(spells(&text.to_ascii_uppercase(), text));
            for at in 0..length {
                let mut other = text.to_vec();
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_control()) {
                    other[at] = byte;
                    let wanted = other.eq_ignore_ascii_case(text);
                    assert_eq!(spells(&other, text), wanted, "{length} {at} {byte}");
                }
            }
        }
        assert!(!spells(b"a", b"ab"));
    }
}
