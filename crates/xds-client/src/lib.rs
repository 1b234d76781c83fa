// SPDX-License-Identifier: Apache-2.0
//! The client's side of xDS.
//!
//! In: a management server (aggregated discovery, either variant), the resources of a bootstrap, and
//! a judge of single resources. Out: snapshots of what was accepted. Each refused resource goes back
//! to the server by name with the judge's words; the others of its response are used all the same,
//! and the last good version stays in force, whatever becomes of the server.

mod backoff;
mod client;
mod server;
mod session;
mod stats;
mod status;
mod variant;

pub use client::{Client, Options};
pub use server::{ConnectionKeepalive, KeyPair, Server, ServerError, Tls};
pub use session::{Judge, Judgement};
pub use status::{Status, TypeStatus};
pub use variant::Variant;
