// SPDX-License-Identifier: Apache-2.0
//! The server as a client on the wire sees it.
//!
//! In: catalogs and messages of both variants. Out: what is answered, in which order, and what is
//! not.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

mod client;
mod delta;
mod isolation;
mod nodes;
mod order;
mod stuck;
mod tls;
mod world;
