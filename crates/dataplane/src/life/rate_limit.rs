// SPDX-License-Identifier: Apache-2.0
//! Local rate limits.
//!
//! In: a request and the limits of its route. Out: leave to go on, or the failure that it gets; the
//! bucket that its response will tell of.

use super::{exchange::Exchange, hash, session::Session};
use crate::{
    failure::Failure,
    filter::{RateLimit, now},
    route::RequestView,
};

/// Counts the request.
pub(super) fn rate_limit(
    session: &Session,
    exchange: &mut Exchange,
    limits: &RateLimit,
) -> Result<(), Failure> {
    if fastrand::u32(..1_000_000) >= limits.enabled {
        return Ok(());
    }
    let stats = session.worker.rate_limit_stats(&limits.stat_prefix);
    stats.enabled.inc();
    let view = RequestView::new(session.inbox.bytes(), &exchange.request, session.scheme);
    let client = hash::client(session, &exchange.request).ip().to_canonical();
    let decision = limits.decide(&view, client, now());
    if limits.announce {
        exchange.record.bucket = decision.bucket;
    }
    if decision.allowed {
        stats.ok.inc();
        return Ok(());
    }
    stats.rate_limited.inc();
    if decision.shadow {
        stats.shadow_mode.inc();
        return Ok(());
    }
    if fastrand::u32(..1_000_000) >= limits.enforced {
        return Ok(());
    }
    stats.enforced.inc();
    Err(Failure::RateLimited(limits.status))
}

/// Adds what clients are told about their limit.
pub(super) fn announce(exchange: &Exchange, fields: &mut Vec<(&'static [u8], Vec<u8>)>) {
    let Some(bucket) = &exchange.record.bucket else {
        return;
    };
    let now = now();
    let numbers: [(&[u8], u64); 3] = [
        (b"x-ratelimit-limit", u64::from(bucket.rate.most)),
        (b"x-ratelimit-remaining", bucket.left(now)),
        (b"x-ratelimit-reset", bucket.reset(now)),
    ];
    fields.extend(numbers.map(|(name, value)| (name, value.to_string().into_bytes())));
}
