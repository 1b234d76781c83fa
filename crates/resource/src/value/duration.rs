// SPDX-License-Identifier: Apache-2.0
//! Gateway API durations (GEP-2257): one to four groups of up to five digits and a unit.

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
