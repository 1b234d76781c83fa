// SPDX-License-Identifier: Apache-2.0
//! Serves snapshots to a fleet of Envoys: the aggregated discovery service.
//!
//! In: a [`Snapshot`](sluicegate_snapshot::Snapshot) for each Gateway. Out: gRPC streams in both
//! variants of the protocol (state of the world and delta), and a [`Ledger`] of what each node was
//! sent, what it took and what it refused, in its own words.

mod blame;
mod eds;
mod gateways;
mod incoming;
mod ledger;
mod node;
mod server;
mod service;
mod session;
mod stats;
mod stream;
mod tls;
mod variant;

pub use gateways::{Catalog, GatewayName, Publisher, Subscriber, channel};
pub use ledger::{Ledger, Nack, NodeRecord, Refusal, RefusedNode, TypeRecord};
pub use node::METADATA_KEY;
pub use server::{Options, Server, StartError};
pub use tls::{Tls, TlsError, TlsFiles};
