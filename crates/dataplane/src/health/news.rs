// SPDX-License-Identifier: Apache-2.0
//! What workers and checks tell the control side about hosts.
//!
//! In: outcomes of attempts, results of checks. Out: messages, only when something is to be decided.

use std::{net::SocketAddr, sync::Arc};

use super::{active::CheckResult, outlier::Ejection};

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// The cluster.
    pub(crate) cluster: Arc<str>,
    /// Its board: two clusters of one name are watched while one takes over from the other.
    pub(crate) board: u64,
    /// The host.
    pub(crate) address: SocketAddr,
    /// What happened.
    pub(crate) event: Event,
}

/// What happened to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// An active check has a result.
    Checked(CheckResult),
    /// A response carried `x-envoy-immediate-health-check-fail`.
    FailedImmediately,
    /// A monitor reached a threshold.
    Reached(Ejection),
    /// `interval` of the outlier detection of the cluster passed; the host is meaningless.
    Sweep,
}
