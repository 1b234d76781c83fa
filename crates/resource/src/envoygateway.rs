// SPDX-License-Identifier: Apache-2.0
//! Envoy Gateway kinds of `gateway.envoyproxy.io`.
//!
//! In: documents. Out: BackendTrafficPolicies and EnvoyProxies.

pub mod backend_traffic_policy;
pub mod envoy_proxy;

pub use backend_traffic_policy::BackendTrafficPolicy;
pub use envoy_proxy::EnvoyProxy;
