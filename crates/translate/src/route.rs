// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.route.v3.RouteConfiguration`.
//!
//! In: the Gateway listeners of one port with their routes. Out: route configurations whose virtual
//! hosts keep listeners apart, with rules in Gateway API's order of precedence.

mod action;
mod filters;
mod matches;
mod retry;
mod traffic;

pub(crate) use matches::header_matcher;
pub(crate) use traffic::{holds, stat_prefix};

use std::{cmp::Reverse, collections::BTreeMap};

use sluicegate_attach::{
    AttachedRoute, Graph, ListenAddress, Listener, ResolvedRule, covers, specificity,
};
use sluicegate_resource::gateway::{Matcher, PathMatch, RouteMatch};
use sluicegate_xds::pb::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost};

use crate::{names, telemetry, variant::Variants};

/// One for a plain port, one per listener for HTTPS; none for listeners that carry connections.
pub(crate) fn route_configurations(
    at: ListenAddress,
    listeners: &[&Listener],
    context: (&Graph, &Variants),
) -> Vec<RouteConfiguration> {
    let plain = |listener: &&Listener| listener.spec.protocol == "HTTP";
    if listeners.iter().any(plain) {
        return vec![route_configuration(at, None, listeners, context)];
    }
    let one = |listener: &&Listener| {
        route_configuration(at, Some(&names::section(listener)), &[*listener], context)
    };
    let https = listeners
        .iter()
        .filter(|listener| listener.spec.protocol == "HTTPS");
    https.map(one).collect()
}

fn route_configuration(
    at: ListenAddress,
    https_listener: Option<&str>,
    listeners: &[&Listener],
    (graph, variants): (&Graph, &Variants),
) -> RouteConfiguration {
    let name = names::route_configuration(at, https_listener);
    let context = action::Context {
        graph,
        variants,
        port: listeners.first().map_or(at.port, |it| it.spec.port),
        https: https_listener.is_some(),
    };
    let virtual_hosts = hosts(listeners)
        .into_iter()
        .map(|(host, rules)| VirtualHost {
            name: names::virtual_host(&name, &host),
            domains: vec![host],
            routes: routes(rules, &context),
            ..VirtualHost::default()
        })
        .collect();
    RouteConfiguration {
        name,
        virtual_hosts,
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    }
}

/// The rules of each host. A host belongs to the most specific listener that covers it, and only
/// that listener's routes serve it; a listener's own hostname is there even without routes, so that
/// no other listener answers for it.
fn hosts<'a>(listeners: &[&'a Listener]) -> BTreeMap<String, Vec<&'a AttachedRoute>> {
    let mut hosts: BTreeMap<String, Vec<&AttachedRoute>> = BTreeMap::new();
    for listener in listeners {
        if let Some(hostname) = listener
            .spec
            .hostname
            .as_ref()
            .filter(|_| listeners.len() > 1)
        {
            hosts.entry(hostname.clone()).or_default();
        }
        for route in &listener.routes {
            for host in &route.hostnames {
                if std::ptr::eq(most_specific(listeners, host, listener), *listener) {
                    hosts.entry(host.clone()).or_default().push(route);
                }
            }
        }
    }
    hosts
}

/// The listener that `host` belongs to.
pub(crate) fn most_specific<'a>(
    listeners: &[&'a Listener],
    host: &str,
    own: &'a Listener,
) -> &'a Listener {
    let covering = listeners.iter().copied().filter(|listener| {
        listener
            .spec
            .hostname
            .as_deref()
            .is_none_or(|hostname| covers(hostname, host))
    });
    covering
        .max_by_key(|listener| specificity(listener.spec.hostname.as_deref()))
        .unwrap_or(own)
}

/// One Envoy route per match, and one for CONNECT where a policy allows that, most specific first
/// (spec 5.3). Routes are given oldest first.
fn routes(attached: Vec<&AttachedRoute>, context: &action::Context<'_>) -> Vec<Route> {
    let mut matches: Vec<(&AttachedRoute, usize, &ResolvedRule, usize, &RouteMatch)> = Vec::new();
    for route in attached {
        for (index, rule) in route.rules.iter().enumerate() {
            for (at, one) in rule.rule.matches.iter().enumerate() {
                matches.push((route, index, rule, at, one));
            }
        }
    }
    // A stable sort: ties keep age, then the order in the object.
    matches.sort_by_key(|(.., one)| precedence(one));
    let routes = |(route, index, rule, at, one): (&AttachedRoute, usize, _, _, _)| {
        let name = names::route(route.route.reference(), index, at);
        let traffic = route.traffic.get(index).and_then(Option::as_ref);
        let rule = action::Rule {
            rule,
            traffic: traffic.map(|traffic| &*traffic.policy),
        };
        let route = Route {
            stat_prefix: stat_prefix(rule.traffic, rule.rule, route.route.reference()),
            tracing: telemetry::route(rule.traffic),
            ..action::route(name, &rule, one, context)
        };
        let tunnels = traffic::tunnels(rule.traffic, one);
        let for_tunnels = tunnels.then(|| action::for_tunnels(&route)).flatten();
        [route].into_iter().chain(for_tunnels)
    };
    matches.into_iter().flat_map(routes).collect()
}

/// Methods of gRPC, which only gRPC requests match, by the length of service and method (spec 5.4);
/// then exact paths, then regular expressions, then prefixes, each by length; then method, headers,
/// query.
fn precedence(one: &RouteMatch) -> impl Ord + use<> {
    let (kind, length) = match &one.path {
        PathMatch::Grpc(method) => {
            let length = |part: &Option<Matcher>| part.as_ref().map_or(0, |it| it.text().len());
            (0, (length(&method.service), length(&method.method)))
        }
        PathMatch::Exact(path) => (1, (path.len(), 0)),
        PathMatch::RegularExpression(path) => (2, (path.len(), 0)),
        PathMatch::PathPrefix(path) => (3, (path.len(), 0)),
    };
    (
        kind,
        Reverse(length),
        Reverse(one.method.is_some()),
        Reverse(one.headers.len()),
        Reverse(one.query_params.len()),
    )
}
