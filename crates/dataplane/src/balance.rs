// SPDX-License-Identifier: Apache-2.0
//! Load balancing algorithms: plain data, no I/O, no clock.

mod edf;
#[cfg_attr(not(test), expect(dead_code, reason = "wired in with hash policies"))]
pub(crate) mod hash;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
pub(crate) mod maglev;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
mod normalise;
mod priority;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "wired in with load balancing policies")
)]
mod random;
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
