// SPDX-License-Identifier: Apache-2.0
//! The graph to Envoy v3 xDS resources.
//!
//! In: a [`sluicegate_attach::Graph`]. Out: a [`sluicegate_snapshot::Snapshot`] per Gateway and one
//! of all Gateways together. One file per Envoy message and per policy section; a function is named
//! after the Envoy field it fills. Pure, and memoised per backend: a change costs the work of the
//! backends it touches.

mod build;
mod cluster;
mod endpoint;
pub mod fields;
mod filter;
mod listener;
pub mod names;
mod pb;
mod route;
mod secret;
mod telemetry;
mod variant;

pub use build::{Refused, Translation, Translator};
pub use secret::secret_names;
pub use variant::Variants;

/// What an installation may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bundle of the system's certificate authorities on the proxy.
    pub system_ca_file: String,
}

impl Default for Options {
    /// Debian's bundle, which is also where Envoy's images have it.
    fn default() -> Self {
        Self {
            system_ca_file: "/etc/ssl/certs/ca-certificates.crt".into(),
        }
    }
}
