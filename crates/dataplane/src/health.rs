// SPDX-License-Identifier: Apache-2.0
//! Health of hosts: active checks and outlier detection.
//!
//! In: results of checks and of requests. Out: flags and stats. The rules (`active`, `outlier`,
//! `probe`) know no sockets and no clock; `watch` and `checker` have both, on the control side.

pub(crate) mod active;
mod checker;
mod news;
pub(crate) mod outlier;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "gRPC checks need HTTP/2 to upstreams")
)]
pub(crate) mod probe;
mod watch;

pub(crate) use news::{Event, News};
pub(crate) use outlier::monitor::{LocalOutcome, Reached};
pub(crate) use watch::Watch;
