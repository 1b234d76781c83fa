// SPDX-License-Identifier: Apache-2.0
//! The way from Gateways to backends.
//!
//! In: the graph and the variants that policies make of clusters. Out: a tree: Gateway, listener,
//! route, rule, backend; what is not accepted says why.

use serde::Serialize;
use sluicegate_attach::{AttachedRoute, Gateway, Listener, verdict::Outcome};
use sluicegate_manifest::FieldPath;
use sluicegate_translate::names;

use crate::{
    explain::{backend_name, route},
    pipeline::Round,
};

/// A Gateway.
#[derive(Debug, Clone, Serialize)]
pub struct GatewayNode {
    /// `namespace/name`.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// Why it is not accepted; empty when it is.
    pub refused: String,
    /// Its listeners and those of ListenerSets.
    pub listeners: Vec<ListenerNode>,
}

/// A listener.
#[derive(Debug, Clone, Serialize)]
pub struct ListenerNode {
    /// Its name, with that of the ListenerSet in front that has it.
    pub name: String,
    /// Protocol.
    pub protocol: String,
    /// Port.
    pub port: u16,
    /// Hostname; `*` for every one.
    pub hostname: String,
    /// Why it does not serve; empty when it does.
    pub refused: String,
    /// Routes, in order of precedence.
    pub routes: Vec<RouteNode>,
}

/// A route on a listener.
#[derive(Debug, Clone, Serialize)]
pub struct RouteNode {
    /// `Kind namespace/name`.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// Hostnames in common with the listener.
    pub hostnames: Vec<String>,
    /// Its rules.
    pub rules: Vec<RuleNode>,
}

/// A rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleNode {
    /// Its matches in words.
    pub matches: Vec<String>,
    /// Why it answers 500; empty when it does not.
    pub broken: String,
    /// The BackendTrafficPolicy in force; empty without one.
    pub policy: String,
    /// Where requests go.
    pub backends: Vec<BackendLink>,
}

/// A backend of a rule.
#[derive(Debug, Clone, Serialize)]
pub struct BackendLink {
    /// `namespace/name:port`, or the reference as written when it leads nowhere.
    pub name: String,
    /// The cluster; empty when the reference leads nowhere.
    pub cluster: String,
    /// Weight.
    pub weight: u32,
}

/// The Gateways of a round; of their routes the first `most`.
pub fn gateways(round: &Round, mut most: usize) -> Vec<GatewayNode> {
    let gateways = round.graph.gateways.iter();
    gateways.map(|it| node(round, it, &mut most)).collect()
}

fn node(round: &Round, gateway: &Gateway, left: &mut usize) -> GatewayNode {
    let metadata = &gateway.object.metadata;
    let own = gateway.object.reference();
    let listeners = gateway.listeners.iter().map(|it| {
        let mut listener = listener(round, it, left);
        if it.owner != *own {
            listener.name = format!("{}, {}", it.owner, listener.name);
        }
        listener
    });
    GatewayNode {
        name: format!("{}/{}", metadata.namespace(), metadata.name()),
        source: gateway.object.document.place(&name_field()),
        refused: words(&gateway.accepted),
        listeners: listeners.collect(),
    }
}

fn listener(round: &Round, listener: &Listener, left: &mut usize) -> ListenerNode {
    let verdict = &listener.verdict;
    let refused = match words(&verdict.accepted) {
        accepted if accepted.is_empty() => words(&verdict.resolved_refs),
        refused => refused,
    };
    let spec = &listener.spec;
    let routes = listener.routes.iter().take(*left);
    let routes: Vec<RouteNode> = routes.map(|it| attached(round, it)).collect();
    *left -= routes.len();
    ListenerNode {
        name: spec.name.clone(),
        protocol: spec.protocol.clone(),
        port: spec.port,
        hostname: spec.hostname.clone().unwrap_or_else(|| "*".to_owned()),
        refused,
        routes,
    }
}

fn attached(round: &Round, attached: &AttachedRoute) -> RouteNode {
    let rules = attached.rules.iter().enumerate().map(|(index, rule)| {
        let applied = attached.traffic.get(index).and_then(Option::as_ref);
        let policy = applied.map(|applied| &*applied.policy);
        let backends = rule.backends.iter().zip(&rule.rule.backend_refs);
        let backends = backends.map(|(backend, written)| match &backend.key {
            Some(key) => BackendLink {
                name: backend_name(key),
                cluster: match round.graph.backends.get(key) {
                    Some(known) if known.closed.is_some() => names::cluster(key),
                    _ => round.translation.variants.cluster(key, policy),
                },
                weight: backend.weight,
            },
            None => BackendLink {
                name: written.name.clone(),
                cluster: String::new(),
                weight: backend.weight,
            },
        });
        RuleNode {
            matches: rule.rule.matches.iter().map(route::words).collect(),
            broken: rule.broken.clone().unwrap_or_default(),
            policy: policy.map_or_else(String::new, |it| it.own.policy.reference().to_string()),
            backends: backends.collect(),
        }
    });
    RouteNode {
        name: attached.route.reference().to_string(),
        source: attached.route.document.place(&name_field()),
        hostnames: attached.hostnames.clone(),
        rules: rules.collect(),
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok => String::new(),
        Outcome::No(reason, message) => format!("{reason}: {message}"),
    }
}

fn name_field() -> FieldPath {
    FieldPath::dotted("metadata.name")
}
