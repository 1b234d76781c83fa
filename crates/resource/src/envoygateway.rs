// SPDX-License-Identifier: Apache-2.0
//! Envoy Gateway kinds of `gateway.envoyproxy.io`.
//!
//! In: documents. Out: BackendTrafficPolicies.

pub mod backend_traffic_policy;

pub use backend_traffic_policy::BackendTrafficPolicy;
