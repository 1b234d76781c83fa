// SPDX-License-Identifier: Apache-2.0
//! Load balancing algorithms: plain data, no I/O, no clock.

mod edf;
mod priority;
mod round_robin;

pub(crate) use priority::{Availability, shares};
pub(crate) use round_robin::RoundRobin;
