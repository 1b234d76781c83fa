// SPDX-License-Identifier: Apache-2.0
//! A server, snapshots for it, and clients that say exactly what a test wants.
//!
//! That nothing comes is shown without waiting: the client asks for something that is answered, and
//! that answer is the next message. It also makes sure that the server has read what was said before.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use sluicegate_ads::{Catalog, Options, Publisher, Server, channel};
use sluicegate_snapshot::{Builder, Resource, ResourceType, Snapshot, Version};
use sluicegate_stats::Registry;
use sluicegate_xds::{
    pb::{
        envoy::{
            config::{
                cluster::v3::{Cluster, cluster::EdsClusterConfig},
                core::v3::Node,
            },
            service::discovery::v3::{
                DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
                aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
        },
        google::rpc,
    },
    prost::Message,
};
use tokio::sync::mpsc;
use tonic::{
    Status, Streaming,
    codegen::tokio_stream::wrappers::ReceiverStream,
    transport::{Channel, Endpoint},
};

pub(crate) use ResourceType::{
    Cluster as Cds, Endpoint as Eds, Listener as Lds, Route as Rds, Secret as Sds,
};

/// The Gateway of every test.
pub(crate) const GATEWAY: &str = "default/http";
/// A secret that every snapshot has, for [`Delta::quiet`] and [`World::quiet`].
const PROBE: &str = "probe";
/// How long a message that must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with its publisher.
pub(crate) struct Ads {
    pub(crate) server: Server,
    pub(crate) registry: Registry,
    publisher: Publisher,
}

impl Ads {
    pub(crate) async fn start(snapshot: Snapshot) -> Self {
        Self::start_with(snapshot, options()).await
    }

    pub(crate) async fn start_with(snapshot: Snapshot, options: Options) -> Self {
        let (publisher, subscriber) = channel();
        let registry = Registry::default();
        let server = Server::start(options, subscriber, &registry).await.unwrap();
        let ads = Self {
            server,
            registry,
            publisher,
        };
        ads.publish(snapshot);
        ads
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let catalog = Catalog::from([(GATEWAY.parse().unwrap(), Arc::new(snapshot))]);
        self.publisher.publish(catalog);
    }

    pub(crate) fn publish_nothing(&self) {
        self.publisher.publish(Catalog::new());
    }

    async fn client(&self) -> AggregatedDiscoveryServiceClient<Channel> {
        let uri = format!("http://{}", self.server.address());
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(usize::MAX)
    }

    pub(crate) async fn delta(&self) -> Delta {
        let (requests, stream) = requests();
        let mut client = self.client().await;
        let responses = client.delta_aggregated_resources(stream).await.unwrap();
        Delta {
            requests,
            responses: responses.into_inner(),
            node: Some(node()),
        }
    }

    pub(crate) async fn world(&self) -> World {
        let (requests, stream) = requests();
        let mut client = self.client().await;
        let responses = client.stream_aggregated_resources(stream).await.unwrap();
        World {
            requests,
            responses: responses.into_inner(),
            node: Some(node()),
        }
    }

    pub(crate) fn stat(&self, name: &str) -> i64 {
        let collected = self.registry.collect();
        let mut values = collected.values();
        values.find(|(found, _)| *found == name).unwrap().1
    }
}

pub(crate) fn options() -> Options {
    Options {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        wait_for_address: false,
    }
}

fn requests<R>() -> (mpsc::Sender<R>, ReceiverStream<R>) {
    let (sender, receiver) = mpsc::channel(64);
    (sender, ReceiverStream::new(receiver))
}

pub(crate) fn node() -> Node {
    Node {
        id: "node".to_owned(),
        cluster: GATEWAY.to_owned(),
        ..Node::default()
    }
}

/// A client of the delta variant.
pub(crate) struct Delta {
    pub(crate) requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
    /// Goes with the first request.
    pub(crate) node: Option<Node>,
}

impl Delta {
    pub(crate) async fn send(&mut self, mut request: DeltaDiscoveryRequest) {
        request.node = self.node.take();
        self.requests.send(request).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, resource_type: ResourceType, names: &[&str]) {
        self.change(resource_type, names, &[]).await;
    }

    pub(crate) async fn change(
        &mut self,
        of: ResourceType,
        subscribe: &[&str],
        unsubscribe: &[&str],
    ) {
        self.send(DeltaDiscoveryRequest {
            type_url: of.type_url(),
            resource_names_subscribe: strings(subscribe),
            resource_names_unsubscribe: strings(unsubscribe),
            ..DeltaDiscoveryRequest::default()
        })
        .await;
    }

    /// The first request of a client that comes back.
    pub(crate) async fn resume(
        &mut self,
        of: ResourceType,
        names: &[&str],
        has: &[(String, String)],
    ) {
        self.send(DeltaDiscoveryRequest {
            type_url: of.type_url(),
            resource_names_subscribe: strings(names),
            initial_resource_versions: has.iter().cloned().collect::<HashMap<_, _>>(),
            ..DeltaDiscoveryRequest::default()
        })
        .await;
    }

    pub(crate) async fn next(&mut self) -> Result<DeltaDiscoveryResponse, Status> {
        next(&mut self.responses).await
    }

    /// The next response, which must be of this type.
    pub(crate) async fn response(&mut self, of: ResourceType) -> DeltaDiscoveryResponse {
        let response = self.next().await.unwrap();
        assert_eq!(response.type_url, of.type_url(), "{:?}", names(&response));
        response
    }

    /// The next response, accepted: names of its resources, names of what is gone.
    pub(crate) async fn take(&mut self, of: ResourceType) -> (Vec<String>, Vec<String>) {
        let response = self.response(of).await;
        self.accept(&response).await;
        (names(&response), response.removed_resources)
    }

    pub(crate) async fn accept(&mut self, response: &DeltaDiscoveryResponse) {
        self.answer(response, None).await;
    }

    pub(crate) async fn refuse(&mut self, response: &DeltaDiscoveryResponse, text: &str) {
        self.answer(response, Some(text)).await;
    }

    async fn answer(&mut self, response: &DeltaDiscoveryResponse, text: Option<&str>) {
        self.send(DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            error_detail: text.map(status),
            ..DeltaDiscoveryRequest::default()
        })
        .await;
    }

    /// Nothing was on its way.
    pub(crate) async fn quiet(&mut self) {
        self.subscribe(Sds, &[PROBE]).await;
        assert_eq!(self.take(Sds).await.0, [PROBE]);
    }
}

/// A client of the state of the world.
pub(crate) struct World {
    pub(crate) requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
    /// Goes with the first request.
    pub(crate) node: Option<Node>,
}

impl World {
    pub(crate) async fn send(&mut self, mut request: DiscoveryRequest) {
        request.node = self.node.take();
        self.requests.send(request).await.unwrap();
    }

    /// A request that answers `response`, if there is one, and wants these names.
    pub(crate) async fn ask(
        &mut self,
        of: ResourceType,
        names: &[&str],
        response: Option<&DiscoveryResponse>,
    ) {
        self.send(DiscoveryRequest {
            type_url: of.type_url(),
            resource_names: strings(names),
            version_info: response.map_or_else(String::new, |it| it.version_info.clone()),
            response_nonce: response.map_or_else(String::new, |it| it.nonce.clone()),
            ..DiscoveryRequest::default()
        })
        .await;
    }

    pub(crate) async fn refuse(
        &mut self,
        response: &DiscoveryResponse,
        names: &[&str],
        text: &str,
    ) {
        self.send(DiscoveryRequest {
            type_url: response.type_url.clone(),
            resource_names: strings(names),
            response_nonce: response.nonce.clone(),
            error_detail: Some(status(text)),
            ..DiscoveryRequest::default()
        })
        .await;
    }

    pub(crate) async fn next(&mut self) -> Result<DiscoveryResponse, Status> {
        next(&mut self.responses).await
    }

    /// The next response, which must be of this type and hold resources of these names.
    pub(crate) async fn response(&mut self, of: ResourceType, names: &[&str]) -> DiscoveryResponse {
        let response = self.next().await.unwrap();
        assert_eq!(response.type_url, of.type_url());
        let found: Vec<String> = response.resources.iter().map(name_of).collect();
        assert_eq!(found, names);
        response
    }

    /// Nothing was on its way.
    pub(crate) async fn quiet(&mut self) {
        self.ask(Sds, &[], None).await;
        self.ask(Sds, &[PROBE], None).await;
        let response = self.response(Sds, &[PROBE]).await;
        self.ask(Sds, &[], Some(&response)).await;
    }
}

async fn next<M>(responses: &mut Streaming<M>) -> Result<M, Status> {
    let next = tokio::time::timeout(PATIENCE, responses.message()).await;
    let next = next.expect("a message within patience")?;
    next.ok_or_else(|| Status::ok("the end of the stream"))
}

pub(crate) fn names(response: &DeltaDiscoveryResponse) -> Vec<String> {
    response
        .resources
        .iter()
        .map(|it| it.name.clone())
        .collect()
}

/// Name and version of each resource.
pub(crate) fn versions(response: &DeltaDiscoveryResponse) -> Vec<(String, String)> {
    let resources = response.resources.iter();
    resources
        .map(|it| (it.name.clone(), it.version.clone()))
        .collect()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn status(text: &str) -> rpc::Status {
    rpc::Status {
        code: 13,
        message: text.to_owned(),
        ..rpc::Status::default()
    }
}

/// The first field of every type is its name.
fn name_of(any: &sluicegate_xds::pb::google::protobuf::Any) -> String {
    #[derive(Clone, PartialEq, Message)]
    struct Named {
        #[prost(string, tag = "1")]
        name: String,
    }
    Named::decode(any.value.as_slice()).unwrap().name
}

/// A snapshot of resources `(type, name, content)`, and the probe. Clusters whose content begins with
/// `eds` wait for endpoints of their name, or of the name after a colon.
pub(crate) fn snapshot(resources: &[(ResourceType, &str, &str)]) -> Snapshot {
    let mut builder = Builder::default();
    let probe = (Sds, PROBE, "");
    for (resource_type, name, content) in resources.iter().chain([&probe]) {
        let eds = content.strip_prefix("eds").map(|rest| EdsClusterConfig {
            service_name: rest.split(':').nth(1).unwrap_or_default().to_owned(),
            ..EdsClusterConfig::default()
        });
        let message = Cluster {
            name: (*name).to_owned(),
            alt_stat_name: (*content).to_owned(),
            eds_cluster_config: eds.filter(|_| *resource_type == Cds),
            ..Cluster::default()
        };
        let body = message.encode_to_vec();
        let resource = Resource::new(*resource_type, name, body, Version(0));
        builder.add(Arc::new(resource));
    }
    builder.build()
}
