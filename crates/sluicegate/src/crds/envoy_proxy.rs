// SPDX-License-Identifier: Apache-2.0
//! EnvoyProxy of Envoy Gateway.
//!
//! In: nothing. Out: the schema of its `spec`: what is read; everything else is kept as it is, and the
//! gateway names it.

mod provider;
mod telemetry;

use super::schema::{Schema, open};

/// Schema of `spec`.
pub(super) fn spec() -> Schema {
    open()
        .fields([
            ("provider", provider::provider()),
            ("telemetry", telemetry::telemetry()),
        ])
        .says("How the proxies of a Gateway are.")
}
