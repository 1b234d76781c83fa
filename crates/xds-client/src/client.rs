// SPDX-License-Identifier: Apache-2.0
//! The task that keeps a stream to the management server.
//!
//! In: options and a publisher of snapshots. Out: snapshots, for as long as the handle lives. The
//! last one stays in force while there is no server.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use sluicegate_snapshot::{Publisher, ResourceType, Snapshot};
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::{
    config::core::v3::Node,
    service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
};
use tokio::{sync::mpsc, task::AbortHandle};
use tonic::{Status as Failure, Streaming, codegen::tokio_stream::Stream};

use crate::{
    Judge, Server, Status, Variant,
    backoff::Backoff,
    session::{Request, Response, Session},
    stats::Stats,
    status::Board,
    variant,
};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the server is.
    pub server: Server,
    /// Who we are.
    pub node: Node,
    /// Whether every request says so, or only the first one of a stream.
    pub node_in_every_request: bool,
    /// The variant of the protocol.
    pub variant: Variant,
    /// Resources that do not come from the server, and go before those that do.
    pub static_resources: Arc<Snapshot>,
    /// Says which resources cannot be used.
    pub judge: Judge,
    /// `initial_fetch_timeout`: how long the first snapshot, and a resource later, waits for what it
    /// refers to. Envoy default: 15 s.
    pub initial_fetch_timeout: Duration,
}

/// A running client; it stops when this is dropped.
#[derive(Debug)]
pub struct Client {
    task: AbortHandle,
    board: Board,
}

impl Client {
    /// Starts a client on the current runtime. The first snapshot is published once everything that
    /// it needs is there, or after the timeout.
    pub fn start(options: Options, publisher: Publisher, registry: &Registry) -> Self {
        let session = Session::new(
            options.variant,
            options.static_resources.clone(),
            options.judge.clone(),
            options.initial_fetch_timeout,
            Instant::now(),
        );
        let board = Board::default();
        let run = Run {
            session,
            publisher,
            stats: Stats::new(registry),
            board: board.clone(),
            options,
            backoff: Backoff::default(),
        };
        let task = tokio::spawn(run.run()).abort_handle();
        Self { task, board }
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.board.read()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run {
    options: Options,
    session: Session,
    publisher: Publisher,
    stats: Stats,
    board: Board,
    backoff: Backoff,
}

impl Run {
    async fn run(mut self) {
        let addresses = self.options.server.addresses.clone();
        for address in addresses.iter().cycle() {
            let failure = self.stream(address).await;
            self.stats.failed();
            let wait = self.backoff.next();
            let error = describe(&failure);
            tracing::warn!(server = address, ?wait, "no management server: {error}");
            self.board.change(|status| {
                status.connected = false;
                status.error = error;
            });
            self.publish_until(tokio::time::sleep(wait)).await;
        }
    }

    /// One stream, to its end.
    async fn stream(&mut self, address: &str) -> Failure {
        self.board
            .change(|status| address.clone_into(&mut status.server));
        let endpoint = match self.options.server.endpoint(address) {
            Ok(endpoint) => endpoint,
            Err(error) => return Failure::from_error(error.into()),
        };
        let connected = self.publish_until(endpoint.connect()).await;
        let channel = match connected {
            Ok(channel) => channel,
            Err(error) => return Failure::from_error(error.into()),
        };
        let mut client = AggregatedDiscoveryServiceClient::new(channel)
            // As in Envoy, a response may be as large as it likes.
            .max_decoding_message_size(usize::MAX);
        match self.options.variant {
            Variant::Delta => {
                let open = move |outgoing| async move {
                    client.delta_aggregated_resources(outgoing).await
                };
                self.exchange(open, variant::delta_request, variant::delta_response)
                    .await
            }
            Variant::StateOfTheWorld => {
                let open = move |outgoing| async move {
                    client.stream_aggregated_resources(outgoing).await
                };
                self.exchange(open, variant::world_request, variant::world_response)
                    .await
            }
        }
    }

    /// An open stream of either variant, to its end.
    async fn exchange<Q, R, F>(
        &mut self,
        open: impl FnOnce(Outgoing<Q>) -> F,
        request: fn(Request, Option<Node>) -> Q,
        response: fn(R) -> Option<Response>,
    ) -> Failure
    where
        F: Future<Output = Result<tonic::Response<Streaming<R>>, Failure>>,
    {
        let (sender, outgoing) = mpsc::unbounded_channel();
        let mut say = Say::new(&self.options, |said, node| {
            let _ = sender.send(request(said, node));
        });
        say.all(self.session.begin());
        let mut incoming = match self.publish_until(open(Outgoing(outgoing))).await {
            Ok(response) => response.into_inner(),
            Err(failure) => return failure,
        };
        loop {
            match self.publish_until(next(&mut incoming)).await {
                Ok(heard) => {
                    if let Some(heard) = response(heard) {
                        say.all(self.hear(heard));
                    }
                }
                Err(failure) => return failure,
            }
        }
    }

    fn hear(&mut self, response: Response) -> Vec<Request> {
        self.backoff.reset();
        let resource_type = response.resource_type;
        let requests = self.session.hear(response, Instant::now());
        let (accepted, version, refusal) = self.session.state(resource_type);
        self.stats.control_plane.connected_state.set(1);
        self.stats.answered(resource_type, !refusal.is_empty());
        if !refusal.is_empty() {
            tracing::warn!("refused: {refusal}");
        }
        self.board.change(|status| {
            status.connected = true;
            status.error.clear();
            let status = &mut status.types[resource_type as usize];
            status.accepted = accepted;
            version.clone_into(&mut status.version);
            refusal.clone_into(&mut status.refusal);
        });
        requests
    }

    /// Waits for `event`, and publishes meanwhile whatever has waited long enough.
    async fn publish_until<F: Future>(&mut self, event: F) -> F::Output {
        let mut event = std::pin::pin!(event);
        loop {
            let (snapshot, until) = self.session.publish(Instant::now());
            if let Some(snapshot) = snapshot {
                let count = |kind: ResourceType| snapshot.resources(kind).len();
                tracing::info!(
                    version = %snapshot.version(),
                    clusters = count(ResourceType::Cluster),
                    listeners = count(ResourceType::Listener),
                    "configuration taken"
                );
                self.publisher.publish(snapshot);
            }
            let patience = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                outcome = &mut event => return outcome,
                () = patience => {}
            }
        }
    }
}

/// Sends requests, which say who we are.
struct Say<F> {
    node: Option<Node>,
    always: bool,
    send: F,
}

impl<F: FnMut(Request, Option<Node>)> Say<F> {
    fn new(options: &Options, send: F) -> Self {
        let node = Some(options.node.clone());
        let always = options.node_in_every_request;
        Self { node, always, send }
    }

    fn all(&mut self, requests: Vec<Request>) {
        for request in requests {
            let node = self.node.take();
            if self.always {
                self.node.clone_from(&node);
            }
            (self.send)(request, node);
        }
    }
}

/// The requests of a stream.
struct Outgoing<T>(mpsc::UnboundedReceiver<T>);

impl<T> Stream for Outgoing<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

async fn next<T>(incoming: &mut Streaming<T>) -> Result<T, Failure> {
    match incoming.message().await {
        Ok(Some(response)) => Ok(response),
        Ok(None) => Err(Failure::unavailable("the server ended the stream")),
        Err(failure) => Err(failure),
    }
}

/// The failure with its causes: the outermost one alone says too little.
fn describe(failure: &Failure) -> String {
    let mut text = failure.message().to_owned();
    let mut cause = std::error::Error::source(failure);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
