// SPDX-License-Identifier: Apache-2.0
//! HTTP filters beside the router: what a route sets of them.
//!
//! In: compiled settings. Out: decisions for one request; `life` carries them out. A route without
//! filters has no [`Filters`], and its requests pass all of this by.

mod fault;
mod rate_limit;

pub(crate) use fault::{Abort, Fault};
pub(crate) use rate_limit::{
    Action, Bucket, Buckets, Cidr, Descriptor, Known, Rate, RateLimit, Rule,
};

/// The filters of a route, in the order in which requests meet them.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// Faults on purpose.
    pub(crate) fault: Option<Fault>,
    /// Whole requests only, of at most this many bytes of body.
    pub(crate) request_buffer: Option<usize>,
    /// Local rate limits.
    pub(crate) rate_limit: Option<RateLimit>,
}

/// The filters that a connection manager has; what a route sets of others does nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Installed {
    /// [`FAULT`].
    pub(crate) fault: bool,
    /// [`BUFFER`].
    pub(crate) buffer: bool,
    /// [`RATE_LIMIT`].
    pub(crate) rate_limit: bool,
}

impl Installed {
    /// Those of these names.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut installed = Self::default();
        for name in names {
            match name {
                FAULT => installed.fault = true,
                BUFFER => installed.buffer = true,
                RATE_LIMIT => installed.rate_limit = true,
                _ => {}
            }
        }
        installed
    }
}

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`.
pub(crate) const FAULT: &str = "envoy.filters.http.fault";

/// `envoy.extensions.filters.http.buffer.v3.BufferPerRoute`.
pub(crate) const BUFFER: &str = "envoy.filters.http.buffer";

/// `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`.
pub(crate) const RATE_LIMIT: &str = "envoy.filters.http.local_ratelimit";

/// All of them, in the one order that is implemented, which is Envoy Gateway's.
pub(crate) const ORDER: [&str; 3] = [FAULT, BUFFER, RATE_LIMIT];
