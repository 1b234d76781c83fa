// SPDX-License-Identifier: Apache-2.0
//! An admin server on a loopback port, and the resources of the first seed document.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Instant, SystemTime},
};

use sluicegate_admin::{Action, Admin, Answer, LogLevel, Page, ServerState, Startup, Views};
use sluicegate_snapshot::{Builder, Publisher, Resource, ResourceType, Version, channel};
use sluicegate_stats::Registry;
use sluicegate_xds::{
    any::pack,
    pb::{
        envoy::{
            admin::v3::{
                ClusterStatus, Clusters, HostHealthStatus, HostStatus, ListenerStatus, Listeners,
                SimpleMetric,
            },
            config::{
                cluster::v3::{
                    Cluster, UpstreamConnectionOptions,
                    cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
                },
                core::v3::{
                    Address, ApiVersion, ConfigSource, HealthStatus, Http1ProtocolOptions,
                    HttpProtocolOptions as Common, Locality, Metadata, Node, PathConfigSource,
                    SocketAddress, TcpKeepalive, TypedExtensionConfig,
                    address::Address::SocketAddress as Socket,
                    config_source::ConfigSourceSpecifier,
                    http_protocol_options::HeadersWithUnderscoresAction,
                    http1_protocol_options::{HeaderKeyFormat, header_key_format::HeaderFormat},
                    socket_address::PortSpecifier,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
                    lb_endpoint::HostIdentifier,
                },
            },
            extensions::{
                http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig,
                upstreams::http::v3::{
                    HttpProtocolOptions,
                    http_protocol_options::{
                        ExplicitHttpConfig, UpstreamProtocolOptions,
                        explicit_http_config::ProtocolConfig,
                    },
                },
            },
        },
        google::protobuf::{BoolValue, Duration, UInt32Value},
    },
    prost::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

pub(crate) const CLUSTER: &str = "kube_httpbin_httpbin_8000";

/// A running admin server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) publisher: Publisher,
    pub(crate) registry: Registry,
    pub(crate) actions: Arc<Mutex<Vec<Action>>>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) finished: tokio::task::JoinHandle<()>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let (publisher, snapshots) = channel();
        let (registry, actions) = (Registry::default(), Arc::<Mutex<Vec<Action>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let startup = Startup {
            version: "0.1.0".into(),
            started: Instant::now(),
            started_at: SystemTime::now(),
            node: Node {
                id: "n1".into(),
                cluster: "c1".into(),
                ..Default::default()
            },
            admin_address: address,
            options: Default::default(),
        };
        let mut views = Views::new(snapshots, registry.clone(), startup);
        let (seen, state) = (actions.clone(), actions.clone());
        views.actions = Arc::new(move |action| {
            seen.lock().unwrap().push(action);
            Ok(())
        });
        views.state = Arc::new(move || match state.lock().unwrap().last() {
            Some(Action::HealthcheckFail) => ServerState::Draining,
            _ => ServerState::Live,
        });
        views.loggers = Arc::new(|| vec![("admin".into(), LogLevel::Info)]);
        views.clusters = Arc::new(clusters);
        views.listeners = Arc::new(listeners);
        views.pages = vec![
            Page {
                path: "/sluicegate/status",
                aliases: &["/sluicegate/old"],
                help: "our own page",
                show: Arc::new(|request| {
                    let json = request.wants_json();
                    Answer::text(format!("{json} {:?}", request.parameters))
                }),
            },
            Page {
                path: "/sluicegate/broken",
                aliases: &[],
                help: "a page that panics",
                show: Arc::new(|_| panic!("a bug in a page")),
            },
        ];
        let (stop, stopped) = oneshot::channel::<()>();
        let finished = tokio::spawn(Admin::serve(listener, views, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            publisher,
            registry,
            actions,
            stop,
            finished,
        }
    }

    /// Publishes encoded resources.
    pub(crate) fn publish(&self, resources: &[(ResourceType, &str, Vec<u8>)]) {
        let mut builder = Builder::default();
        for (resource_type, name, body) in resources {
            let resource = Resource::new(*resource_type, name, body.clone(), Version(0));
            builder.add(Arc::new(resource));
        }
        self.publisher.publish(Arc::new(builder.build()));
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path).await
    }

    pub(crate) async fn post(&self, path: &str) -> Response {
        self.request("POST", path).await
    }

    pub(crate) async fn request(&self, method: &str, path: &str) -> Response {
        let text = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        self.raw(text.as_bytes()).await
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        parse(&String::from_utf8(answer).unwrap())
    }
}

fn parse(answer: &str) -> Response {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let chunked = head.contains("transfer-encoding: chunked");
    let mut body = String::new();
    while let (true, Some((size, tail))) = (chunked, rest.split_once("\r\n")) {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&tail[..size]);
        rest = &tail[(size + 2).min(tail.len())..];
        if size == 0 {
            break;
        }
    }
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    Response {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: if chunked { body } else { rest.to_owned() },
    }
}

/// The cluster of the first seed document.
pub(crate) fn seed_cluster() -> Cluster {
    let formatter = TypedExtensionConfig {
        name: "envoy.http.stateful_header_formatters.preserve_case".into(),
        typed_config: Some(pack(&PreserveCaseFormatterConfig::default())),
    };
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(Common {
            idle_timeout: seconds(10),
            max_headers_count: number(15),
            max_stream_duration: seconds(30),
            headers_with_underscores_action: HeadersWithUnderscoresAction::RejectRequest as i32,
            max_requests_per_connection: number(100),
            ..Default::default()
        }),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions {
                    header_key_format: Some(HeaderKeyFormat {
                        header_format: Some(HeaderFormat::StatefulFormatter(formatter)),
                    }),
                    enable_trailers: true,
                    override_stream_error_on_invalid_http_message: Some(BoolValue { value: true }),
                    ..Default::default()
                })),
            },
        )),
        ..Default::default()
    };
    Cluster {
        name: CLUSTER.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ConfigSource {
                resource_api_version: ApiVersion::V3 as i32,
                config_source_specifier: Some(ConfigSourceSpecifier::PathConfigSource(
                    PathConfigSource {
                        path: "/etc/eds.json".into(),
                        ..Default::default()
                    },
                )),
                ..Default::default()
            }),
            ..Default::default()
        }),
        connect_timeout: seconds(5),
        per_connection_buffer_limit_bytes: number(1024),
        metadata: Some(Metadata::default()),
        upstream_connection_options: Some(UpstreamConnectionOptions {
            tcp_keepalive: Some(TcpKeepalive {
                keepalive_probes: number(3),
                keepalive_time: number(30),
                keepalive_interval: number(5),
            }),
            ..Default::default()
        }),
        typed_extension_protocol_options: [(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
            pack(&options),
        )]
        .into(),
        ..Default::default()
    }
}

/// Endpoints for it: two without a locality, one in a zone.
pub(crate) fn seed_endpoints() -> ClusterLoadAssignment {
    let host = |port, health: HealthStatus, weight: Option<u32>| LbEndpoint {
        health_status: health as i32,
        load_balancing_weight: weight.map(|value| UInt32Value { value }),
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: address(port),
            ..Default::default()
        })),
        ..Default::default()
    };
    ClusterLoadAssignment {
        cluster_name: CLUSTER.into(),
        endpoints: vec![
            LocalityLbEndpoints {
                lb_endpoints: vec![
                    host(8801, HealthStatus::Unknown, None),
                    host(8802, HealthStatus::Unhealthy, Some(3)),
                ],
                load_balancing_weight: number(1),
                ..Default::default()
            },
            LocalityLbEndpoints {
                locality: Some(Locality {
                    region: "r".into(),
                    zone: "z".into(),
                    ..Default::default()
                }),
                lb_endpoints: vec![host(8803, HealthStatus::Draining, None)],
                load_balancing_weight: number(5),
                priority: 1,
                ..Default::default()
            },
        ],
        ..Default::default()
    }
}

pub(crate) fn seed_resources() -> Vec<(ResourceType, &'static str, Vec<u8>)> {
    vec![
        (
            ResourceType::Cluster,
            CLUSTER,
            seed_cluster().encode_to_vec(),
        ),
        (
            ResourceType::Endpoint,
            CLUSTER,
            seed_endpoints().encode_to_vec(),
        ),
    ]
}

fn clusters() -> Clusters {
    let metric = |name: &str, value| SimpleMetric {
        name: name.into(),
        value,
        r#type: i32::from(name.ends_with("active")),
    };
    Clusters {
        cluster_statuses: vec![ClusterStatus {
            name: CLUSTER.into(),
            added_via_api: true,
            host_statuses: vec![HostStatus {
                address: address(8801),
                stats: vec![metric("rq_total", 31), metric("cx_active", 1)],
                health_status: Some(HostHealthStatus {
                    failed_active_health_check: true,
                    eds_health_status: HealthStatus::Unhealthy as i32,
                    ..Default::default()
                }),
                weight: 1,
                locality: Some(Locality::default()),
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

fn listeners() -> Listeners {
    Listeners {
        listener_statuses: vec![ListenerStatus {
            name: "l1".into(),
            local_address: address(8080),
            ..Default::default()
        }],
    }
}

pub(crate) fn address(port: u32) -> Option<Address> {
    Some(Address {
        address: Some(Socket(SocketAddress {
            address: "127.0.0.1".into(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..Default::default()
        })),
    })
}

pub(crate) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub(crate) fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}
