// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`, `connection_limit` before it, and the
//! chains that end in them.
//!
//! In: a listener whose routes carry connections. Out: its filter chains. Where a route has nowhere
//! to go, connections are closed: their cluster does not exist.

use sluicegate_attach::{
    AttachedRoute, Graph, ListenAddress, Listener as GatewayListener, ResolvedRule, Row,
    TrafficPolicy,
};
use sluicegate_resource::{
    ObjectRef,
    envoygateway::backend_traffic_policy::{HashInput, LoadBalancerAlgorithm},
};
use sluicegate_xds::pb::envoy::{
    config::listener::v3::{Filter, FilterChain},
    extensions::filters::network::{
        connection_limit::v3::ConnectionLimit,
        tcp_proxy::v3::{
            TcpProxy,
            tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight},
        },
    },
    r#type::v3::{
        HashPolicy,
        hash_policy::{PolicySpecifier, SourceIp},
    },
};

use super::{downstream_tls, network_filter, server_names};
use crate::{
    names, pb,
    route::{holds, most_specific, stat_prefix},
    telemetry,
    variant::Variants,
};

type Context<'a> = (&'a Graph, &'a Variants);

/// The chain of a TCP listener: the oldest of its routes has every connection.
pub(super) fn filter_chain(
    at: ListenAddress,
    listener: &GatewayListener,
    context: Context<'_>,
) -> FilterChain {
    FilterChain {
        name: names::listener(at),
        filters: filters(listener, listener.routes.first(), context),
        ..FilterChain::default()
    }
}

/// The chains of a TLS listener, one for each route that has names there. Names belong to the most
/// specific listener of the port: what no route of it has is closed, and goes to no other listener.
pub(super) fn tls_filter_chains(
    at: ListenAddress,
    listener: &GatewayListener,
    listeners: &[&GatewayListener],
    context: Context<'_>,
) -> Vec<FilterChain> {
    let section = names::route_configuration(at, Some(&names::section(listener)));
    let chain = |name: String, hosts: &[String], route: Option<&AttachedRoute>| FilterChain {
        name,
        filter_chain_match: server_names(hosts),
        filters: filters(listener, route, context),
        transport_socket: listener
            .spec
            .terminates()
            .then(|| downstream_tls(listener, &[])),
        ..FilterChain::default()
    };
    let mut chains = Vec::new();
    let mut taken: Vec<&String> = Vec::new();
    for route in &listener.routes {
        let is_here = |host: &&String| {
            !route.older.contains_key(*host)
                && std::ptr::eq(most_specific(listeners, host, listener), listener)
        };
        let hosts: Vec<&String> = route.hostnames.iter().filter(is_here).collect();
        if hosts.is_empty() {
            continue;
        }
        taken.extend(&hosts);
        let named = hosts.into_iter().filter(|host| *host != EVERY_HOST);
        let named: Vec<String> = named.cloned().collect();
        let name = names::filter_chain(&section, route.route.reference());
        chains.push(chain(name, &named, Some(route)));
    }
    let own = listener.spec.hostname.as_slice();
    let others = listeners.len() > 1 && !own.is_empty() && !taken.contains(&&own[0]);
    if others || chains.is_empty() {
        chains.push(chain(section, own, None));
    }
    chains
}

/// Connections beyond a limit are closed before they reach the proxy.
fn filters(
    listener: &GatewayListener,
    route: Option<&AttachedRoute>,
    context: Context<'_>,
) -> Vec<Filter> {
    let destination = route.and_then(Destination::of);
    let proxy = TcpProxy {
        access_log: telemetry::of_connections(&listener.telemetry),
        ..tcp_proxy(destination.as_ref(), context)
    };
    let limit = destination.and_then(|it| connection_limit(&it, context.0));
    let limit = limit.map(|limit| network_filter("connection_limit", &limit));
    let proxy = network_filter("tcp_proxy", &proxy);
    limit.into_iter().chain([proxy]).collect()
}

/// Where the connections of a route go.
struct Destination<'a> {
    route: &'a ObjectRef,
    rule: &'a ResolvedRule,
    policy: Option<&'a TrafficPolicy>,
}

impl<'a> Destination<'a> {
    fn of(route: &'a AttachedRoute) -> Option<Self> {
        let traffic = route.traffic.first().and_then(Option::as_ref);
        Some(Self {
            route: route.route.reference(),
            rule: route.rules.first()?,
            policy: traffic.map(|traffic| &*traffic.policy),
        })
    }

    fn stat_prefix(&self) -> String {
        match stat_prefix(self.policy, self.rule, self.route) {
            none if none.is_empty() => STAT_PREFIX.to_owned(),
            own => own,
        }
    }
}

fn tcp_proxy(destination: Option<&Destination<'_>>, context: Context<'_>) -> TcpProxy {
    let nowhere = || ClusterSpecifier::Cluster(names::BLACKHOLE.to_owned());
    TcpProxy {
        stat_prefix: destination.map_or(STAT_PREFIX.to_owned(), Destination::stat_prefix),
        cluster_specifier: Some(destination.map_or_else(nowhere, |it| {
            cluster_specifier(it, context).unwrap_or_else(nowhere)
        })),
        hash_policy: destination.map_or_else(Vec::new, |it| hash_policy(it, context.0)),
        ..TcpProxy::default()
    }
}

/// `None` where nothing has a weight. A broken backend keeps its share, and its connections are
/// closed.
fn cluster_specifier(
    Destination { rule, policy, .. }: &Destination<'_>,
    (graph, variants): Context<'_>,
) -> Option<ClusterSpecifier> {
    if policy.is_some_and(|policy| policy.closed.is_some()) {
        return None;
    }
    let weighted = rule.backends.iter().filter(|backend| backend.weight > 0);
    let clusters = weighted.map(|backend| ClusterWeight {
        name: variants.destination(backend, *policy, graph),
        weight: backend.weight,
        ..ClusterWeight::default()
    });
    let mut clusters: Vec<ClusterWeight> = clusters.collect();
    Some(match clusters.len() {
        0 => return None,
        1 => ClusterSpecifier::Cluster(clusters.remove(0).name),
        _ => ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }),
    })
}

/// A connection has an address, and nothing else that could be hashed.
fn hash_policy(
    Destination { rule, policy, .. }: &Destination<'_>,
    graph: &Graph,
) -> Vec<HashPolicy> {
    let by_address = |policy: &&TrafficPolicy| {
        let balancer = policy.spec.load_balancer.as_ref();
        let algorithm = balancer.map(|it| &it.value.algorithm);
        matches!(algorithm, Some(LoadBalancerAlgorithm::ConsistentHash(Some(hash)))
            if hash.input == HashInput::SourceIp)
    };
    let policy = policy.filter(by_address);
    let policy = policy.filter(|policy| holds(Row::LoadBalancer, policy, rule, graph));
    let source_ip = |_| HashPolicy {
        policy_specifier: Some(PolicySpecifier::SourceIp(SourceIp {})),
    };
    policy.map(source_ip).into_iter().collect()
}

fn connection_limit(destination: &Destination<'_>, graph: &Graph) -> Option<ConnectionLimit> {
    let policy = destination.policy?;
    let limit = policy.spec.connection.as_ref()?.value.connection_limit?;
    let holds = holds(Row::ConnectionLimit, policy, destination.rule, graph);
    holds.then(|| ConnectionLimit {
        stat_prefix: destination.stat_prefix(),
        max_connections: pb::u64(u64::from(limit.value)),
        delay: limit.close_delay.and_then(pb::duration),
        ..ConnectionLimit::default()
    })
}

const EVERY_HOST: &str = "*";
const STAT_PREFIX: &str = "tcp";
