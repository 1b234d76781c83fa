// SPDX-License-Identifier: Apache-2.0
//! Counters, gauges and histograms under Envoy's names.
//!
//! In: groups of atomics that workers own. Out: one sorted view over all of them, printed as
//! Envoy's admin API prints it (text, JSON, Prometheus).

mod collect;
mod distribution;
mod flush;
mod group;
mod histogram;
mod json;
mod metric;
mod pattern;
mod prometheus;
mod query;
mod registry;
mod response_codes;
mod server;
mod tags;
#[cfg(test)]
mod tests;
mod text;

pub use collect::Collected;
pub use group::{Group, Metric, Visitor};
pub use histogram::Histogram;
pub use metric::{Counter, Gauge, LazyCounter, TextReadout};
pub use pattern::compile as compile_pattern;
pub use query::{Format, Query};
pub use registry::{Prefixed, Registry};
pub use response_codes::ResponseCodes;
pub use server::{ClusterManagerStats, ListenerManagerStats, ServerStats};
