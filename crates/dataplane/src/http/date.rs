// SPDX-License-Identifier: Apache-2.0
//! The text of the Date header.
//!
//! In: the monotonic time of an event. Out: the wall clock as an IMF-fixdate, formatted once per
//! second.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// A worker's cached date.
#[derive(Debug)]
pub(crate) struct Clock {
    valid_until: Cell<Option<Instant>>,
    text: RefCell<[u8; 29]>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            valid_until: Cell::new(None),
            text: RefCell::new([b' '; 29]),
        }
    }
}

impl Clock {
    /// Writes the date at `now`.
    pub(crate) fn push(&self, now: Instant, out: &mut Vec<u8>) {
        if self.valid_until.get().is_none_or(|until| now >= until) {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            *self.text.borrow_mut() = imf_fixdate(since.as_secs());
            let left = Duration::from_nanos(1_000_000_000 - u64::from(since.subsec_nanos()));
            self.valid_until.set(Some(now + left));
        }
        out.extend_from_slice(&*self.text.borrow());
    }
}

/// Formats seconds since 1970 (RFC 9110 5.6.7).
fn imf_fixdate(seconds: u64) -> [u8; 29] {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        WEEKDAYS[usize::try_from((days + 4) % 7).unwrap_or(0)],
        MONTHS[month],
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
    );
    let mut out = [b' '; 29];
    let length = text.len().min(29);
    out[..length].copy_from_slice(&text.as_bytes()[..length]);
    out
}

/// Milliseconds since 1970 as RFC 3339 writes a time in UTC.
pub(crate) fn rfc3339(millis: u64) -> String {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let month = month + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month from 0 and day from 1 of a day since 1970, in the Gregorian calendar counted from
/// the first of March, so that leap days come last.
pub(crate) fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12;
    let year = year_of_era + era * 400 + u64::from(month < 2);
    (year, usize::try_from(month).unwrap_or(0), day)
}

/// As HTTP abbreviates them.
pub(crate) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// As HTTP abbreviates them.
pub(crate) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_rfc_9110_says() {
        for (seconds, wanted) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
        ] {
            assert_eq!(imf_fixdate(seconds), wanted.as_bytes());
        }
        assert_eq!(rfc3339(784_111_777_042), "1994-11-06T08:49:37.042Z");
    }
}
