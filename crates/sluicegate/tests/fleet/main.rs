// SPDX-License-Identifier: Apache-2.0
//! A fleet of one: a real Envoy that takes its configuration from Sluicegate and carries the
//! traffic.
//!
//! Guards the walk of the founding documents on Envoy itself, isolation of what Envoy refuses, and
//! that nothing stops when a process does.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

#[path = "../common/documents.rs"]
mod documents;
#[path = "../common/grpc.rs"]
mod grpc;
#[path = "../common/harness.rs"]
mod harness;
#[path = "../common/listener_set.rs"]
mod listener_set;
#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/settings.rs"]
mod settings_scene;
#[path = "../common/streams.rs"]
mod streams;

mod bootstrap;
mod chaos;
mod grpc_routes;
mod listener_sets;
mod network;
mod operator;
mod refused;
mod settings;
mod stream_routes;
mod support;
mod telemetry;
mod tls;
mod variants;
mod walk;
