// SPDX-License-Identifier: Apache-2.0
//! Times in a format of the C library's kind, in UTC.
//!
//! In: a format and a time since 1970. Out: text. What is not known stays as it is written.

use std::time::Duration;

use crate::http::{MONTHS, WEEKDAYS, civil, push_decimal};

/// Writes a time.
pub(super) fn push_time(format: &str, time: Duration, out: &mut Vec<u8>) {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let known = KNOWN.iter().find(|known| rest[1..].starts_with(**known));
        match known {
            Some(known) => {
                push(known, time, out);
                rest = &rest[1 + known.len()..];
            }
            None => {
                out.push(b'%');
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

fn push(known: &str, time: Duration, out: &mut Vec<u8>) {
    let seconds = time.as_secs();
    let fraction = |digits: u32, out: &mut Vec<u8>| {
        let cut = 10_u32.pow(9 - digits);
        push_padded(u64::from(time.subsec_nanos() / cut), digits, out);
    };
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let [hour, minute, second] = [of_day / 3600, of_day / 60 % 60, of_day % 60];
    let (year, month, day) = civil(days);
    let mut text = |text: &str| out.extend_from_slice(text.as_bytes());
    match known {
        "b" | "h" => text(MONTHS[month]),
        "a" => text(WEEKDAYS[usize::try_from((days + 4) % 7).unwrap_or(0)]),
        "p" => text(if hour < 12 { "AM" } else { "PM" }),
        "z" => text("+0000"),
        "Z" => text("UTC"),
        "%" => text("%"),
        "Y" => push_padded(year, 4, out),
        "m" => push_padded(month as u64 + 1, 2, out),
        "y" => push_padded(year % 100, 2, out),
        "d" => push_padded(day, 2, out),
        "e" => {
            if day < 10 {
                out.push(b' ');
            }
            push_decimal(day, out);
        }
        "H" => push_padded(hour, 2, out),
        "I" => push_padded((hour + 11) % 12 + 1, 2, out),
        "M" => push_padded(minute, 2, out),
        "S" => push_padded(second, 2, out),
        "E3S" | "E6S" => {
            push_padded(second, 2, out);
            out.push(b'.');
            fraction(if known == "E3S" { 3 } else { 6 }, out);
        }
        "R" => push_time("%H:%M", time, out),
        "D" => push_time("%m/%d/%y", time, out),
        "T" => push_time("%H:%M:%S", time, out),
        "F" => push_time("%Y-%m-%d", time, out),
        "s" => push_decimal(seconds, out),
        // A number of digits of the fraction.
        _ => fraction(known.trim_end_matches('f').parse().unwrap_or(9), out),
    }
}

/// A number with zeros in front.
fn push_padded(number: u64, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        out.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
    }
}

/// What may follow a percent sign; the longer ones first.
const KNOWN: [&str; 33] = [
    "E3S", "E6S", "1f", "2f", "3f", "4f", "5f", "6f", "7f", "8f", "9f", "Y", "m", "b", "d", "e",
    "a", "H", "M", "S", "T", "I", "p", "R", "D", "h", "y", "F", "s", "f", "z", "Z", "%",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Envoy.
    #[test]
    fn times_are_written_as_envoy_writes_them() {
        let time = Duration::new(1_795_264_118, 18_365_000);
        for (format, wanted) in [
            ("%s.%3f", "1795264118.018"),
            ("%d/%b/%Y:%H:%M:%S %z", "21/Nov/2026:12:28:38 +0000"),
            ("%6f", "018365"),
            ("%s_%9f %%", "1795264118_018365000 %"),
            ("%FT%TZ", "2026-11-21T12:28:38Z"),
            ("%E4n", "%E4n"),
            ("%Y-%m-%dT%H:%M:%S.%3fZ", "2026-11-21T12:28:38.018Z"),
        ] {
            let mut out = Vec::new();
            push_time(format, time, &mut out);
            assert_eq!(String::from_utf8(out).as_deref(), Ok(wanted));
        }
    }
}
