// SPDX-License-Identifier: Apache-2.0
//! HTTP filters beside the router: what a route sets of them.
//!
//! In: compiled settings. Out: decisions for one request; `life` carries them out. A route without
//! filters has no [`Filters`], and its requests pass all of this by.

mod admission_control;
mod bandwidth_limit;
mod bucket;
mod compressor;
mod custom_response;
mod fault;
mod rate_limit;

use std::sync::{Arc, LazyLock};

use tokio::time::Instant;

pub(crate) use admission_control::{AdmissionControl, Criteria, Ended, History};
pub(crate) use bandwidth_limit::{BandwidthLimit, Delay};
pub(crate) use bucket::{Bucket, Rate};
pub(crate) use compressor::{
    Coding, Compressor, Edits, Encoder, Outcome, Subject, Why, choose, compress,
};
pub(crate) use custom_response::{Condition, CustomResponse, Replacement, Seen};
pub(crate) use fault::{Abort, Fault};
pub(crate) use rate_limit::{Action, Buckets, Cidr, Descriptor, Known, RateLimit, Rule};

/// The filters of a route, in the order in which requests meet them.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// Answers in place of others.
    pub(crate) custom_response: Option<CustomResponse>,
    /// Faults on purpose.
    pub(crate) fault: Option<Fault>,
    /// Whole requests only, of at most this many bytes of body.
    pub(crate) request_buffer: Option<usize>,
    /// Local rate limits.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Bandwidth limits by the names of their filters, at most one for a direction.
    pub(crate) bandwidth_limits: Vec<(Box<str>, Arc<BandwidthLimit>)>,
    /// Compressors by the names of their filters, and whether backends see `accept-encoding` if the
    /// route says so.
    pub(crate) compressors: Vec<(Box<str>, Option<bool>)>,
}

/// The filters that a connection manager has; what a route sets of others does nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    /// [`CUSTOM_RESPONSE`].
    pub(crate) custom_response: bool,
    /// [`FAULT`].
    pub(crate) fault: bool,
    /// [`BUFFER`].
    pub(crate) buffer: bool,
    /// [`RATE_LIMIT`].
    pub(crate) rate_limit: bool,
    /// Those whose names begin with [`BANDWIDTH_LIMIT`].
    pub(crate) bandwidth_limits: Arc<[Box<str>]>,
    /// Those whose names begin with [`COMPRESSOR`], in their order.
    pub(crate) compressors: Arc<[Compressor]>,
}

impl Installed {
    /// Those of these names.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut installed = Self::default();
        for name in names {
            match name {
                CUSTOM_RESPONSE => installed.custom_response = true,
                FAULT => installed.fault = true,
                BUFFER => installed.buffer = true,
                RATE_LIMIT => installed.rate_limit = true,
                _ => {}
            }
        }
        installed
    }
}

/// `envoy.extensions.filters.http.custom_response.v3.CustomResponse`.
pub(crate) const CUSTOM_RESPONSE: &str = "envoy.filters.http.custom_response";

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`.
pub(crate) const FAULT: &str = "envoy.filters.http.fault";

/// `envoy.extensions.filters.http.buffer.v3.BufferPerRoute`.
pub(crate) const BUFFER: &str = "envoy.filters.http.buffer";

/// `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`.
pub(crate) const RATE_LIMIT: &str = "envoy.filters.http.local_ratelimit";

/// `envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit`: what comes behind tells several
/// apart.
pub(crate) const BANDWIDTH_LIMIT: &str = "envoy.filters.http.bandwidth_limit";

/// `envoy.extensions.filters.http.compressor.v3.Compressor`: what comes behind tells several apart.
pub(crate) const COMPRESSOR: &str = "envoy.filters.http.compressor";

/// All of them, in the one order that is implemented, which is Envoy Gateway's.
pub(crate) const ORDER: [&str; 6] = [
    CUSTOM_RESPONSE,
    FAULT,
    BUFFER,
    RATE_LIMIT,
    BANDWIDTH_LIMIT,
    COMPRESSOR,
];

/// The place of a filter in [`ORDER`].
pub(crate) fn place(name: &str) -> Option<usize> {
    let mut families = [BANDWIDTH_LIMIT, COMPRESSOR].into_iter();
    let family = families.find(|it| name.starts_with(it));
    let family = family.unwrap_or(name);
    ORDER.iter().position(|known| *known == family)
}

/// Seconds on a clock that all workers share, for buckets.
pub(crate) fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}
