// SPDX-License-Identifier: Apache-2.0
//! Access logs and traces of listeners, and traces of routes.
//!
//! In: what attachment found for a listener. Out: `access_log` and `tracing` of its filters, and the
//! clusters of collectors that no manifest has.

mod access_log;
mod filter;
mod tracing;

pub(crate) use access_log::{of_connections, of_listener, of_requests};
pub(crate) use tracing::{collectors, http_connection_manager, route};
