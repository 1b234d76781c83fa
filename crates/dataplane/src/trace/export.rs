// SPDX-License-Identifier: Apache-2.0
//! Sending spans to their collector: OTLP over gRPC, on the control side.
//!
//! In: the queue of a tracer, and the plan in force, which knows the collector's endpoints. Out:
//! batches. What cannot be delivered in time is dropped and counted: traffic goes on in any case.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use sluicegate_stats::Registry;
use sluicegate_xds::{
    otlp::{
        ExportTraceServiceRequest, InstrumentationScope, Resource, ResourceSpans, ScopeSpans, Span,
    },
    prost::Message,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Collector, Tracer, tracer::Item};
use crate::{
    cluster::Usable,
    connect::{Connected, Peer, connect},
    control::Shown,
    health::{Broken, Http2Session, probe::grpc_message, write},
    http2::Opened,
    plan::{ClusterConfig, ClusterPlan, Endpoint, Plan},
    pool::Lane,
    stats::{SslStats, TracerStats},
};

/// Exports the spans of one tracer until the tracer is gone.
pub(crate) struct Exporter {
    collector: Collector,
    /// For what was dropped on its way here.
    tracer: Weak<Tracer>,
    queue: mpsc::Receiver<Item>,
    shown: Arc<Shown>,
    stats: Arc<TracerStats>,
    connection: Option<Connection>,
    /// Whose turn it is among the endpoints.
    turn: usize,
    /// The last batch was not delivered.
    failing: bool,
    /// Not shown: the cluster's own numbers are those of traffic.
    ssl_stats: SslStats,
}

struct Connection {
    address: SocketAddr,
    config: Arc<ClusterConfig>,
    session: Http2Session,
}

impl Exporter {
    /// Begins to export for those tracers of `plan` that nobody exports for.
    pub(crate) fn start(plan: &Plan, shown: &Arc<Shown>, registry: &Registry) {
        for tracer in plan.tracers() {
            let Some(queue) = tracer.take() else {
                continue;
            };
            let stats = Arc::default();
            registry.register("tracing.opentelemetry.", &stats);
            let exporter = Self {
                collector: tracer.collector.clone(),
                tracer: Arc::downgrade(tracer),
                queue,
                shown: shown.clone(),
                stats,
                connection: None,
                turn: 0,
                failing: false,
                ssl_stats: SslStats::default(),
            };
            tokio::spawn(exporter.run());
        }
    }

    async fn run(mut self) {
        let mut timer = interval(FLUSH_INTERVAL);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
        let mut batch = Vec::new();
        let mut asked = Vec::new();
        loop {
            let mut due = false;
            tokio::select! {
                item = self.queue.recv() => match item {
                    Some(item) => take(item, &mut batch, &mut asked),
                    None => return self.send(batch).await,
                },
                _ = timer.tick() => {
                    self.stats.timer_flushed.inc();
                    due = true;
                }
            }
            while batch.len() < LARGEST
                && let Ok(item) = self.queue.try_recv()
            {
                take(item, &mut batch, &mut asked);
            }
            if due || !asked.is_empty() || batch.len() >= MIN_FLUSH_SPANS {
                self.send(std::mem::take(&mut batch)).await;
            }
            // Nobody waits any more: nothing is lost.
            for done in asked.drain(..) {
                let _ = done.send(());
            }
        }
    }

    async fn send(&mut self, spans: Vec<Span>) {
        let dropped = self
            .tracer
            .upgrade()
            .map_or(0, |tracer| tracer.take_dropped());
        self.stats.spans_dropped.add(dropped);
        if spans.is_empty() {
            return;
        }
        let count = spans.len() as u64;
        let limit = self.collector.timeout.unwrap_or(TIMEOUT);
        let sent = timeout(limit, self.deliver(spans)).await;
        if matches!(sent, Ok(Ok(()))) {
            self.stats.spans_sent.add(count);
            self.failing = false;
            return;
        }
        self.connection = None;
        self.stats.spans_dropped.add(count);
        if !std::mem::replace(&mut self.failing, true) {
            let cluster = &self.collector.cluster;
            tracing::warn!(
                cluster,
                "spans are dropped: the collector does not take them"
            );
        }
    }

    async fn deliver(&mut self, spans: Vec<Span>) -> Result<(), Broken> {
        let body = grpc_message(&self.collector.request(spans).encode_to_vec());
        let head = self.collector.head();
        let plan = self.shown.plan.load_full();
        let cluster = plan.named(&self.collector.cluster);
        let cluster = cluster.and_then(|id| plan.cluster(id)).ok_or(Broken)?;
        let mut connection = match self.connection.take() {
            Some(kept) if kept.serves(cluster) => kept,
            _ => self.connect(cluster).await?,
        };
        let opened = Opened {
            head: &head,
            https: cluster.config.tls.is_some(),
            ends: false,
        };
        let answer = connection.session.ask(&opened, body, 0).await?;
        self.connection = Some(connection);
        match (answer.status, answer.grpc_status) {
            (200, Some(0)) => Ok(()),
            _ => Err(Broken),
        }
    }

    async fn connect(&mut self, cluster: &ClusterPlan) -> Result<Connection, Broken> {
        let endpoint = self.pick(cluster).ok_or(Broken)?;
        let config = &cluster.config;
        let peer = Peer {
            address: endpoint.address,
            more_addresses: &endpoint.more_addresses,
            config,
            tls: config.tls.as_ref(),
            ssl_stats: Some(&self.ssl_stats),
        };
        let connected = connect(peer, &Lane::default()).await.map_err(|_| Broken)?;
        let Connected {
            mut stream,
            preface,
        } = connected;
        write(&mut stream, &preface).await?;
        Ok(Connection {
            address: endpoint.address,
            config: config.clone(),
            session: Http2Session::begin(stream).await?,
        })
    }

    /// The next of the endpoints that health checks let through; of all if there is none. Batches are
    /// few: weights and localities do not count.
    fn pick(&mut self, cluster: &ClusterPlan) -> Option<Arc<Endpoint>> {
        let all = &cluster.endpoints.endpoints;
        let usable = |endpoint: &&Arc<Endpoint>| {
            let health = cluster.shared.health.known(endpoint.address);
            health.is_none_or(|health| health.usable(endpoint.health) != Usable::No)
        };
        let first = all.iter().filter(usable).map(|one| one.priority).min();
        let chosen = |one: &&Arc<Endpoint>| usable(one) && Some(one.priority) == first;
        let mut candidates: Vec<_> = all.iter().filter(chosen).collect();
        if candidates.is_empty() {
            candidates = all.iter().collect();
        }
        self.turn += 1;
        let endpoint = candidates.get(self.turn.checked_rem(candidates.len())?);
        endpoint.map(|endpoint| Arc::clone(endpoint))
    }
}

impl Connection {
    /// Whether it is still one to this cluster.
    fn serves(&self, cluster: &ClusterPlan) -> bool {
        let mut endpoints = cluster.endpoints.endpoints.iter();
        Arc::ptr_eq(&self.config, &cluster.config)
            && endpoints.any(|endpoint| endpoint.address == self.address)
            && self.session.usable()
    }
}

impl Collector {
    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = self.scope.then(|| InstrumentationScope {
            name: "sluicegate".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        });
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: self.resource.clone(),
                }),
                scope_spans: vec![ScopeSpans { scope, spans }],
            }],
        }
    }

    /// The head of a call. What is last takes the place of `:authority`.
    fn head(&self) -> Vec<u8> {
        let mut text = format!(
            "POST /opentelemetry.proto.collector.trace.v1.TraceService/Export HTTP/1.1\r\n\
             te: trailers\r\ncontent-type: application/grpc\r\n\
             user-agent: OTel-OTLP-Exporter-Sluicegate/{}\r\n",
            env!("CARGO_PKG_VERSION")
        );
        if let Some(limit) = self.timeout {
            text.push_str(&format!("grpc-timeout: {}m\r\n", limit.as_millis()));
        }
        for (name, value) in &self.metadata {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("host: {}\r\n\r\n", self.authority));
        text.into_bytes()
    }
}

fn take(item: Item, batch: &mut Vec<Span>, asked: &mut Vec<oneshot::Sender<()>>) {
    match item {
        Item::Flush(done) => asked.push(done),
        Item::Span(span) => batch.push(*span),
    }
}

/// `tracing.opentelemetry.flush_interval_ms` of Envoy's runtime, which there is none of.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
/// `tracing.opentelemetry.min_flush_spans`, as well.
const MIN_FLUSH_SPANS: usize = 5;
/// Spans in one message. Ours: what OpenTelemetry's own libraries send at most.
const LARGEST: usize = 512;
/// For one batch, where the configuration sets no limit. Ours: Envoy waits as long as it takes.
const TIMEOUT: Duration = Duration::from_secs(5);
