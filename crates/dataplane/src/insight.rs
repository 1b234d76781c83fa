// SPDX-License-Identifier: Apache-2.0
//! What operators ask and Envoy's admin messages have no field for.
//!
//! In: the plan, and who opened which socket. Out: ejections with their reasons and ends, settings of
//! keepalive, the worker of a connection.

use std::{
    cell::Cell,
    net::SocketAddr,
    os::fd::RawFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::plan::{ClusterPlan, Plan};

/// A host that outlier detection has ejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejected {
    /// Name of the cluster.
    pub cluster: Arc<str>,
    /// The host.
    pub address: SocketAddr,
    /// Envoy's name of the detector, as in `ejections_enforced_<name>`.
    pub by: &'static str,
    /// How long ago.
    pub ago: Duration,
    /// When the sweep comes that lets it return; a good active check may do so before.
    pub returns_in: Duration,
}

/// Keepalive of the connections of a cluster; `None` leaves a number to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepaliveSettings {
    /// Seconds without traffic until the first probe.
    pub time: Option<u32>,
    /// Seconds between probes.
    pub interval: Option<u32>,
    /// Probes without an answer that end the connection.
    pub probes: Option<u32>,
}

pub(crate) fn ejections(plan: &Plan, is_meant: impl Fn(&str) -> bool) -> Vec<Ejected> {
    let clusters = plan.clusters.iter().flatten();
    let meant = clusters.filter(|one| is_meant(&one.config.name));
    meant.flat_map(|one| of_cluster(one)).collect()
}

fn of_cluster(cluster: &ClusterPlan) -> Vec<Ejected> {
    if cluster.config.outlier.is_none() {
        return Vec::new();
    }
    let board = &cluster.shared.health;
    let now = board.now();
    let ejected = cluster.endpoints.endpoints.iter().filter_map(|endpoint| {
        let sentence = board.known(endpoint.address)?.sentence()?;
        Some(Ejected {
            cluster: cluster.config.name.clone(),
            address: endpoint.address,
            by: sentence.by.name(),
            ago: now.saturating_sub(sentence.at),
            returns_in: sentence.until.saturating_sub(now),
        })
    });
    ejected.collect()
}

pub(crate) fn keepalives(plan: &Plan) -> Vec<(Arc<str>, KeepaliveSettings)> {
    let clusters = plan.clusters.iter().flatten();
    let set = clusters.filter_map(|cluster| {
        let keepalive = cluster.config.keepalive?;
        let settings = KeepaliveSettings {
            time: keepalive.time,
            interval: keepalive.interval,
            probes: keepalive.probes,
        };
        Some((cluster.config.name.clone(), settings))
    });
    set.collect()
}

/// The worker that opened a socket to an endpoint; `None` for one that checks health. What was noted
/// of a file descriptor holds until another such connection gets it.
pub fn worker_of(socket: RawFd) -> Option<usize> {
    let owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = owners.get(usize::try_from(socket).ok()?)?;
    usize::from(*owner).checked_sub(1)
}

/// This thread is a worker.
pub(crate) fn is_worker(index: usize) {
    let number = u16::try_from(index + 1).unwrap_or(u16::MAX);
    WORKER.with(|worker| worker.set(number));
}

/// This thread has opened a socket to an endpoint.
pub(crate) fn opened(socket: RawFd) {
    let Ok(at) = usize::try_from(socket) else {
        return;
    };
    let worker = WORKER.with(Cell::get);
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    if owners.len() <= at {
        owners.resize(at + 1, 0);
    }
    owners[at] = worker;
}

/// By file descriptor, which belong to the process: the number of the worker, counted from 1; 0 is none.
/// Locked once per connection, and by who looks.
static OWNERS: Mutex<Vec<u16>> = Mutex::new(Vec::new());

thread_local! {
    static WORKER: Cell<u16> = const { Cell::new(0) };
}
