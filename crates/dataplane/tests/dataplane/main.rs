// SPDX-License-Identifier: Apache-2.0
//! Tests of the data plane on loopback sockets: raw bytes in, raw bytes out.

#![allow(
    clippy::unwrap_used,
    reason = "a panic in a test is its failure report"
)]

mod balancing;
mod bodies;
mod breakers;
mod client_limits;
mod config;
mod failures;
mod headers;
mod health;
mod http2_downstream;
mod http2_upstream;
mod pools;
mod proxy;
mod proxy_protocol;
mod retries;
mod retry_bodies;
mod routing;
mod support;
mod tls_downstream;
mod tls_upstream;
mod upgrades;
