// SPDX-License-Identifier: Apache-2.0
//! Istio kinds of `networking.istio.io`.
//!
//! In: documents. Out: ServiceEntries.

mod service_entry;

pub use service_entry::{ServiceEntry, ServiceEntryPort, WorkloadEndpoint};

#[cfg(test)]
mod tests;
