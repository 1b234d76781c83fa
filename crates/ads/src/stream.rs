// SPDX-License-Identifier: Apache-2.0
//! One stream: requests and snapshots in, responses out.
//!
//! In: a gRPC stream of requests. Out: a stream of responses that is computed as it is read: while
//! the client does not take the last response, its requests and newer snapshots wait, in the
//! client's own flow-control window and in the catalog's channel, and nothing is queued here.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use sluicegate_snapshot::ResourceType;
use sluicegate_xds::pb::envoy::config::core::v3::Node;
use tokio::sync::watch;
use tonic::{Status, Streaming, codegen::tokio_stream::Stream};

use crate::{
    GatewayName,
    gateways::Subscriber,
    ledger::{Entry, Ledger, NodeRecord, RefusedNode},
    node,
    session::{Answer, Session, Step, Variant},
    stats::{Stats, service},
    variant::Request,
};

/// Longest wait for the first request. Ours: Envoy sends it at once.
const FIRST_REQUEST: Duration = Duration::from_secs(15);

/// What every stream of a server uses.
pub(crate) struct Shared {
    pub(crate) ledger: Ledger,
    pub(crate) stats: Stats,
    /// False, or closed, when the server stops.
    pub(crate) running: watch::Receiver<bool>,
}

/// A stream before its first request.
pub(crate) struct NewStream<R> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) gateways: Subscriber,
    pub(crate) requests: Streaming<R>,
    pub(crate) peer: Option<SocketAddr>,
}

/// A stream whose node is known.
struct Conversation<R> {
    shared: Arc<Shared>,
    gateways: Subscriber,
    requests: Streaming<R>,
    node: String,
    gateway: GatewayName,
    entry: Entry,
    session: Session,
}

type Item<R> = Result<<R as Request>::Response, Status>;

/// The responses of a stream.
pub(crate) struct Responses<R: Request> {
    next: Option<Next<R>>,
    _active: Active,
}

/// The next response, and the conversation to go on with.
type Next<R> = Pin<Box<dyn Future<Output = Option<(Item<R>, Option<Conversation<R>>)>> + Send>>;

/// Counts an open stream.
struct Active(Arc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.stats.streams.streams_active.add(-1);
    }
}

impl<R: Request> Responses<R> {
    pub(crate) fn new(stream: NewStream<R>) -> Self {
        let streams = &stream.shared.stats.streams;
        streams.streams_total.inc();
        streams.streams_active.add(1);
        let active = Active(stream.shared.clone());
        let next = Box::pin(async move {
            match stream.begin().await {
                Ok(conversation) => conversation?.proceed().await,
                Err(status) => Some((Err(status), None)),
            }
        });
        Self {
            next: Some(next),
            _active: active,
        }
    }
}

impl<R: Request> Stream for Responses<R> {
    type Item = Item<R>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item<R>>> {
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let Poll::Ready(output) = next.as_mut().poll(context) else {
            return Poll::Pending;
        };
        let (item, conversation) = output.unzip();
        self.next = conversation
            .flatten()
            .map(|it| Box::pin(it.proceed()) as Next<R>);
        Poll::Ready(item)
    }
}

impl<R: Request> NewStream<R> {
    /// Reads the first request. `None` when the client leaves before.
    async fn begin(mut self) -> Result<Option<Conversation<R>>, Status> {
        let first = tokio::time::timeout(FIRST_REQUEST, self.requests.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no request came"))??;
        let Some(first) = first else { return Ok(None) };
        let Some(node) = first.node() else {
            return Err(Status::invalid_argument(
                "the first request must carry a node",
            ));
        };
        let Some(catalog) = self.gateways.current().await else {
            return Err(Status::unavailable("the server is stopping"));
        };
        let gateway = match node::gateway(node, &catalog) {
            Ok(gateway) => gateway,
            Err(reason) => return Err(self.refuse(node, reason)),
        };
        let snapshot = catalog[&gateway].clone();
        let record = NodeRecord {
            cluster: node.cluster.clone(),
            user_agent: node::user_agent(node),
            peer: self.peer(),
            ..NodeRecord::new(node.id.clone(), gateway.clone(), R::VARIANT)
        };
        tracing::info!(node = node.id, %gateway, peer = record.peer, "an Envoy connected");
        let mut conversation = Conversation {
            entry: self.shared.ledger.open(record),
            node: node.id.clone(),
            session: Session::new(R::VARIANT, snapshot),
            shared: self.shared,
            gateways: self.gateways,
            requests: self.requests,
            gateway,
        };
        conversation.hear(&first);
        Ok(Some(conversation))
    }

    fn refuse(&self, node: &Node, reason: String) -> Status {
        self.shared.stats.streams.streams_refused.inc();
        tracing::warn!(peer = self.peer(), "{reason}");
        self.shared.ledger.refuse(RefusedNode {
            id: node.id.clone(),
            peer: self.peer(),
            reason: reason.clone(),
            at: SystemTime::now(),
        });
        Status::not_found(reason)
    }

    fn peer(&self) -> String {
        self.peer.map_or_else(String::new, |peer| peer.to_string())
    }
}

impl<R: Request> Conversation<R> {
    /// The next response, or the reason why there is none any more.
    async fn proceed(mut self) -> Option<(Item<R>, Option<Self>)> {
        loop {
            let step = self.session.next(Instant::now());
            self.note_held();
            let until = match step {
                Step::Reply(reply) => {
                    let stats = self.shared.stats.of(reply.resource_type);
                    stats.responses_total.inc();
                    let count = u64::try_from(reply.resources.len()).unwrap_or(u64::MAX);
                    stats.resources_total.add(count);
                    self.entry.sent(&reply);
                    return Some((Ok(R::response(reply)), Some(self)));
                }
                Step::Wait(until) => until,
            };
            tokio::select! {
                request = self.requests.message() => match request {
                    Ok(Some(request)) => self.hear(&request),
                    // The client has left, in order or not.
                    Ok(None) | Err(_) => return None,
                },
                catalog = self.gateways.changed() => {
                    let Some(catalog) = catalog else {
                        return Some((Err(Status::unavailable("no more news will come")), None));
                    };
                    let Some(snapshot) = catalog.get(&self.gateway) else {
                        let text = format!("Gateway {} does not exist any more", self.gateway);
                        return Some((Err(Status::not_found(text)), None));
                    };
                    self.session.update(snapshot.clone());
                }
                () = stopped(self.shared.running.clone()) => {
                    return Some((Err(Status::unavailable("the server is stopping")), None));
                }
                () = wait(until) => {}
            }
        }
    }

    fn hear(&mut self, request: &R) {
        let Some(resource_type) = ResourceType::of_type_url(request.type_url()) else {
            tracing::debug!(node = self.node, "{} is not served", request.type_url());
            return;
        };
        let answer = request.apply(resource_type, &mut self.session);
        let (wildcard, names) = self.session.subscribed(resource_type);
        self.entry.subscribed(resource_type, wildcard, names);
        let stats = self.shared.stats.of(resource_type);
        match answer {
            Some(Answer::Accepted(version)) => {
                stats.acked.inc();
                self.entry.accepted(resource_type, version);
            }
            Some(Answer::Refused(version)) => {
                stats.nacked.inc();
                let text = request.refusal().unwrap_or_default();
                tracing::warn!(
                    node = self.node,
                    "{} refused: {text}",
                    service(resource_type)
                );
                self.entry.refused(resource_type, version, text);
            }
            // The state of the world repeats the newest nonce whenever its list changes.
            Some(Answer::Unknown) if R::VARIANT == Variant::Delta => stats.stale_nonce.inc(),
            Some(Answer::Unknown) | None => {}
        }
    }

    /// Tells the ledger what is held back, when that changed.
    fn note_held(&mut self) {
        for resource_type in ResourceType::ALL {
            if self.session.take_held_changed(resource_type) {
                let held = self.session.held(resource_type);
                self.entry.held(resource_type, held);
            }
        }
    }
}

/// Ends when the server stops.
pub(crate) async fn stopped(mut running: watch::Receiver<bool>) {
    // A handle that is gone stops it as well.
    let _ = running.wait_for(|running| !running).await;
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
