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
#[path = "../guide/page.rs"]
mod page;
#[path = "../common/pki.rs"]
mod pki;
#[path = "../guide/stage.rs"]
mod stage;
#[path = "../guide/terminal.rs"]
mod terminal;

mod addresses;
mod admission;
mod admission_policies;
mod apply;
mod away;
mod bulk;
mod chaos;
mod chart;
mod commands;
mod conditions;
mod crds;
mod crds_refused;
mod crds_refused_listeners;
mod envoy_proxies;
mod envoys;
mod etcd;
mod founding;
mod guide;
mod parity;
mod pod;
mod pools;
mod proxy;
mod replicas;
mod rights;
mod shipped;
mod support;
