// SPDX-License-Identifier: Apache-2.0
//! Tests of the data plane on loopback sockets: raw bytes in, raw bytes out.

#![allow(
    clippy::unwrap_used,
    reason = "a panic in a test is its failure report"
)]

mod access_logs;
mod admin;
mod admission_control;
mod bad_messages;
mod balancing;
mod bandwidth_limits;
mod bodies;
mod breakers;
mod case;
mod checks;
mod client_limits;
mod cluster_choice;
mod compressors;
mod config;
mod conformance;
mod connect;
mod connection_logs;
mod custom_responses;
mod dns;
mod drain;
mod failures;
mod faults;
mod flow_control;
mod formats;
mod forwarding;
mod grpc;
mod hashing;
mod headers;
mod health;
mod http1;
mod http2_downstream;
mod http2_floods;
mod http2_upstream;
mod lifetimes;
mod limits;
mod outlier;
mod override_host;
mod paths;
mod pools;
mod proxy;
mod proxy_protocol;
mod rate_limits;
mod request_buffers;
mod retries;
mod retry_bodies;
mod retry_matrix;
mod retry_priorities;
mod route_stats;
mod routing;
mod server_names;
mod smuggling;
mod stat_names;
mod support;
mod tcp_proxy;
mod tcp_proxy_limits;
mod tls_downstream;
mod tls_upstream;
mod tracing;
mod upgrades;
mod upgrades_http2;
mod versions;
mod warming;
mod zone_shares;
mod zones;
