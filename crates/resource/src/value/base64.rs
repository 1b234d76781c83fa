// SPDX-License-Identifier: Apache-2.0
//! Standard base64 as Secrets carry it.
//!
//! In: text. Out: bytes. Line breaks are skipped and padding is required, as in the API server.

/// Decodes `text`, or gives nothing when it is not base64.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    if !symbols.len().is_multiple_of(4) {
        return None;
    }
    let padding = symbols
        .iter()
        .rev()
        .take_while(|byte| **byte == b'=')
        .count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(symbols.len() / 4 * 3);
    for quad in symbols[..symbols.len() - padding].chunks(4) {
        let mut bits = 0_u32;
        for symbol in quad {
            bits = bits << 6 | six_bits(*symbol)?;
        }
        bits <<= 6 * (4 - quad.len());
        let [_, first, second, third] = bits.to_be_bytes();
        bytes.extend(&[first, second, third][..quad.len() - 1]);
    }
    Some(bytes)
}

fn six_bits(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::decode_base64;

    #[test]
    fn decodes_what_the_api_server_decodes() {
        let cases: [(&str, Option<&[u8]>); 9] = [
            ("", Some(b"")),
            ("YQ==", Some(b"a")),
            ("YWI=", Some(b"ab")),
            ("YWJj", Some(b"abc")),
            ("YWJj\nZGVm\n", Some(b"abcdef")),
            ("+/8=", Some(b"\xfb\xff")),
            ("YQ", None),
            ("Y===", None),
            ("YW-j", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decode_base64(text).as_deref(), expected, "{text:?}");
        }
    }
}
