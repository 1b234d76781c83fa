// SPDX-License-Identifier: Apache-2.0
//! Counters, gauges and histograms under Envoy's names.
//!
//! In: groups of atomics that workers own. Out: one sorted view over all of them, printed as
//! Envoy's admin API prints it (text, JSON, Prometheus).

mod group;
mod metric;
mod registry;

pub use group::{Group, Metric, Visitor};
pub use metric::{Counter, Gauge, Histogram, ResponseCodes};
pub use registry::Registry;
