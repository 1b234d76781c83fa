// SPDX-License-Identifier: Apache-2.0
//! Times in a format of the C library's kind, in UTC.
//!
//! In: a format and a time since 1970. Out: text. What is not known stays as it is written.

use std::time::Duration;

use crate::http::{MONTHS, WEEKDAYS, civil};

/// Writes a time.
pub(super) fn push_time(format: &str, time: Duration, out: &mut Vec<u8>) {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let known = KNOWN.iter().find(|known| rest[1..].starts_with(**known));
        match known {
            Some(known) => {
                out.extend_from_slice(value(known, time).as_bytes());
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

fn value(known: &str, time: Duration) -> String {
    let seconds = time.as_secs();
    let nanos = format!("{:09}", time.subsec_nanos());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let [hour, minute, second] = [of_day / 3600, of_day / 60 % 60, of_day % 60];
    let weekday = WEEKDAYS[usize::try_from((days + 4) % 7).unwrap_or(0)];
    match known {
        "Y" => format!("{year:04}"),
        "m" => format!("{:02}", month + 1),
        "b" => MONTHS[month].to_owned(),
        "d" => format!("{day:02}"),
        "e" => format!("{day:2}"),
        "a" => weekday.to_owned(),
        "H" => format!("{hour:02}"),
        "M" => format!("{minute:02}"),
        "S" => format!("{second:02}"),
        "E3S" => format!("{second:02}.{}", &nanos[..3]),
        "T" => format!("{hour:02}:{minute:02}:{second:02}"),
        "F" => format!("{year:04}-{:02}-{day:02}", month + 1),
        "s" => seconds.to_string(),
        "z" => "+0000".to_owned(),
        "Z" => "UTC".to_owned(),
        "%" => "%".to_owned(),
        // A number of digits of the fraction.
        _ => {
            let digits = known.trim_end_matches('f').parse().unwrap_or(9);
            nanos[..digits].to_owned()
        }
    }
}

/// What may follow a percent sign; the longer ones first.
const KNOWN: [&str; 26] = [
    "E3S", "1f", "2f", "3f", "4f", "5f", "6f", "7f", "8f", "9f", "Y", "m", "b", "d", "e", "a", "H",
    "M", "S", "T", "F", "s", "f", "z", "Z", "%",
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
