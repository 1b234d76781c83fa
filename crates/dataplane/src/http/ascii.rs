// SPDX-License-Identifier: Apache-2.0
//! Letters in words of eight bytes.
//!
//! In: a name or a token. Out: whether it spells a known one.

/// Whether a name, or a part of a value, is `text`, whatever its case; `text` has lower-case letters
/// and `-` only.
///
/// Setting bit 5 makes letters lower case. Of what it makes of other bytes, only a carriage return
/// would be taken for a `-`, and neither names nor values have one.
pub(super) fn spells(token: &[u8], text: &[u8]) -> bool {
    if token.len() != text.len() {
        return false;
    }
    // The last word overlaps those before it, which does no harm.
    if let (Some(last), Some(end)) = (token.last_chunk(), text.last_chunk()) {
        let mut words = token.as_chunks().0.iter().zip(text.as_chunks().0);
        same8(last, end) && words.all(|(a, b)| same8(a, b))
    } else if let (Some(last), Some(end), Some(first), Some(start)) = (
        token.last_chunk(),
        text.last_chunk(),
        token.first_chunk(),
        text.first_chunk(),
    ) {
        same4(last, end) && same4(first, start)
    } else {
        let mut bytes = token.iter().zip(text);
        bytes.all(|(byte, letter)| byte | 0x20 == *letter)
    }
}

fn same8(bytes: &[u8; 8], text: &[u8; 8]) -> bool {
    u64::from_le_bytes(*bytes) | (0x20 * EACH) == u64::from_le_bytes(*text)
}

fn same4(bytes: &[u8; 4], text: &[u8; 4]) -> bool {
    u32::from_le_bytes(*bytes) | (0x20 * EACH as u32) == u32::from_le_bytes(*text)
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
