// SPDX-License-Identifier: Apache-2.0
//! Best practices of the founding document about BackendTrafficPolicy, where a policy leaves them
//! out.
//!
//! In: the policy in force for each rule, and the clusters that it comes to. Out: once per policy and
//! practice, advice at the policy with the first place where it holds; and a warning that says how
//! many requests a failing backend may get for one, where retries make them many more.

use std::collections::BTreeSet;

use sluicegate_attach::{BackendKey, ResolvedRule, TrafficPolicy};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};
use sluicegate_resource::{
    ObjectRef, envoygateway::backend_traffic_policy::Retry, gateway::Carried,
};
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::{
    pb::envoy::config::cluster::v3::{Cluster, circuit_breakers::Thresholds},
    prost::Message,
};

use super::{codes, place::about};
use crate::pipeline::Round;

/// What a policy may leave out: reason, what follows, what to write.
const PRACTICES: [(&str, &str, &str); 5] = [
    (
        "NoHealthCheck",
        "nothing asks the endpoints whether they are well: a broken one keeps its share of requests",
        "set `healthCheck.active`",
    ),
    (
        "NoPassiveHealthCheck",
        "nothing watches the answers of endpoints: one that fails requests keeps getting them",
        "set `healthCheck.passive`",
    ),
    (
        "NoRequestTimeout",
        "nothing says how long a request may take: Envoy's 15 s hold, whatever the application needs",
        "set `timeout.http.requestTimeout`; 0s means any time",
    ),
    (
        "NoCircuitBreaker",
        "nothing limits what a slow backend is sent: Envoy's 1024 connections and requests hold",
        "set `circuitBreaker`",
    ),
    (
        "NoConnectionLimit",
        "nothing limits connections: Envoy's 1024 hold",
        "set `circuitBreaker.maxConnections` or `connection.connectionLimit`",
    ),
];

/// Whether a finding says that a best practice is left out.
pub fn is_practice(code: &str) -> bool {
    let mut practices = PRACTICES.iter();
    practices.any(|(reason, ..)| codes::of(reason) == code)
}

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    let mut given: BTreeSet<(ObjectRef, &str)> = BTreeSet::new();
    for place in places(round) {
        let own = &place.policy.own.policy;
        let Some(cluster) = cluster(round, &place) else {
            continue;
        };
        for (reason, message, help) in PRACTICES {
            if left_out(reason, &place, &cluster) && given.insert((own.reference().clone(), reason))
            {
                let words = (codes::of(reason), format!("{message} ({place})"));
                let advice = about(own, &FieldPath::dotted("spec"), Severity::Advice, words);
                found.push(advice.help(help));
            }
        }
        let Some((message, retry)) = amplification(&place, &cluster) else {
            continue;
        };
        let reason = "RetryAmplification";
        if given.insert((retry.by.policy.reference().clone(), reason)) {
            let words = (codes::of(reason), format!("{message} ({place})"));
            let warning = about(&retry.by.policy, &retry.path, Severity::Warning, words);
            found.push(warning.help(
                "lower `retry.numRetries` or `circuitBreaker.maxParallelRetries`, or set \
                 `circuitBreaker.retryBudget`",
            ));
        }
    }
}

/// A backend of a rule that a policy is in force for.
struct Place<'a> {
    route: &'a ObjectRef,
    carried: Carried,
    rule: &'a ResolvedRule,
    policy: &'a TrafficPolicy,
    backend: &'a BackendKey,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} behind {}", self.backend, self.route)
    }
}

/// In the order of Gateways.
fn places(round: &Round) -> impl Iterator<Item = Place<'_>> {
    let listeners = round.graph.gateways.iter().flat_map(|it| &it.listeners);
    let routes = listeners.flat_map(|listener| &listener.routes);
    let rules = routes.flat_map(|route| {
        let rules = route.rules.iter().zip(&route.traffic);
        rules.filter_map(move |(rule, traffic)| {
            let policy = &*traffic.as_ref()?.policy;
            Some((&route.route, rule, policy))
        })
    });
    rules.flat_map(|(route, rule, policy)| {
        let backends = rule.backends.iter().filter_map(|it| it.key.as_ref());
        backends.map(move |backend| Place {
            route: route.reference(),
            carried: route.spec.carried,
            rule,
            policy,
            backend,
        })
    })
}

/// What everybody's policies come to there; `None` where nothing is sent.
fn cluster(round: &Round, place: &Place<'_>) -> Option<Cluster> {
    let backend = round.graph.backends.get(place.backend)?;
    if backend.closed.is_some() || place.policy.closed.is_some() {
        return None;
    }
    let variants = &round.translation.variants;
    let name = variants.cluster(place.backend, Some(place.policy));
    let clusters = round.translation.all.resources(ResourceType::Cluster);
    let resource = clusters.get(name.as_str())?;
    Cluster::decode(&*resource.body).ok()
}

fn left_out(reason: &str, place: &Place<'_>, cluster: &Cluster) -> bool {
    let breakers = cluster.circuit_breakers.as_ref();
    match reason {
        "NoHealthCheck" => cluster.health_checks.is_empty(),
        "NoPassiveHealthCheck" => cluster.outlier_detection.is_none(),
        "NoRequestTimeout" => place.carried.is_requests() && !limits_requests(place),
        "NoCircuitBreaker" => breakers.is_none(),
        _ => breakers.is_some_and(|it| {
            let mut all = it.thresholds.iter().chain(&it.per_host_thresholds);
            all.all(|thresholds| thresholds.max_connections.is_none())
        }),
    }
}

fn limits_requests(place: &Place<'_>) -> bool {
    let timeout = place.policy.spec.timeout.as_ref();
    let timeouts = &place.rule.rule.timeouts;
    timeout.is_some_and(|it| it.value.request_timeout.is_some())
        || timeouts.request.or(timeouts.backend_request).is_some()
}

/// What retries make of the requests to a backend that fails them all, where that is too much.
/// A rule's own `retry` takes the place of the policy's.
fn amplification(
    place: &Place<'_>,
    cluster: &Cluster,
) -> Option<(String, sluicegate_attach::Source)> {
    if place.rule.rule.retry.is_some() || !place.carried.is_requests() {
        return None;
    }
    let retry = place.policy.spec.retry.as_ref()?;
    let source = place.policy.source("retry")?;
    let breakers = cluster.circuit_breakers.as_ref();
    let thresholds = breakers.and_then(|it| it.thresholds.first());
    Some((worst_case(&retry.value, thresholds)?, source))
}

/// At the limits of the breaker: so many requests at once, and beside them so many retries.
fn worst_case(retry: &Retry, thresholds: Option<&Thresholds>) -> Option<String> {
    let attempts = 1 + retry.num_retries.unwrap_or(NUM_RETRIES);
    let requests = thresholds.and_then(|it| it.max_requests);
    let requests = requests.map_or(MAX_REQUESTS, |it| it.value).max(1);
    let budget = thresholds.and_then(|it| it.retry_budget);
    let (retries, bound) = match budget {
        Some(budget) => {
            let share = budget.budget_percent.unwrap_or_default().value / 100.0;
            let least = budget.min_retry_concurrency;
            let least = least.map_or(MIN_RETRY_CONCURRENCY, |it| it.value);
            let retries = (f64::from(requests) * share).max(f64::from(least));
            (retries.floor(), "retry budget")
        }
        None => {
            let retries = thresholds.and_then(|it| it.max_retries);
            let retries = retries.map_or(MAX_RETRIES, |it| it.value);
            (f64::from(retries), "circuit breaker")
        }
    };
    let factor = f64::from(attempts).min(1.0 + retries / f64::from(requests));
    (factor > TOLERABLE).then(|| {
        format!(
            "a backend that fails gets up to {factor:.1} times its requests: {attempts} attempts for \
             each, and the {bound} allows {retries} retries at once beside {requests} requests"
        )
    })
}

/// Retries of a request. Envoy Gateway default.
const NUM_RETRIES: u32 = 2;
/// Parallel requests. Envoy default.
const MAX_REQUESTS: u32 = 1024;
/// Parallel retries. Envoy default.
const MAX_RETRIES: u32 = 3;
/// Of a budget. Envoy default.
const MIN_RETRY_CONCURRENCY: u32 = 3;
/// Ours: half as many requests again are borne by a backend that had room to spare.
const TOLERABLE: f64 = 1.5;
