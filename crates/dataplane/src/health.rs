// SPDX-License-Identifier: Apache-2.0
//! Health of hosts: active checks and outlier detection.
//!
//! In: results of checks and of requests. Out: flags and stats. The rules (`active`, `outlier`,
//! `probe`) know no sockets and no clock; `watch` and `checker` have both, on the control side; `subject`
//! puts what they find on the board and in the log.

pub(crate) mod active;
mod checker;
mod events;
mod news;
pub(crate) mod outlier;
pub(crate) mod probe;
mod subject;
mod watch;

pub(crate) use checker::{Broken, Http2Session, write};
pub(crate) use news::{Event, News};
pub(crate) use outlier::monitor::{LocalOutcome, Reached};
pub(crate) use watch::Watch;
