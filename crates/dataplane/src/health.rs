// SPDX-License-Identifier: Apache-2.0
//! Health of hosts: active checks and outlier detection.
//!
//! In: results of checks and of requests, time as a parameter, random draws. Out: state, waits,
//! flags and the stats to count. No sockets and no clock.

pub(crate) mod active;
pub(crate) mod outlier;
pub(crate) mod probe;
