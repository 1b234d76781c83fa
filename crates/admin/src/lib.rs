// SPDX-License-Identifier: Apache-2.0
//! The Envoy-compatible admin API.
//!
//! In: a bound listener and [`Views`], the read-only handles that the binary hands in. Out: an
//! HTTP/1 server whose pages, formats, method rules and error texts are Envoy's, so that what
//! people wrote against Envoy's admin keeps working. The few changing pages call back into the
//! binary through [`Action`].

mod acceptor;
mod answer;
mod command;
mod config_dump;
mod health;
mod page;
mod request;
mod router;
mod server;
mod views;

pub use acceptor::Acceptor;
pub use answer::Answer;
pub use health::Health;
pub use request::Request;
pub use server::Admin;
pub use views::{
    Action, ActionResult, Home, LogLevel, Page, ServerState, Show, Startup, View, Views,
};
