// SPDX-License-Identifier: Apache-2.0
//! `grpc-timeout`, where a route honours it.
//!
//! In: a request and what its route says of the field. Out: the limit in force, and the value that
//! the upstream is told.

use std::time::Duration;

use super::{exchange::Exchange, session::Session};
use crate::route::{GrpcTimeout, RouteAction};

/// Takes the field into account.
pub(super) fn apply(session: &Session, exchange: &mut Exchange, action: &RouteAction) {
    let Some(rule) = &action.grpc_timeout else {
        return;
    };
    let bytes = session.inbox.bytes();
    let mut fields = exchange.request.message.fields.iter();
    let named = |name: &[u8]| name.eq_ignore_ascii_case(b"grpc-timeout");
    let field = fields.find(|field| named(field.name.of(bytes)));
    let asked = field.and_then(|field| parse(field.value.of(bytes)));
    let grpc = exchange.record.grpc;
    match rule {
        GrpcTimeout::Stream { max, offset } => {
            let limit = match asked {
                Some(asked) => less(cap(asked, *max), *offset),
                None => action.max_stream_duration.unwrap_or_default(),
            };
            let limit = (!limit.is_zero()).then_some(limit);
            let started = exchange.record.started;
            if asked.is_some() {
                exchange.deadlines.stream = limit.and_then(|limit| started.map(|at| at + limit));
            }
            exchange.record.grpc_timeout = limit.filter(|_| grpc);
        }
        GrpcTimeout::Route { max, offset } if grpc => {
            let limit = cap(less(asked.unwrap_or_default(), *offset), *max);
            let limit = (!limit.is_zero()).then_some(limit);
            exchange.record.route_timeout = limit;
            exchange.record.grpc_timeout = limit;
        }
        GrpcTimeout::Route { .. } => {}
    }
}

/// The value of the field: whole milliseconds as long as they have eight digits.
pub(super) fn value(limit: Duration) -> String {
    let units = [(1, 'm'), (1000, 'S'), (60_000, 'M'), (3_600_000, 'H')];
    let milliseconds = limit.as_millis();
    let fits = units.iter().find(|(unit, _)| milliseconds / unit <= MOST);
    match fits {
        Some((unit, letter)) => format!("{}{letter}", milliseconds / unit),
        None => format!("{MOST}H"),
    }
}

/// Zero stands for no limit.
fn cap(limit: Duration, max: Duration) -> Duration {
    if !max.is_zero() && (limit.is_zero() || limit > max) {
        max
    } else {
        limit
    }
}

/// An offset that would leave nothing is passed over.
fn less(limit: Duration, offset: Duration) -> Duration {
    limit
        .checked_sub(offset)
        .filter(|left| !left.is_zero())
        .unwrap_or(limit)
}

/// Up to eight digits and a unit.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        // Envoy counts in milliseconds and rounds up.
        b'u' => Duration::from_millis(number.div_ceil(1000)),
        b'n' => Duration::from_millis(number.div_ceil(1_000_000)),
        _ => return None,
    })
}

/// The largest number that the field may hold.
const MOST: u128 = 99_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written() {
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"200m", Some(200)),
            (b"5S", Some(5000)),
            (b"2M", Some(120_000)),
            (b"1H", Some(3_600_000)),
            (b"1500u", Some(2)),
            (b"1n", Some(1)),
            (b"bad", None),
            (b"123456789m", None),
            (b"m", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text), wanted.map(Duration::from_millis), "{text:?}");
        }
        assert_eq!(value(Duration::from_millis(600)), "600m");
        assert_eq!(value(Duration::from_secs(99_999_999)), "99999999S");
    }
}
