// SPDX-License-Identifier: Apache-2.0
//! A gateway that reads from a real Kubernetes API server, spoken to with the real `kubectl`.
//!
//! Guards that what is applied is served and gets its status, that an API server which is away
//! changes nothing, that only one of several replicas writes, and what our custom resource definitions
//! let in.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

#[path = "../common/documents.rs"]
mod documents;
#[path = "../common/harness.rs"]
mod harness;
#[path = "../common/pki.rs"]
mod pki;

mod apply;
mod away;
mod crds;
mod crds_refused;
mod replicas;
mod support;
