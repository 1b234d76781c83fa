// SPDX-License-Identifier: Apache-2.0
//! The facts about one route.
//!
//! In: the verdict on a route and the graph. Out: its parents, hostnames, rules, backends, and the
//! time limits that hold on the way to each backend.

use serde::Serialize;
use sluicegate_attach::{
    AttachedRoute, Backend, ResolvedRule,
    verdict::{Outcome, RouteVerdict},
};
use sluicegate_resource::gateway::{
    Carried, GrpcMethod, Matcher, PathMatch, RouteMatch, RouteTimeouts,
};
use sluicegate_translate::names;

use super::{
    name::text,
    telemetry,
    traffic::{self, TrafficFacts},
};
use crate::pipeline::Round;

/// What `explain route` says.
#[derive(Debug, Clone, Serialize)]
pub struct RouteFacts {
    /// Such as `HTTPRoute`.
    pub kind: String,
    /// `namespace/name`.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// What became of it at each parent that is ours.
    pub parents: Vec<ParentFacts>,
    /// Listeners that it is attached to.
    pub listeners: Vec<ListenerFacts>,
    /// Its rules.
    pub rules: Vec<RuleFacts>,
}

/// The verdict at one parent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentFacts {
    /// `Gateway namespace/name`, with the section and port that the route names.
    pub parent: String,
    /// `Accepted`, or the reason why not, with a sentence.
    pub accepted: String,
    /// `ResolvedRefs`, or the reason why not, with a sentence.
    pub resolved_refs: String,
}

/// A listener that the route is attached to.
#[derive(Debug, Clone, Serialize)]
pub struct ListenerFacts {
    /// `Gateway namespace/name, listener`, or `ListenerSet …`.
    pub listener: String,
    /// Port.
    pub port: u16,
    /// Hostnames in common.
    pub hostnames: Vec<String>,
    /// `hostname: route` where an older route has the connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub older: Vec<String>,
    /// `file (format) by Kind namespace/name at file:line` of each access log.
    #[serde(rename = "accessLogs", skip_serializing_if = "Vec::is_empty")]
    pub access_logs: Vec<String>,
    /// Where spans go, and who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFacts {
    /// Its `name`.
    pub name: Option<String>,
    /// Its matches in words; connections have none.
    pub matches: Vec<String>,
    /// Why the whole rule answers 500, when it does.
    pub broken: Option<String>,
    /// The limit of a request in this route, in words; connections have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Where requests go.
    pub backends: Vec<BackendRefFacts>,
    /// The BackendTrafficPolicies in force, by listener.
    pub traffic: Vec<TrafficFacts>,
}

/// One backend of a rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendRefFacts {
    /// `namespace/name:port`, or the reference as written when it leads nowhere.
    pub backend: String,
    /// Weight.
    pub weight: u32,
    /// Envoy cluster.
    pub cluster: Option<String>,
    /// Why its share is answered 500, or closed, when it is.
    pub problem: Option<String>,
    /// Limit of connecting.
    pub connect_timeout: Option<String>,
    /// Limit of an idle connection.
    pub idle_timeout: Option<String>,
    /// Limit of one stream.
    pub max_stream_duration: Option<String>,
}

/// The facts about a route.
pub fn facts(round: &Round, verdict: &RouteVerdict) -> RouteFacts {
    let route = &verdict.route;
    let metadata = &route.metadata;
    let parents = verdict.parents.iter().map(|it| {
        let parent = &it.parent;
        let namespace = parent.namespace.as_deref().unwrap_or(metadata.namespace());
        let mut words = format!("{} {namespace}/{}", parent.kind, parent.name);
        if let Some(section) = &parent.section_name {
            words.push_str(&format!(", listener {section}"));
        }
        if let Some(port) = parent.port {
            words.push_str(&format!(", port {port}"));
        }
        ParentFacts {
            parent: words,
            accepted: outcome(&it.accepted, "Accepted"),
            resolved_refs: outcome(&it.resolved_refs, "ResolvedRefs"),
        }
    });
    let mut listeners = Vec::new();
    for gateway in &round.graph.gateways {
        for listener in &gateway.listeners {
            let attached = listener
                .routes
                .iter()
                .find(|attached| attached.route.reference() == route.reference());
            let Some(attached) = attached else { continue };
            listeners.push(ListenerFacts {
                listener: format!("{}, {}", listener.owner, listener.spec.name),
                port: listener.spec.port,
                hostnames: attached.hostnames.clone(),
                older: older(attached),
                access_logs: telemetry::access_logs(&listener.telemetry),
                tracing: telemetry::tracing(&listener.telemetry),
            });
        }
    }
    let name = sluicegate_manifest::FieldPath::dotted("metadata.name");
    RouteFacts {
        kind: metadata.reference.kind.to_string(),
        name: format!("{}/{}", metadata.namespace(), metadata.name()),
        source: route.document.place(&name),
        parents: parents.collect(),
        listeners,
        rules: verdict
            .rules
            .iter()
            .enumerate()
            .map(|(index, it)| {
                let mut facts = rule(round, verdict, it);
                facts.traffic = traffic::of_rule(round, &route.reference().to_string(), index);
                traffic::refine(&mut facts, it);
                facts
            })
            .collect(),
    }
}

fn older(attached: &AttachedRoute) -> Vec<String> {
    let older = attached.older.iter();
    older
        .map(|(host, route)| format!("{host}: {route}"))
        .collect()
}

/// `yes`, or `Reason: sentence`.
pub(super) fn outcome(outcome: &Outcome, yes: &str) -> String {
    match outcome {
        Outcome::Ok => yes.to_owned(),
        Outcome::No(reason, message) => format!("{reason}: {message}"),
    }
}

fn rule(round: &Round, verdict: &RouteVerdict, resolved: &ResolvedRule) -> RuleFacts {
    let references = resolved.rule.backend_refs.iter().zip(&resolved.backends);
    let backends = references.map(|(reference, found)| {
        let backend = found
            .key
            .as_ref()
            .and_then(|key| round.graph.backends.get(key));
        let Some(backend) = backend else {
            let broken = verdict.broken.iter().find(|it| it.path == reference.path);
            let port = reference
                .port
                .map_or(String::new(), |port| format!(":{port}"));
            return BackendRefFacts {
                backend: format!("{}{port}", reference.name),
                weight: found.weight,
                cluster: None,
                problem: Some(match broken {
                    Some(broken) => format!("{}: {}", broken.reason, broken.message),
                    None => "the reference leads nowhere".to_owned(),
                }),
                connect_timeout: None,
                idle_timeout: None,
                max_stream_duration: None,
            };
        };
        backend_ref(backend, found.weight, verdict.route.spec.carried)
    });
    RuleFacts {
        name: resolved.rule.name.clone(),
        matches: resolved.rule.matches.iter().map(words).collect(),
        broken: resolved.broken.clone(),
        timeout: verdict
            .route
            .spec
            .carried
            .is_requests()
            .then(|| timeout(resolved.rule.timeouts)),
        backends: backends.collect(),
        traffic: Vec::new(),
    }
}

fn backend_ref(backend: &Backend, weight: u32, carried: Carried) -> BackendRefFacts {
    let policy = &backend.policy;
    let common = policy.common_http_protocol_options();
    let common = common.filter(|_| carried.is_requests());
    let connect = policy.connect_timeout();
    let idle = common.and_then(|options| options.idle_timeout);
    let stream = common.and_then(|options| options.max_stream_duration);
    BackendRefFacts {
        backend: text(&backend.key),
        weight,
        cluster: Some(names::cluster(&backend.key)),
        problem: backend.closed.clone(),
        connect_timeout: Some(connect.map_or("5s (default)".into(), |time| format!("{time:?}"))),
        idle_timeout: Some(idle.map_or("1h (default)".into(), |time| format!("{time:?}"))),
        max_stream_duration: Some(stream.map_or("none".into(), |time| format!("{time:?}"))),
    }
}

/// What translation makes of `timeouts`: without retries the smaller of both holds.
fn timeout(timeouts: RouteTimeouts) -> String {
    let written = [
        ("request", timeouts.request),
        ("backendRequest", timeouts.backend_request),
    ];
    let written: Vec<String> = written
        .iter()
        .filter_map(|(name, time)| {
            let time = (*time)?;
            Some(match time.is_zero() {
                true => format!("{name} none"),
                false => format!("{name} {time:?}"),
            })
        })
        .collect();
    match written.is_empty() {
        true => "15s (Envoy default)".to_owned(),
        false => written.join(", "),
    }
}

pub(crate) fn words(one: &RouteMatch) -> String {
    let mut words = match &one.path {
        PathMatch::Exact(path) => format!("path = {path}"),
        PathMatch::Grpc(method) => grpc_words(method),
        PathMatch::PathPrefix(path) => format!("path {path}*"),
        PathMatch::RegularExpression(pattern) => format!("path ~ {pattern}"),
    };
    if let Some(method) = &one.method {
        words = format!("{method} {words}");
    }
    for header in &one.headers {
        words.push_str(&format!(
            ", header {} {}",
            header.name,
            value(&header.value)
        ));
    }
    for query in &one.query_params {
        words.push_str(&format!(", query {} {}", query.name, value(&query.value)));
    }
    words
}

fn grpc_words(GrpcMethod { service, method }: &GrpcMethod) -> String {
    let parts = [("gRPC service", service), ("gRPC method", method)];
    let parts = parts.iter().filter_map(|(name, part)| {
        let part = part.as_ref()?;
        Some(format!("{name} {}", value(part)))
    });
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => "every gRPC method".to_owned(),
        false => parts.join(", "),
    }
}

fn value(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Exact(value) => format!("= {value}"),
        Matcher::RegularExpression(pattern) => format!("~ {pattern}"),
    }
}
