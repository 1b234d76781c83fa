// SPDX-License-Identifier: Apache-2.0
//! Outlier detection: hosts whose requests fail are left out for a while.
//!
//! In: outcomes of requests, on any worker, into [`HostMonitor`]; what the monitors detect, sweeps,
//! time and random draws, on one thread, into [`Detector`]. Out: hosts ejected and returned, and the
//! stats to count under `outlier_detection`.

mod cells;
mod config;
pub(crate) mod detector;
pub(crate) mod monitor;
mod stats;
mod success_rate;

pub(crate) use config::{Ejection, OutlierConfig};
pub(crate) use detector::{Detector, Draw, HostId, Sentence};
pub(crate) use monitor::HostMonitor;
pub(crate) use stats::OutlierStats;
