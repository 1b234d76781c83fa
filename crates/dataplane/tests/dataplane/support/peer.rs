// SPDX-License-Identifier: Apache-2.0
//! A real Envoy that is given snapshots over our ADS.
//!
//! In: resources. Out: what its admin interface says, once it has applied them.

mod ads;

use std::{
    net::SocketAddr,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluicegate_dataplane::{DrainStrategy, LocalZone, Options, State};
use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::{
    json,
    pb::envoy::{
        admin::v3::Clusters,
        config::{cluster::v3::Cluster, route::v3::RouteConfiguration},
    },
    prost::Message,
};

use self::ads::Ads;
use super::{admin::Answer, envoy::Process, gateway::Resources, xds};

/// An Envoy and the server that it takes its configuration from.
pub(crate) struct Peer {
    process: Process,
    ads: Ads,
}

impl Peer {
    pub(crate) fn start(resources: &Resources, options: &Options) -> Self {
        let zone = options.zone.as_ref();
        let ads = Ads::start(zone.map(|zone| zone.local_cluster_name.clone()));
        let snapshot = ads.publish(resources);
        let binary = sluicegate_testkit::envoy_binary().expect("the peer run has an Envoy");
        let mut bootstrap = bootstrap(&ads);
        if let Some(zone) = zone {
            locate(&mut bootstrap, zone, resources);
        }
        let process = Process::start(&binary, &bootstrap, &arguments(options));
        let peer = Self { process, ads };
        peer.wait_for(&snapshot);
        peer
    }

    pub(crate) fn publish(&self, resources: &Resources) {
        let snapshot = self.ads.publish(resources);
        self.wait_for(&snapshot);
    }

    /// Waits until the snapshot is in force, or until nothing more happens because clusters do not
    /// get warm.
    fn wait_for(&self, snapshot: &Snapshot) {
        /// Ours: long beside a round trip, short beside a test.
        const QUIET: Duration = Duration::from_millis(400);
        let until = Instant::now() + sluicegate_testkit::patience();
        let mut last = (Instant::now(), Value::Null);
        loop {
            let dump = self.dump();
            if self.missing(snapshot, &dump).is_empty() {
                break;
            }
            let seen = json!([dump, self.ads.progress()]);
            if seen != last.1 {
                last = (Instant::now(), seen);
            }
            if self.is_warming(&dump) && last.0.elapsed() > QUIET {
                break;
            }
            assert!(
                Instant::now() < until,
                "Envoy has not applied {:?}: {:?}",
                self.missing(snapshot, &dump),
                self.ads.refusals()
            );
            sleep(Duration::from_millis(10));
        }
        // Its worker learns of it a moment later.
        sleep(Duration::from_millis(30));
    }

    fn is_warming(&self, dump: &Value) -> bool {
        self.state() != State::Live || !of(dump, "dynamic_warming_clusters").is_empty()
    }

    /// What is not as the snapshot has it.
    fn missing(&self, snapshot: &Snapshot, dump: &Value) -> Vec<String> {
        let mut wanted = Vec::new();
        for cluster in snapshot.resources(ResourceType::Cluster).values() {
            let version = cluster.version.to_string();
            wanted.push(line(ResourceType::Cluster, &cluster.name, &version));
        }
        for name in snapshot.resources(ResourceType::Listener).keys() {
            wanted.push(line(ResourceType::Listener, name, ""));
        }
        let marker = snapshot.get(ResourceType::Route, MARKER).unwrap();
        let marker = line(ResourceType::Route, MARKER, &marker.version.to_string());
        let refusals = self.ads.refusals();
        let refused = |line: &String| {
            let mut refused = refusals.iter();
            refused.any(|(kind, name)| line.starts_with(&format!("{kind:?} {name} ")))
        };
        wanted.retain(|line| !refused(line));
        let (mut found, has_marker) = (present(dump), marked(dump, &marker));
        found.retain(|line| !refused(line));
        let gone = wanted.iter().filter(|line| !found.contains(line));
        let extra = found.iter().filter(|line| !wanted.contains(line));
        let mut missing: Vec<String> = gone.chain(extra).cloned().collect();
        if !has_marker {
            missing.push(marker);
        }
        missing
    }

    fn dump(&self) -> Value {
        serde_json::from_str(&self.process.get("/config_dump")).unwrap()
    }

    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let text = self.process.get("/listeners");
        let lines = text.lines().filter_map(|line| line.split_once("::"));
        lines
            .filter(|(name, _)| *name != MARKER)
            .map(|(name, at)| (name.to_owned(), at.trim().parse().unwrap()))
            .collect()
    }

    pub(crate) fn state(&self) -> State {
        match self.process.get("/ready").trim() {
            "LIVE" => State::Live,
            "DRAINING" => State::Draining,
            "PRE_INITIALIZING" => State::PreInitializing,
            "INITIALIZING" => State::Initializing,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn clusters(&self) -> Clusters {
        let text = self.process.get("/clusters?format=json");
        let mut clusters: Clusters = json::from_str(&text).unwrap();
        clusters.cluster_statuses.retain(|it| it.name != ADS);
        clusters
    }

    /// Names of clusters whose newest settings do not serve yet.
    pub(crate) fn warming(&self) -> Vec<String> {
        let dump = self.dump();
        let warming = of(&dump, "dynamic_warming_clusters");
        let names = warming.iter().map(|it| it["cluster"]["name"].as_str());
        names.map(|name| name.unwrap().to_owned()).collect()
    }

    /// Names of resources that were refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refusals = self.ads.refusals().into_iter();
        refusals.map(|(_, name)| name).collect()
    }

    /// All counters and gauges.
    pub(crate) fn stats(&self) -> Vec<(String, i64)> {
        self.stats_like("")
    }

    pub(crate) fn stat(&self, name: &str) -> i64 {
        // Listeners are known by the port that they ask for.
        let bound = self.addresses().into_iter().map(|(_, at)| at);
        let bound = bound.map(|at| format!("listener.{}_{}.", at.ip(), at.port()));
        let asked = |prefix: &String| {
            let rest = name.strip_prefix(prefix)?;
            Some(format!("listener.127.0.0.1_0.{rest}"))
        };
        let names = [name.to_owned()].into_iter();
        let names = names.chain(bound.filter_map(|prefix| asked(&prefix)));
        let find = |name: String| {
            let found = self.stats_like(&format!("filter=%5E{name}%24"));
            found.into_iter().find(|(known, _)| *known == name)
        };
        let mut found = names.filter_map(find);
        found.next().map_or(0, |(_, value)| value)
    }

    /// Histograms count as the number of their values.
    fn stats_like(&self, query: &str) -> Vec<(String, i64)> {
        let text = self
            .process
            .get(&format!("/stats?histogram_buckets=detailed&{query}"));
        let mut stats = Vec::new();
        let mut histogram = "";
        for line in text.lines() {
            if let Some(totals) = line.trim().strip_prefix("totals=") {
                let counts = totals.split(", ").filter_map(|it| it.rsplit_once(':'));
                let total = counts.map(|(_, count)| count.parse::<i64>().unwrap()).sum();
                stats.push((histogram.to_owned(), total));
            } else if let Some((name, value)) = line.split_once(": ") {
                if let Ok(value) = value.parse() {
                    stats.push((name.to_owned(), value));
                }
            } else if let Some(name) = line.strip_suffix(':') {
                histogram = name;
            }
        }
        stats
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Answer {
        self.process.ask(method, path)
    }
}

fn line(kind: ResourceType, name: &str, version: &str) -> String {
    format!("{kind:?} {name} {version}")
}

fn of<'d>(dump: &'d Value, list: &str) -> Vec<&'d Value> {
    let configs = dump["configs"].as_array().unwrap().iter();
    let items = configs.filter_map(|config| config.get(list)?.as_array());
    items.flatten().collect()
}

/// Clusters of a dump with their versions, warming or not, and listeners.
fn present(dump: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let warming = of(dump, "dynamic_warming_clusters");
    for cluster in &warming {
        let name = text(&cluster["cluster"]["name"]);
        found.push(line(
            ResourceType::Cluster,
            &name,
            &text(&cluster["version_info"]),
        ));
    }
    for cluster in of(dump, "dynamic_active_clusters") {
        let name = text(&cluster["cluster"]["name"]);
        if !warming.iter().any(|it| it["cluster"]["name"] == name) {
            found.push(line(
                ResourceType::Cluster,
                &name,
                &text(&cluster["version_info"]),
            ));
        }
    }
    // Without versions: that of a listener whose filter chains were replaced is the old one.
    for listener in of(dump, "dynamic_listeners") {
        let name = text(&listener["name"]);
        if listener.get("warming_state").is_some() {
            found.push(line(ResourceType::Listener, &name, "warming"));
        } else if listener.get("active_state").is_some() {
            found.push(line(ResourceType::Listener, &name, ""));
        }
    }
    found
}

fn marked(dump: &Value, marker: &str) -> bool {
    of(dump, "dynamic_route_configs").iter().any(|routes| {
        let name = routes["route_config"]["name"].as_str().unwrap_or_default();
        let version = routes["version_info"].as_str().unwrap_or_default();
        line(ResourceType::Route, name, version) == marker
    })
}

/// Routes that are new with every snapshot, of a listener in the bootstrap: they are sent when
/// clusters, endpoints and listeners were.
fn marker(number: u64) -> Resource {
    let mut routes = RouteConfiguration {
        name: MARKER.to_owned(),
        ..xds::routes(Vec::new())
    };
    routes.virtual_hosts[0].name = number.to_string();
    let body = routes.encode_to_vec();
    Resource::new(ResourceType::Route, MARKER, body, Version(0))
}

const MARKER: &str = "marker";
const ADS: &str = "ads";

fn arguments(options: &Options) -> Vec<String> {
    let drain = options.drain_time.as_secs().to_string();
    let strategy = match options.drain_strategy {
        DrainStrategy::Gradual => "gradual",
        DrainStrategy::Immediate => "immediate",
    };
    let workers = options.workers.to_string();
    let arguments = ["--concurrency", &workers, "--drain-time-s", &drain];
    let files = ["--file-flush-interval-msec", "50"];
    let arguments = arguments.into_iter().chain(["--drain-strategy", strategy]);
    let arguments = arguments.chain(files);
    arguments.map(str::to_owned).collect()
}

fn bootstrap(ads: &Ads) -> Value {
    let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let server = json!({
        "socket_address": { "address": "127.0.0.1", "port_value": ads.address().port() },
    });
    let from_ads = json!({ "ads": {}, "resource_api_version": "V3" });
    let filters = "type.googleapis.com/envoy.extensions.filters";
    let http = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let manager = json!({
        "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": MARKER,
        "rds": { "route_config_name": MARKER, "config_source": from_ads.clone() },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{filters}.http.router.v3.Router") },
        }],
    });
    let filter = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": manager,
    });
    json!({
        "admin": { "address": anywhere.clone() },
        "node": { "id": "peer", "cluster": ads::GATEWAY },
        "stats_flush_on_admin": true,
        "layered_runtime": { "layers": [{
            "name": "static",
            "static_layer": { "tracing.opentelemetry.min_flush_spans": 1 },
        }] },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": ADS } }],
            },
            "cds_config": from_ads.clone(),
            "lds_config": from_ads,
        },
        "static_resources": {
            "clusters": [{
                "name": ADS,
                "typed_extension_protocol_options": { http: {
                    "@type": format!("type.googleapis.com/{http}"),
                    "explicit_http_config": { "http2_protocol_options": {} },
                } },
                "load_assignment": {
                    "cluster_name": ADS,
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": server } }] }],
                },
            }],
            "listeners": [{
                "name": MARKER,
                "address": anywhere,
                "filter_chains": [{ "filters": [filter] }],
            }],
        },
    })
}

/// Where it runs. The local cluster must be there from the beginning; its endpoints may change.
fn locate(bootstrap: &mut Value, zone: &LocalZone, resources: &Resources) {
    let name = &zone.local_cluster_name;
    bootstrap["node"]["locality"] = json::to_value(&zone.locality).unwrap();
    bootstrap["cluster_manager"] = json!({ "local_cluster_name": name });
    let local = resources.clusters.iter().filter(|it| it.name == *name);
    let local = local.map(|cluster| {
        let with_eds = xds::cluster(name, |_| {});
        let local = Cluster {
            cluster_discovery_type: with_eds.cluster_discovery_type,
            eds_cluster_config: with_eds.eds_cluster_config,
            load_assignment: None,
            ..cluster.clone()
        };
        json::to_value(&local).unwrap()
    });
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    clusters.unwrap().extend(local);
}
