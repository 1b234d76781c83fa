// SPDX-License-Identifier: Apache-2.0
//! HTTP filters beside the router: what a route sets of them.
//!
//! In: compiled settings. Out: decisions for one request; `life` carries them out. A route without
//! filters has no [`Filters`], and its requests pass all of this by.

mod fault;

pub(crate) use fault::{Abort, Fault};

/// The filters of a route, in the order in which requests meet them.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// Faults on purpose.
    pub(crate) fault: Option<Fault>,
}

/// The filters that a connection manager has; what a route sets of others does nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Installed {
    /// [`FAULT`].
    pub(crate) fault: bool,
}

impl Installed {
    /// Those of these names.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut installed = Self::default();
        for name in names {
            if name == FAULT {
                installed.fault = true;
            }
        }
        installed
    }
}

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`.
pub(crate) const FAULT: &str = "envoy.filters.http.fault";

/// All of them, in the one order that is implemented, which is Envoy Gateway's.
pub(crate) const ORDER: [&str; 1] = [FAULT];
