// SPDX-License-Identifier: Apache-2.0
//! Core kinds: the few fields of Service, EndpointSlice, Secret, ConfigMap and Namespace that
//! translation reads.
//!
//! In: documents. Out: those fields, with the API server's defaults.

mod config_map;
mod endpoint_slice;
mod namespace;
mod secret;
mod service;

pub use config_map::ConfigMap;
pub use endpoint_slice::{Endpoint, EndpointPort, EndpointSlice};
pub use namespace::Namespace;
pub use secret::Secret;
pub use service::{Service, ServicePort};

#[cfg(test)]
mod tests;
