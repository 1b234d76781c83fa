// SPDX-License-Identifier: Apache-2.0
//! Status of what an API server has, kept up to date there.
//!
//! In: rounds, and what the planes report. Out: wishes for the status writer; a place in the
//! election of the replica that writes.

use std::{
    process,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use sluicegate_admin::{Answer, Page};
use sluicegate_attach::Pool;
use sluicegate_kube::{
    Client, KindState, Leadership, Lease, Objects, OwnedProblems, OwnedWriter, Source,
    StatusWriter, Writes,
};
use sluicegate_status::Runtime;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    addressing::Addressing,
    infrastructure::{Envoys, Infrastructure, MANAGER, OF_ENVOYS, SERVICE},
    view::Shared,
};
use crate::{crds, listening::Whereabouts, pipeline::Round};

/// An API server, and this process's part at it.
#[derive(Clone)]
pub struct Cluster {
    /// Its client.
    pub client: Client,
    /// What people know it by.
    pub address: String,
    /// Namespace of the Lease that decides which replica writes status, and of what Gateways get.
    pub lease_namespace: String,
    /// How Gateways get addresses, if not from where the data plane listens.
    pub addressing: Option<Addressing>,
    /// Envoys for each Gateway, in place of our own data plane.
    pub envoys: Option<Envoys>,
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
    view: View,
    task: JoinHandle<()>,
}

/// What there is to say about an API server.
#[derive(Clone)]
struct View {
    shared: Arc<Shared>,
    address: String,
    pools: Vec<Pool>,
    objects: Arc<Objects>,
    definitions_problem: watch::Receiver<Option<String>>,
    leadership: Leadership,
    writes: Arc<Writes>,
    owned_problems: Arc<OwnedProblems>,
}

impl Status {
    /// Starts to write, once there is a round after `nothing`.
    pub(super) fn start(
        shared: &Arc<Shared>,
        source: &Source,
        nothing: &Arc<Round>,
        cluster: &Cluster,
    ) -> Self {
        let client = cluster.client.clone();
        let lease = Lease::start(client.clone(), &cluster.lease_namespace, LEASE, &identity());
        let mut controllers = shared.options.attach.controller_names.clone();
        controllers.push(sluicegate_status::Options::default().controller_name);
        let leadership = lease.leadership();
        let objects = source.objects().clone();
        let writer = StatusWriter::start(client, objects, leadership, controllers, MANAGER);
        let infrastructure = Infrastructure {
            services: match &cluster.addressing {
                Some(Addressing::Services(services)) => Some(services.clone()),
                Some(Addressing::Pool(_)) | None => None,
            },
            envoys: cluster.envoys.clone(),
            objects: source.objects().clone(),
            namespace: cluster.lease_namespace.clone(),
        };
        let owned = OwnedWriter::start(
            &cluster.client,
            source.objects().clone(),
            lease.leadership(),
            [&[SERVICE][..], &OF_ENVOYS].concat(),
            infrastructure.mark(),
        );
        let view = View {
            shared: shared.clone(),
            address: cluster.address.clone(),
            pools: match &cluster.addressing {
                Some(Addressing::Pool(pools)) => pools.clone(),
                Some(Addressing::Services(_)) | None => Vec::new(),
            },
            objects: source.objects().clone(),
            definitions_problem: source.definitions_problem(),
            leadership: lease.leadership(),
            writes: writer.writes().clone(),
            owned_problems: owned.problems(),
        };
        let writers = Writers {
            status: writer,
            owned,
            infrastructure,
        };
        let task = tokio::spawn(follow(shared.clone(), nothing.clone(), writers));
        Self { lease, view, task }
    }

    /// `/sluicegate/cluster`.
    pub(super) fn page(&self) -> Page {
        let view = self.view.clone();
        Page {
            path: "/sluicegate/cluster",
            aliases: &[],
            help: "the API server: what is read of it, what is written, what it does not let us, and \
                   where Gateways listen",
            show: Arc::new(move |_| Answer::json(sluicegate_xds::json::to_string(&view.to_json()))),
        }
    }

    /// What the API server refuses or does not answer, now.
    pub(super) fn problems(&self) -> sluicegate_admin::View<Vec<String>> {
        let view = self.view.clone();
        Arc::new(move || view.problems(&view.objects.states()))
    }

    /// How often status was written.
    pub(super) fn writes(&self) -> Arc<Writes> {
        self.view.writes.clone()
    }

    /// Ends, and lets another replica go on at once.
    pub(super) async fn stop(self) {
        self.task.abort();
        self.lease.release().await;
    }
}

impl View {
    fn to_json(&self) -> Value {
        let states = self.objects.states();
        let kinds = states.iter().map(|it| {
            json!({
                "kind": it.kind.to_string(),
                "api_version": it.api_version,
                "listed": it.listed,
                "objects": it.objects,
            })
        });
        let written = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        json!({
            "address": self.address,
            "writes_status": self.leadership.held(),
            "status_writes": {
                "done": written(&self.writes.done),
                "conflicts": written(&self.writes.conflicts),
                "failed": written(&self.writes.failed),
            },
            "problems": self.problems(&states),
            "listening": Whereabouts::of(&self.shared.rounds.load(), &self.pools),
            "kinds": kinds.collect::<Vec<_>>(),
        })
    }

    /// One sentence for everything that the API server refuses or does not answer now.
    fn problems(&self, states: &[KindState]) -> Vec<String> {
        let read = states.iter().filter_map(|it| {
            let problem = it.problem.as_ref()?;
            Some(format!("{} cannot be read: {problem}", it.kind))
        });
        let definitions = self.definitions_problem.borrow().clone();
        let definitions = definitions.map(|it| format!("CRDs cannot be watched: {it}"));
        let lease = self.leadership.problem();
        let lease = lease.map(|it| format!("the Lease {LEASE} is not renewed: {it}"));
        let mut problems: Vec<String> = read.chain(definitions).chain(lease).collect();
        problems.extend(self.writes.problems());
        problems.extend(self.owned_problems.sentences());
        problems
    }
}

/// What writes to the API server.
struct Writers {
    status: StatusWriter,
    owned: OwnedWriter,
    infrastructure: Infrastructure,
}

/// Tells the writers what should be there whenever something that it depends on has changed.
async fn follow(shared: Arc<Shared>, nothing: Arc<Round>, writers: Writers) {
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
        writers.status.want(shared.statuses_of(&round, &runtime));
        writers.owned.want(writers.infrastructure.of(&round));
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

/// Between two looks at what status depends on. Ours.
const LOOK: Duration = Duration::from_millis(200);
