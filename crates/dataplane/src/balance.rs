// SPDX-License-Identifier: Apache-2.0
//! Load balancing algorithms: plain data, no I/O, no clock.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod balancer;
mod edf;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod hash;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod least_request;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod locality;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod maglev;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod normalise;
mod priority;
pub(crate) mod random;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod ring_hash;
mod round_robin;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod slow_start;

pub(crate) use priority::{Availability, shares};
pub(crate) use round_robin::RoundRobin;
