// SPDX-License-Identifier: Apache-2.0
//! kgateway kinds of `gateway.kgateway.dev`.
//!
//! In: documents. Out: Backends, BackendConfigPolicies and HTTPListenerPolicies.

mod backend;
pub mod backend_config_policy;
mod http_listener_policy;

pub use backend::{Backend, BackendType, PriorityGroup, StaticHost};
pub use backend_config_policy::BackendConfigPolicy;
pub use http_listener_policy::{
    HttpListenerPolicy, ListenerTarget, NOT_READ as HTTP_LISTENER_POLICY_NOT_READ,
};

#[cfg(test)]
mod tests;
