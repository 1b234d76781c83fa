// SPDX-License-Identifier: Apache-2.0
//! A data plane in this process, with its snapshot channel.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate_dataplane::{DataPlane, Options};
use sluicegate_snapshot::{Builder, Publisher, Resource, ResourceType, Snapshot, Version};
use sluicegate_stats::{Counter, Gauge, Histogram, Registry, ResponseCodes, TextReadout, Visitor};
use sluicegate_xds::{
    pb::envoy::{
        admin::v3::ListenerStatus,
        config::{
            cluster::v3::Cluster,
            core::v3::{address::Address, socket_address::PortSpecifier},
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::Listener,
            route::v3::RouteConfiguration,
        },
        extensions::transport_sockets::tls::v3::Secret,
    },
    prost::Message,
};

use super::{Client, xds};

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
    pub(crate) plane: DataPlane,
    pub(crate) publisher: Publisher,
    pub(crate) registry: Registry,
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
        Arc::new(builder.build())
    }
}

impl Gateway {
    pub(crate) fn start(resources: &Resources) -> Self {
        Self::with(resources, |_| {})
    }

    pub(crate) fn with(resources: &Resources, change: impl FnOnce(&mut Options)) -> Self {
        let (publisher, subscriber) = sluicegate_snapshot::channel();
        let registry = Registry::default();
        let mut options = Options {
            workers: 1,
            ..Options::default()
        };
        change(&mut options);
        let plane = DataPlane::start(options, subscriber, registry.clone()).expect("a start");
        let gateway = Self {
            plane,
            publisher,
            registry,
        };
        gateway.publish(resources);
        gateway
    }

    /// Publishes and waits until it is in force.
    pub(crate) fn publish(&self, resources: &Resources) {
        let snapshot = resources.snapshot();
        self.publisher.publish(snapshot.clone());
        eventually("the snapshot is applied", || {
            self.plane.reports().version == snapshot.version()
        });
        // The workers obey their commands in order: once a fresh listener would answer, the plan is
        // there. A short wait stands for that.
        std::thread::sleep(Duration::from_millis(30));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses()[0].1
    }

    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let listeners = self.plane.listeners().listener_statuses;
        listeners.iter().map(bound).collect()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Waits for a number; requests are counted after their last byte was sent.
    pub(crate) fn expect(&self, name: &str, value: i64) {
        let until = Instant::now() + Duration::from_secs(2);
        while self.stat(name) != value {
            assert!(
                Instant::now() < until,
                "{name} is {}, not {value}",
                self.stat(name)
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A counter or gauge, summed over workers; codes as `prefix.name_200`.
    pub(crate) fn stat(&self, name: &str) -> i64 {
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

/// Waits for a condition, at most five seconds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < until, "not within five seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
