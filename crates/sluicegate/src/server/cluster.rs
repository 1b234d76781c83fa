// SPDX-License-Identifier: Apache-2.0
//! Status of what an API server has, kept up to date there.
//!
//! In: rounds, and what the planes report. Out: wishes for the status writer; a place in the
//! election of the replica that writes.

use std::{process, sync::Arc, time::Duration};

use sluicegate_kube::{Client, Lease, Objects, StatusWriter};
use sluicegate_status::Runtime;
use tokio::task::JoinHandle;

use super::view::Shared;
use crate::{crds, pipeline::Round};

/// An API server, and this process's part at it.
#[derive(Clone)]
pub struct Cluster {
    /// Its client.
    pub client: Client,
    /// What people know it by.
    pub address: String,
    /// Namespace of the Lease that decides which replica writes status.
    pub lease_namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Says at the start which fields of policies never get here, and what helps.
pub(super) async fn warn_of_lost_fields(client: Client) {
    for warning in crds::warnings(&client).await {
        tracing::warn!("{warning}");
    }
}

/// The running part; nothing is written once it has stopped.
pub(super) struct Status {
    lease: Lease,
    task: JoinHandle<()>,
}

impl Status {
    /// Starts to write, once there is a round after `nothing`.
    pub(super) fn start(
        shared: &Arc<Shared>,
        objects: &Arc<Objects>,
        nothing: &Arc<Round>,
        cluster: &Cluster,
    ) -> Self {
        let client = cluster.client.clone();
        let lease = Lease::start(client.clone(), &cluster.lease_namespace, LEASE, &identity());
        let mut controllers = shared.options.attach.controller_names.clone();
        controllers.push(sluicegate_status::Options::default().controller_name);
        let leadership = lease.leadership();
        let writer = StatusWriter::start(client, objects.clone(), leadership, controllers, MANAGER);
        let task = tokio::spawn(follow(shared.clone(), nothing.clone(), writer));
        Self { lease, task }
    }

    /// Ends, and lets another replica go on at once.
    pub(super) async fn stop(self) {
        self.task.abort();
        self.lease.release().await;
    }
}

/// Tells the writer what status should be whenever something that it depends on has changed.
async fn follow(shared: Arc<Shared>, nothing: Arc<Round>, writer: StatusWriter) {
    let mut told: Option<(Arc<Round>, Runtime)> = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let round = shared.rounds.load_full();
        if Arc::ptr_eq(&round, &nothing) {
            continue;
        }
        let runtime = shared.runtime(&round);
        let same = |(before, known): &(Arc<Round>, Runtime)| {
            Arc::ptr_eq(before, &round) && *known == runtime
        };
        if told.as_ref().is_some_and(same) {
            continue;
        }
        writer.want(shared.statuses_of(&round, &runtime));
        told = Some((round, runtime));
    }
}

/// The name of this replica in the Lease: that of the pod, and something that no other has.
fn identity() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    format!("{host}_{}_{:08x}", process::id(), fastrand::u32(..))
}

/// Name of the Lease. Ours.
const LEASE: &str = "sluicegate-status";

/// Field manager of what is written. Ours.
const MANAGER: &str = "sluicegate";

/// Between two looks at what status depends on. Ours.
const LOOK: Duration = Duration::from_millis(200);
