// SPDX-License-Identifier: Apache-2.0
//! The script: what happens before the numbers are read.
//!
//! In: nothing. Out: numbers of a gateway that has answered, failed, retried, timed out, turned
//! away, ejected, checked and resolved, over both versions of HTTP and TLS on both sides.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use sluicegate_xds::{
    any,
    pb::envoy::config::{
        cluster::v3::{
            Cluster, OutlierDetection,
            cluster::{ClusterDiscoveryType, DiscoveryType},
        },
        core::v3::{
            DnsResolverOptions, Http2ProtocolOptions, HttpProtocolOptions, TypedExtensionConfig,
        },
        route::v3::{RetryPolicy, Route},
    },
    pb::envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig,
};

use sluicegate_testkit::free_address;

use super::Numbers;
use crate::support::{
    Gateway, Upstream,
    checked::checked,
    dns::{DnsServer, addresses},
    gateway::{Resources, eventually},
    http2,
    pki::{Authority, Pair},
    tls::{self, TlsUpstream, Wants, inspector, secret, serving, socket, trusting},
    xds,
};

/// What the script needs as long as it runs.
struct Scene {
    authority: Authority,
    pair: Pair,
    http1: Upstream,
    http2: http2::Upstream,
    tls: TlsUpstream,
    dns: DnsServer,
    refused: SocketAddr,
}

/// Plays the script and reads the numbers.
pub(super) fn numbers(read: impl FnOnce(&Gateway) -> Numbers) -> Numbers {
    let scene = Scene::new();
    let gateway = Gateway::start(&scene.resources());
    scene.play(&gateway);
    eventually("nothing runs", || {
        let stats = gateway.stats();
        let mut busy = stats.iter().filter(|(name, _)| {
            name.ends_with("downstream_cx_active") && name.starts_with("http.test")
                // The stream to the management server goes on.
                || name.starts_with("cluster.")
                    && !name.starts_with("cluster.ads.")
                    && name.ends_with("upstream_rq_active")
        });
        busy.all(|(_, value)| *value == 0)
    });
    read(&gateway)
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("ca");
        let pair = authority.issue(&["a.example"]);
        let dns = DnsServer::start();
        dns.set("backend.test", addresses(&["127.0.0.1"]));
        Self {
            http1: Upstream::start(|exchange| {
                let path = exchange.head.split(' ').nth(1).unwrap_or_default();
                let status = match path.rsplit('/').next().unwrap_or_default() {
                    "close" => return false,
                    "hang" => {
                        let mut byte = [0];
                        return matches!(exchange.stream.read(&mut byte), Ok(1));
                    }
                    "404" => 404,
                    "503" => 503,
                    _ => 200,
                };
                let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
                exchange.stream.write_all(text.as_bytes()).is_ok()
            }),
            http2: http2::Upstream::echo(),
            tls: TlsUpstream::start(&pair, Wants::default()),
            refused: free_address(),
            authority,
            pair,
            dns,
        }
    }

    fn resources(&self) -> Resources {
        let mut resources = Resources::simple(&[]);
        (resources.clusters, resources.endpoints) = (Vec::new(), Vec::new());
        let mut add = |name: &str, at: &[SocketAddr], change: &dyn Fn(&mut Cluster)| {
            resources
                .clusters
                .push(xds::cluster(name, |cluster| change(cluster)));
            resources.endpoints.push(xds::endpoints(name, at));
        };
        let http1 = [self.http1.address];
        let tls = [self.tls.address];
        add("plain", &http1, &|_| {});
        add("refused", &[self.refused], &|_| {});
        add("empty", &[], &|_| {});
        add("limited", &http1, &|cluster| {
            cluster.circuit_breakers = xds::limits(|it| it.max_pending_requests = xds::number(0));
        });
        add("ejected", &http1, &|cluster| {
            cluster.outlier_detection = Some(OutlierDetection {
                consecutive_5xx: xds::number(2),
                interval: xds::seconds(60.0),
                base_ejection_time: xds::seconds(60.0),
                max_ejection_percent: xds::number(100),
                ..OutlierDetection::default()
            });
        });
        add("checked", &http1, &|cluster| {
            checked(cluster, 1);
            cluster.health_checks[0].interval = xds::seconds(60.0);
            cluster.health_checks[0].no_traffic_interval = xds::seconds(60.0);
        });
        add("http2", &[self.http2.address], &|cluster| {
            let common = HttpProtocolOptions::default();
            xds::http2(cluster, common, Http2ProtocolOptions::default());
        });
        add("tls", &tls, &|cluster| {
            cluster.transport_socket = socket("tls", &trusting(&self.authority.pem(), &[]));
        });
        add("distrusted", &tls, &|cluster| {
            let other = Authority::new("another").pem();
            cluster.transport_socket = socket("tls", &trusting(&other, &[]));
        });
        resources.clusters.push(self.dns_cluster());
        resources.routes = vec![xds::routes(routes())];
        resources.listeners.push(self.secure());
        resources.secrets = vec![secret("a", &self.pair)];
        resources
    }

    #[expect(deprecated, reason = "control planes still send these fields")]
    fn dns_cluster(&self) -> Cluster {
        let mut assignment = xds::endpoints("dns", &[self.http1.address]);
        xds::rename(&mut assignment, "backend.test");
        xds::cluster("dns", |cluster| {
            let kind = DiscoveryType::StrictDns as i32;
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind));
            cluster.load_assignment = Some(assignment);
            cluster.dns_refresh_rate = xds::seconds(60.0);
            cluster.dns_lookup_family = 1;
            cluster.typed_dns_resolver_config = Some(TypedExtensionConfig {
                name: "envoy.network.dns_resolver.cares".to_owned(),
                typed_config: Some(any::pack(&CaresDnsResolverConfig {
                    resolvers: xds::address(self.dns.address).into_iter().collect(),
                    dns_resolver_options: Some(DnsResolverOptions {
                        no_default_search_domain: true,
                        ..DnsResolverOptions::default()
                    }),
                    ..CaresDnsResolverConfig::default()
                })),
            });
        })
    }

    /// A listener with TLS, at an address of its own because numbers of listeners go by that.
    fn secure(&self) -> sluicegate_xds::pb::envoy::config::listener::v3::Listener {
        let mut listener = xds::listener(|manager| manager.stat_prefix = "secure".to_owned());
        listener.name = "secure~443".to_owned();
        listener.address = xds::address("127.0.0.2:0".parse().unwrap());
        listener.filter_chains[0].transport_socket = socket("tls", &serving("a"));
        listener.listener_filters = vec![inspector()];
        listener
    }

    fn play(&self, gateway: &Gateway) {
        let at = |ip: &str| {
            let mut all = gateway.addresses().into_iter().map(|(_, at)| at);
            all.find(|at| at.ip().to_string() == ip).unwrap()
        };
        eventually("both listeners are there", || {
            gateway.addresses().len() == 2
        });
        let (plain, secure) = (at("127.0.0.1"), at("127.0.0.2"));
        let mut client = crate::support::Client::connect(plain);
        for (path, status) in [
            ("/plain/200", 200),
            ("/plain/404", 404),
            ("/plain/503", 503),
            ("/plain/close", 503),
            ("/retried/503", 503),
            ("/timed/hang", 504),
            ("/tried/hang", 504),
            ("/refused/200", 503),
            ("/empty/200", 503),
            ("/limited/200", 503),
            ("/ejected/503", 503),
            ("/ejected/503", 503),
            ("/checked/200", 200),
            ("/http2/200", 200),
            ("/tls/200", 200),
            ("/distrusted/200", 503),
            ("/dns/200", 200),
            ("/missing/200", 503),
            ("/nowhere", 404),
        ] {
            assert_eq!(client.get(path).status(), status, "{path}");
        }
        drop(client);
        http2::run(async {
            let client = http2::Client::connect(plain).await;
            client.get("/plain/200").await;
        });
        let mut bad = crate::support::Client::connect(plain);
        assert_eq!(
            bad.ask("GET / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n")
                .status(),
            400
        );
        drop(bad);
        let mut impatient = crate::support::Client::connect(plain);
        impatient.send("GET /plain/hang HTTP/1.1\r\nHost: a\r\n\r\n");
        std::thread::sleep(Duration::from_millis(200));
        drop(impatient);
        let pem = self.authority.pem();
        let mut stream = tls::connect(secure, "a.example", &pem, |_| {}, None).unwrap();
        tls::get(&mut stream, "a.example", "/plain/200").unwrap();
        drop(stream);
        let other = Authority::new("another").pem();
        assert!(tls::connect(secure, "a.example", &other, |_| {}, None).is_err());
        let mut raw = TcpStream::connect(secure).unwrap();
        raw.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let _ = raw.read(&mut [0; 100]);
        drop(raw);
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn routes() -> Vec<Route> {
    let mut all: Vec<Route> = ["plain", "refused", "empty", "limited", "ejected", "checked"]
        .into_iter()
        .chain(["http2", "tls", "distrusted", "dns", "missing"])
        .map(|name| xds::route(&format!("/{name}/"), name, |_| {}))
        .collect();
    let retry = |change: &dyn Fn(&mut RetryPolicy)| {
        let mut policy = RetryPolicy {
            retry_on: "5xx".to_owned(),
            num_retries: xds::number(2),
            ..RetryPolicy::default()
        };
        change(&mut policy);
        Some(policy)
    };
    all.push(xds::route("/retried/", "plain", |action| {
        action.retry_policy = retry(&|_| {});
    }));
    all.push(xds::route("/timed/", "plain", |action| {
        action.timeout = xds::seconds(0.2);
    }));
    all.push(xds::route("/tried/", "plain", |action| {
        action.retry_policy = retry(&|it| it.per_try_timeout = xds::seconds(0.2));
    }));
    all
}
