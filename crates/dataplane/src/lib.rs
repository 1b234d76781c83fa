// SPDX-License-Identifier: Apache-2.0
//! Enforces a snapshot.
//!
//! In: snapshots of xDS resources. Out: traffic. One worker thread per core, each with its own
//! sockets, pools and numbers; a control thread compiles snapshots into plans. The life of a request
//! is told in `life.rs`, everything that can go wrong stands in `failure.rs`.

mod balance;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod cluster;
mod connect;
mod control;
mod data_plane;
mod failure;
mod filter;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod http;
mod http2;
mod insight;
mod io;
mod life;
mod listen;
mod log;
mod plan;
mod pool;
mod report;
mod resolve;
mod retry;
mod route;
mod stats;
mod tls;
mod trace;
mod view;
mod worker;

pub use data_plane::{DataPlane, LocalZone, Options, StartError};
pub use insight::{Ejected, KeepaliveSettings, worker_of};
pub use listen::ListeningSocket;
pub use plan::{Examined, examine};
pub use report::{BindError, Report, ResourceError, State, Unsupported};
pub use worker::DrainStrategy;
