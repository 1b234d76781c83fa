// SPDX-License-Identifier: Apache-2.0
//! The control thread: reads manifests when they change and publishes what they come to.
//!
//! In: word from the watcher. Out: snapshots for the planes, and the newest [`Round`] for whoever
//! explains it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use arc_swap::ArcSwap;
use sluicegate_attach::Listening;
use sluicegate_kube::{Objects, Source, Waiting};
use sluicegate_manifest::{Diagnostic, Severity, source::Watcher};
use sluicegate_snapshot::Publisher;
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::config::core::v3::Node;
use sluicegate_xds_client::Client;

use super::{
    Addressing, Config, cluster::warn_of_lost_fields, control_stats::RoundStats, fleet::Fleet,
    infrastructure::OF_ENVOYS,
};
use crate::{
    failure::Failure,
    findings::findings,
    input::kinds_of_cluster,
    pipeline::{Options, Pipeline, Round, Stages},
    proxy,
};

/// The newest round, for any thread.
pub(super) type Rounds = Arc<ArcSwap<Round>>;

/// Before the first round.
struct NewControl {
    pipeline: Pipeline,
    options: Options,
    outlets: Outlets,
    stats: Arc<RoundStats>,
}

/// Where snapshots go.
pub(super) struct Outlets {
    /// Every Gateway together.
    pub(super) publisher: Publisher,
    /// Each Gateway for its Envoys, when there are any.
    pub(super) fleet: Option<Fleet>,
}

impl Outlets {
    fn publish(&self, round: &Round) {
        self.publisher.publish(round.translation.all.clone());
        if let Some(fleet) = &self.fleet {
            fleet.publish(round);
        }
    }
}

/// The running control side; it ends when this is dropped.
pub(super) enum Control {
    /// Manifests are watched.
    Manifests { _watcher: Watcher },
    /// A bootstrap stays as it is; its management server, if it has one, publishes.
    Bootstrap(Arc<Client>),
    /// A bootstrap without a management server.
    Fixed { _publisher: Publisher },
    /// An API server is watched.
    Cluster {
        source: Source,
        /// Before the API server has shown everything.
        nothing: Arc<Round>,
    },
}

/// Publishes the first snapshot, and starts whatever publishes others.
pub(super) fn start(
    config: &Config,
    outlets: Outlets,
    registry: &Registry,
) -> Result<(Control, Rounds), Failure> {
    let mut options = config.pipeline.clone();
    let stats = || {
        let stats = Arc::<RoundStats>::default();
        registry.register("control.", &stats);
        stats
    };
    if let Some(cluster) = &config.cluster {
        match &cluster.addressing {
            Some(Addressing::Pool(pools)) => {
                options.attach.listening = Listening::OwnAddress(BTreeMap::new());
                options.attach.address_pool = pools.clone();
            }
            Some(Addressing::Services(_)) => options.attach.listening = Listening::Mapped,
            None => {}
        }
        let owned = (&OF_ENVOYS[..], cluster.lease_namespace.as_str());
        let source = Source::start(&cluster.client, &kinds_of_cluster(), owned);
        tokio::spawn(warn_of_lost_fields(cluster.client.clone()));
        let pipeline = Pipeline::of_cluster(source.objects().clone(), options.clone());
        return NewControl::new(pipeline, options, outlets, stats()).follow_cluster(source);
    }
    let Some(start) = &config.proxy else {
        let pipeline = Pipeline::new(config.inputs.clone(), options.clone());
        return NewControl::new(pipeline, options, outlets, stats()).first_round();
    };
    let publisher = outlets.publisher;
    let control = match &start.dynamic {
        Some(dynamic) => {
            let client = client(start, dynamic);
            Control::Bootstrap(Arc::new(Client::start(client, publisher, registry)))
        }
        None => {
            publisher.publish(start.static_resources.clone());
            Control::Fixed {
                _publisher: publisher,
            }
        }
    };
    let no_manifests = Stages::new(options).round(&[]);
    Ok((control, Arc::new(ArcSwap::from_pointee(no_manifests))))
}

impl Control {
    /// The client of the bootstrap's management server.
    pub(super) fn client(&self) -> Option<Arc<Client>> {
        match self {
            Self::Bootstrap(client) => Some(client.clone()),
            Self::Fixed { .. } | Self::Manifests { .. } | Self::Cluster { .. } => None,
        }
    }

    /// The API server, when one is watched, and the round before it was seen.
    pub(super) fn cluster(&self) -> Option<(&Source, &Arc<Round>)> {
        match self {
            Self::Cluster { source, nothing } => Some((source, nothing)),
            Self::Bootstrap(_) | Self::Fixed { .. } | Self::Manifests { .. } => None,
        }
    }
}

fn client(start: &proxy::Start, dynamic: &proxy::Dynamic) -> sluicegate_xds_client::Options {
    sluicegate_xds_client::Options {
        server: dynamic.server.clone(),
        node: Node {
            user_agent_name: "sluicegate".to_owned(),
            ..start.node.clone()
        },
        node_in_every_request: dynamic.node_in_every_request,
        variant: dynamic.variant,
        static_resources: start.static_resources.clone(),
        judge: dynamic.judge.clone(),
        initial_fetch_timeout: dynamic.initial_fetch_timeout,
    }
}

impl NewControl {
    fn new(pipeline: Pipeline, options: Options, outlets: Outlets, stats: Arc<RoundStats>) -> Self {
        Self {
            pipeline,
            options,
            outlets,
            stats,
        }
    }

    /// Reads everything once, publishes it, and starts to watch.
    fn first_round(mut self) -> Result<(Control, Rounds), Failure> {
        let started = Instant::now();
        // Without a single document there is no news, but there is a round.
        let round = self.pipeline.round()?;
        let nothing = || Stages::new(self.options.clone()).round(&[]);
        let round = round.unwrap_or_else(nothing);
        self.outlets.publish(&round);
        self.stats.published(started, started);
        let found = findings(&round);
        self.stats.count(&round, &found);
        let told = tell(&round, &found, &HashSet::new(), started);
        let rounds: Rounds = Arc::new(ArcSwap::from_pointee(round));

        let (changed, changes) = mpsc::channel();
        // A watcher that is faster than rounds are loses nothing: a round reads everything.
        let watcher = Watcher::spawn(self.pipeline.paths(), move |noticed| {
            // Nobody listens any more: the process ends.
            let _ = changed.send(noticed);
        })
        .context("watching the manifests")?;
        self.spawn(rounds.clone(), told, changes)?;
        Ok((Control::Manifests { _watcher: watcher }, rounds))
    }

    /// Publishes nothing until the API server has shown every object: half a configuration would
    /// answer requests that the other half is for.
    fn follow_cluster(self, source: Source) -> Result<(Control, Rounds), Failure> {
        let nothing = Arc::new(Stages::new(self.options.clone()).round(&[]));
        let rounds: Rounds = Arc::new(ArcSwap::new(nothing.clone()));
        let (changed, changes) = mpsc::channel();
        tokio::spawn(pass_on(source.objects().clone(), changed));
        self.spawn(rounds.clone(), HashSet::new(), changes)?;
        Ok((Control::Cluster { source, nothing }, rounds))
    }

    fn spawn(
        self,
        rounds: Rounds,
        told: HashSet<String>,
        changes: mpsc::Receiver<Instant>,
    ) -> Result<(), Failure> {
        let follower = Follower {
            pipeline: self.pipeline,
            outlets: self.outlets,
            rounds,
            stats: self.stats,
            told,
        };
        thread::Builder::new()
            .name("manifests".to_owned())
            .spawn(move || follower.follow(&changes))
            .context("starting the control thread")?;
        Ok(())
    }
}

/// Tells the control thread of changes at an API server, a burst of them once.
async fn pass_on(objects: Arc<Objects>, changed: mpsc::Sender<Instant>) {
    let mut changes = objects.changes();
    let mut waited = String::new();
    loop {
        let patience = tokio::time::timeout(PATIENCE, changes.changed()).await;
        match patience {
            Ok(Ok(())) => {
                let noticed = Instant::now();
                tokio::time::sleep(BURST).await;
                changes.mark_unchanged();
                if changed.send(noticed).is_err() {
                    return;
                }
            }
            Ok(Err(_)) => return,
            Err(_) => {
                let Err(Waiting(kinds)) = objects.documents() else {
                    continue;
                };
                let kinds = kinds.iter().map(|it| match &it.problem {
                    Some(problem) => format!("{} ({problem})", it.kind),
                    None => it.kind.to_string(),
                });
                let text = kinds.collect::<Vec<_>>().join(", ");
                if text != waited {
                    tracing::warn!("nothing is served yet, still waiting for: {text}");
                    waited = text;
                }
            }
        }
    }
}

/// How long a burst of changes is waited for. Ours.
const BURST: Duration = Duration::from_millis(20);

/// Until it is said what is waited for. Ours.
const PATIENCE: Duration = Duration::from_secs(3);

struct Follower {
    pipeline: Pipeline,
    outlets: Outlets,
    rounds: Rounds,
    stats: Arc<RoundStats>,
    /// Problems that the last round had.
    told: HashSet<String>,
}

impl Follower {
    fn follow(mut self, changes: &mpsc::Receiver<Instant>) {
        // The first of those that one round takes in.
        while let Ok(noticed) = changes.recv() {
            while changes.try_recv().is_ok() {}
            let started = Instant::now();
            match self.pipeline.round() {
                Ok(None) => {}
                Ok(Some(round)) => {
                    // First: thousands of problems take longer to tell than a change may.
                    self.outlets.publish(&round);
                    self.stats.published(noticed, started);
                    let round = Arc::new(round);
                    self.rounds.store(round.clone());
                    let found = findings(&round);
                    self.stats.count(&round, &found);
                    self.told = tell(&round, &found, &self.told, started);
                }
                // What was read before stays in force.
                Err(error) => {
                    self.stats.rounds_failed.inc();
                    tracing::error!("{error}");
                }
            }
        }
    }
}

/// Logs what a round changed, and every problem of it that is not `known` from the round before.
/// Returns all that were `found`.
fn tell(
    round: &Round,
    found: &[Diagnostic],
    known: &HashSet<String>,
    started: Instant,
) -> HashSet<String> {
    let took = started.elapsed();
    let line = |found: &Diagnostic| {
        let place = found.place();
        let separator = if place.is_empty() { "" } else { ": " };
        let path = found.path.to_string();
        let path = if path.is_empty() {
            path
        } else {
            format!("{path}: ")
        };
        format!("{place}{separator}{path}{} [{}]", found.message, found.code)
    };
    let mut told = HashSet::new();
    for found in found {
        let text = line(found);
        if !known.contains(&text) {
            match found.severity {
                Severity::Error => tracing::error!("{text}"),
                Severity::Warning => tracing::warn!("{text}"),
                Severity::Advice => tracing::debug!("{text}"),
            }
        }
        told.insert(text);
    }
    for file in round.files.iter().filter(|file| file.stale) {
        tracing::warn!("{}: its last good version stays in force", file.path);
    }
    tracing::info!(
        version = %round.translation.all.version(),
        backends = round.graph.backends.len(),
        translated = round.translation.translated_backends,
        ?took,
        "configuration computed"
    );
    told
}
