// SPDX-License-Identifier: Apache-2.0
//! Gateway API durations (GEP-2257): one to four groups of up to five digits and a unit.
//!
//! In: text. Out: a duration.

use std::time::Duration;

/// Parses `1h30m`, `5s`, `250ms`: at most 32 characters, one to four groups of one to five digits
/// followed by `h`, `m`, `s` or `ms`, in any order, added up. No sign, no fraction, no bare number.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text.len() > 32 {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut groups = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: u64 = rest
            .get(..digits)
            .filter(|text| (1..=5).contains(&text.len()))?
            .parse()
            .ok()?;
        rest = &rest[digits..];
        let (unit, length) = match rest.as_bytes() {
            [b'm', b's', ..] => (Duration::from_millis(amount), 2),
            [b'h', ..] => (Duration::from_secs(amount * 3600), 1),
            [b'm', ..] => (Duration::from_secs(amount * 60), 1),
            [b's', ..] => (Duration::from_secs(amount), 1),
            _ => return None,
        };
        rest = &rest[length..];
        total += unit;
        groups += 1;
    }
    (1..=4).contains(&groups).then_some(total)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_duration;

    #[test]
    fn follows_the_gateway_api() {
        let cases = [
            ("0s", Some(0)),
            ("1ms", Some(1)),
            ("1h30m", Some(5_400_000)),
            ("1m1m1m1m", Some(240_000)),
            ("99999h", Some(359_996_400_000)),
            ("500ms1s", Some(1_500)),
            ("", None),
            ("0", None),
            ("5", None),
            ("s", None),
            ("100000s", None),
            ("1s1s1s1s1s", None),
            ("1.5s", None),
            ("-1s", None),
            ("1us", None),
            ("1 s", None),
            ("1S", None),
            ("\u{ff11}s", None),
        ];
        for (text, milliseconds) in cases {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(parse_duration(text), expected, "{text:?}");
        }
    }
}
