// SPDX-License-Identifier: Apache-2.0
//! kgateway kinds of `gateway.kgateway.dev`.
//!
//! In: documents. Out: Backends and BackendConfigPolicies.

mod backend;
pub mod backend_config_policy;

pub use backend::{Backend, BackendType, PriorityGroup, StaticHost};
pub use backend_config_policy::BackendConfigPolicy;

#[cfg(test)]
mod tests;
