// SPDX-License-Identifier: Apache-2.0
//! `sluicegate proxy`: the shipped binary on bootstraps of Envoy's, beside Envoy itself.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/site.rs"]
mod site;

mod access_logs;
mod public;
mod refused;
mod same_as_envoy;
mod served;
mod support;
