// SPDX-License-Identifier: Apache-2.0
//! A data plane with snapshots: ours in this process, or a real Envoy.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use sluicegate_dataplane::{DataPlane, Options, Report, State};
use sluicegate_snapshot::{
    Builder, Publisher, Resource, ResourceType, Snapshot, Subscriber, Version,
};
use sluicegate_stats::{Counter, Gauge, Histogram, Registry, ResponseCodes, TextReadout, Visitor};
use sluicegate_testkit::patience;
use sluicegate_xds::{
    pb::envoy::{
        admin::v3::{ClusterStatus, ListenerStatus},
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType},
            },
            core::v3::{address::Address, socket_address::PortSpecifier},
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::Listener,
            route::v3::RouteConfiguration,
        },
        extensions::transport_sockets::tls::v3::Secret,
    },
    prost::Message,
};

use super::{
    Client,
    admin::{self, Answer},
    http2::run,
    peer::Peer,
    plane, xds,
};

/// What a snapshot is made of.
#[derive(Default, Clone)]
pub(crate) struct Resources {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) routes: Vec<RouteConfiguration>,
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) endpoints: Vec<ClusterLoadAssignment>,
    pub(crate) secrets: Vec<Secret>,
}

pub(crate) struct Gateway {
    plane: Plane,
}

enum Plane {
    Envoy(Box<Peer>),
    Own(Own),
}

/// Our data plane, its snapshot channel and its numbers.
struct Own {
    plane: DataPlane,
    publisher: Publisher,
    snapshots: Subscriber,
    registry: Registry,
    admin: OnceLock<SocketAddr>,
}

impl Resources {
    /// One listener, one route, one cluster `c` with these endpoints.
    pub(crate) fn simple(addresses: &[SocketAddr]) -> Self {
        Self {
            listeners: vec![xds::listener(|_| {})],
            routes: vec![xds::routes(vec![xds::route("/", "c", |_| {})])],
            clusters: vec![xds::cluster("c", |_| {})],
            endpoints: vec![xds::endpoints("c", addresses)],
            secrets: Vec::new(),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.builder().build())
    }

    /// The same with one resource more.
    pub(crate) fn snapshot_with(&self, more: Resource) -> Arc<Snapshot> {
        let mut builder = self.builder();
        builder.add(Arc::new(more));
        Arc::new(builder.build())
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::default();
        let mut add = |kind, name: &str, body: Vec<u8>| {
            builder.add(Arc::new(Resource::new(kind, name, body, Version(0))));
        };
        for one in &self.listeners {
            add(ResourceType::Listener, &one.name, one.encode_to_vec());
        }
        for one in &self.routes {
            add(ResourceType::Route, &one.name, one.encode_to_vec());
        }
        for one in &self.clusters {
            let mut one = one.clone();
            let is_eds = one.cluster_discovery_type
                == Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32));
            // Envoy takes such settings from clusters of this kind only.
            one.eds_cluster_config = one.eds_cluster_config.filter(|_| is_eds);
            add(ResourceType::Cluster, &one.name, one.encode_to_vec());
        }
        for one in &self.endpoints {
            add(
                ResourceType::Endpoint,
                &one.cluster_name,
                one.encode_to_vec(),
            );
        }
        for one in &self.secrets {
            add(ResourceType::Secret, &one.name, one.encode_to_vec());
        }
        builder
    }
}

impl Gateway {
    pub(crate) fn start(resources: &Resources) -> Self {
        Self::with(resources, |_| {})
    }

    pub(crate) fn with(resources: &Resources, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            workers: 1,
            file_flush_interval: Duration::from_millis(20),
            ..Options::default()
        };
        change(&mut options);
        let plane = if plane::is_envoy() {
            Plane::Envoy(Box::new(Peer::start(resources, &options)))
        } else {
            Plane::Own(Own::start(resources, options))
        };
        Self { plane }
    }

    /// Publishes and waits until it is in force.
    pub(crate) fn publish(&self, resources: &Resources) {
        match &self.plane {
            Plane::Envoy(peer) => peer.publish(resources),
            Plane::Own(own) => own.publish(resources),
        }
    }

    /// Our data plane, for what only it has.
    pub(crate) fn own(&self) -> &DataPlane {
        match &self.plane {
            Plane::Envoy(_) => panic!("this is about our data plane"),
            Plane::Own(own) => &own.plane,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        eventually("there is a listener", || !self.addresses().is_empty());
        self.addresses()[0].1
    }

    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        match &self.plane {
            Plane::Envoy(peer) => peer.addresses(),
            Plane::Own(own) => own.addresses(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn state(&self) -> State {
        match &self.plane {
            Plane::Envoy(peer) => peer.state(),
            Plane::Own(own) => own.plane.state(),
        }
    }

    /// What `/clusters` shows.
    pub(crate) fn clusters(&self) -> Vec<ClusterStatus> {
        let clusters = match &self.plane {
            Plane::Envoy(peer) => peer.clusters(),
            Plane::Own(own) => own.plane.clusters(),
        };
        clusters.cluster_statuses
    }

    /// Names of clusters whose newest settings do not serve yet.
    pub(crate) fn warming(&self) -> Vec<String> {
        match &self.plane {
            Plane::Envoy(peer) => peer.warming(),
            Plane::Own(own) => own.plane.warming(),
        }
    }

    /// Names of resources that were refused, and of listeners without a socket.
    pub(crate) fn refused(&self) -> Vec<String> {
        match &self.plane {
            Plane::Envoy(peer) => peer.refused(),
            Plane::Own(own) => {
                let report = own.plane.reports();
                let names = report.resources.iter().map(|it| it.name.to_string());
                let unbound = report.binds.iter().map(|it| it.listener.to_string());
                names.chain(unbound).collect()
            }
        }
    }

    /// This resource is refused and no other; ours says why in these words.
    pub(crate) fn assert_refused(&self, name: &str, words: &str) {
        if plane::is_envoy() {
            eventually("it is refused", || !self.refused().is_empty());
        }
        assert_eq!(self.refused(), [name]);
        if let Some(report) = self.report() {
            assert!(report.resources[0].message.contains(words), "{report:?}");
        }
    }

    /// Every setting is enforced, and no resource refused.
    pub(crate) fn assert_enforced(&self) {
        assert_eq!(self.refused(), Vec::<String>::new());
        if let Some(report) = self.report() {
            assert_eq!(report.unsupported, []);
        }
    }

    /// What our data plane says about its snapshot.
    pub(crate) fn report(&self) -> Option<Arc<Report>> {
        match &self.plane {
            Plane::Envoy(_) => None,
            Plane::Own(own) => Some(own.plane.reports()),
        }
    }

    /// What the admin interface answers.
    pub(crate) fn admin(&self, method: &str, target: &str) -> Answer {
        match &self.plane {
            Plane::Envoy(peer) => peer.ask(method, target),
            Plane::Own(own) => {
                let at = own.admin.get_or_init(|| {
                    let snapshots = own.snapshots.clone();
                    admin::serve(own.plane.clone(), snapshots, own.registry.clone())
                });
                admin::ask(*at, method, target).unwrap()
            }
        }
    }

    pub(crate) fn healthcheck(&self, good: bool) {
        match &self.plane {
            Plane::Envoy(peer) if good => drop(peer.ask("POST", "/healthcheck/ok")),
            Plane::Envoy(peer) => drop(peer.ask("POST", "/healthcheck/fail")),
            Plane::Own(own) if good => own.plane.healthcheck_ok(),
            Plane::Own(own) => own.plane.healthcheck_fail(),
        }
    }

    /// Waits for a number; requests are counted after their last byte was sent.
    pub(crate) fn expect(&self, name: &str, value: i64) {
        let until = Instant::now() + patience();
        while self.stat(name) != value {
            assert!(
                Instant::now() < until,
                "{name} is {}, not {value}",
                self.stat(name)
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A counter or gauge, summed over workers; codes as `prefix.name_200`; a histogram as the
    /// number of its values.
    pub(crate) fn stat(&self, name: &str) -> i64 {
        match &self.plane {
            Plane::Envoy(peer) => peer.stat(name),
            Plane::Own(own) => own.stat(name),
        }
    }

    /// All counters and gauges.
    pub(crate) fn stats(&self) -> Vec<(String, i64)> {
        match &self.plane {
            Plane::Envoy(peer) => peer.stats(),
            Plane::Own(own) => {
                let collected = own.registry.collect();
                let values = collected.values();
                values
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }
        }
    }
}

impl Own {
    fn start(resources: &Resources, options: Options) -> Self {
        let (publisher, snapshots) = sluicegate_snapshot::channel();
        let registry = Registry::default();
        let plane =
            DataPlane::start(options, snapshots.clone(), registry.clone()).expect("a start");
        let own = Self {
            plane,
            publisher,
            snapshots,
            registry,
            admin: OnceLock::new(),
        };
        own.publish(resources);
        own
    }

    fn publish(&self, resources: &Resources) {
        let snapshot = resources.snapshot();
        self.publisher.publish(snapshot.clone());
        eventually("the snapshot is applied", || {
            self.plane.reports().version == snapshot.version()
        });
        // The workers obey in order: who has answered this has applied the plan.
        std::thread::scope(|scope| {
            scope.spawn(|| run(self.plane.listening_sockets()));
        });
    }

    fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let listeners = self.plane.listeners().listener_statuses;
        listeners.iter().map(bound).collect()
    }

    fn stat(&self, name: &str) -> i64 {
        let collected = self.registry.collect();
        let found = collected.values().find(|(known, _)| *known == name);
        found.map_or_else(|| self.recorded(name), |(_, value)| value)
    }

    /// How many values a histogram has.
    fn recorded(&self, name: &str) -> i64 {
        let mut total = 0;
        for prefixed in self.registry.groups() {
            let Some(rest) = name.strip_prefix(&*prefixed.prefix) else {
                continue;
            };
            for group in prefixed.groups {
                let mut find = Find { name: rest, sum: 0 };
                group.visit(&mut find);
                total += find.sum;
            }
        }
        total
    }
}

fn bound(status: &ListenerStatus) -> (String, SocketAddr) {
    let address = status.local_address.as_ref().unwrap();
    let Some(Address::SocketAddress(socket)) = &address.address else {
        panic!("not a socket address");
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        panic!("no port");
    };
    let ip = socket.address.parse().unwrap();
    (
        status.name.clone(),
        SocketAddr::new(ip, u16::try_from(port).unwrap()),
    )
}

struct Find<'a> {
    name: &'a str,
    sum: i64,
}

impl Visitor for Find<'_> {
    fn counter(&mut self, _: &str, _: &Counter) {}
    fn gauge(&mut self, _: &str, _: &Gauge) {}
    fn response_codes(&mut self, _: &str, _: &ResponseCodes) {}
    fn text_readout(&mut self, _: &str, _: &TextReadout) {}
    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        if name == self.name {
            let recorded: u64 = histogram.filled().map(|(_, count)| count).sum();
            self.sum += i64::try_from(recorded).unwrap();
        }
    }
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + patience();
    while !condition() {
        assert!(
            Instant::now() < until,
            "not within {:?}: {what}",
            patience()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
