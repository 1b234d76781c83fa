// SPDX-License-Identifier: Apache-2.0
//! Origin servers and raw clients for tests and for `sluicegate demo`.
//!
//! In: an address or a script. Out: servers that stop when their handle is dropped and count what
//! reached them, and clients that see bytes as they are. Everything that waits does so within
//! [`patience`].

mod envoy_binary;
mod eventually;
mod free_port;
mod full_backlog;
mod httpbin;
mod kubernetes_binaries;
mod message;
mod raw_client;
mod raw_origin;
mod steady_client;

pub use envoy_binary::envoy_binary;
pub use eventually::{eventually, patience, within};
pub use free_port::{free_address, free_port};
pub use full_backlog::FullBacklog;
pub use httpbin::Httpbin;
pub use kubernetes_binaries::{helm_binary, kubernetes_binaries};
pub use message::Message;
pub use raw_client::RawClient;
pub use raw_origin::{RawOrigin, Received, Step};
pub use steady_client::{Load, Report, SteadyClient};
