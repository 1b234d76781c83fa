// SPDX-License-Identifier: Apache-2.0
//! Best practices of the founding document about BackendTrafficPolicy, as warnings.
//!
//! In: the policy in force for each rule, and its backends. Out: a warning at the policy for each
//! thing that is missing on any of them, with the first place where it is; and how many requests a
//! failing backend may get for one, where retries make them more.

use std::{collections::BTreeSet, sync::Arc};

use sluicegate_attach::{Backend, Source, TrafficPolicy, Unit};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};
use sluicegate_resource::{
    Object, ObjectRef,
    envoygateway::{
        BackendTrafficPolicy,
        backend_traffic_policy::{CircuitBreaker, Retry},
    },
    gateway::RouteRule,
};

use super::{codes, place::about};
use crate::pipeline::Round;

/// One piece of advice about one policy.
type Key = (ObjectRef, &'static str);

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    let mut given: BTreeSet<Key> = BTreeSet::new();
    for (route, rule, policy, backend) in places(round) {
        for (reason, path, message) in advice(policy, rule, backend) {
            let by = owner(policy, path.as_ref()).clone();
            if !given.insert((by.reference().clone(), reason)) {
                continue;
            }
            let place = format!("{message} (backend {} of {route})", backend.key);
            let path = path.map_or_else(|| FieldPath::dotted("spec"), |source| source.path);
            let words = (codes::of(reason), place);
            found.push(about(&by, &path, Severity::Warning, words));
        }
    }
}

type Place<'a> = (&'a ObjectRef, &'a RouteRule, &'a TrafficPolicy, &'a Backend);

/// Every backend that a policy is in force on, in the order of Gateways.
fn places(round: &Round) -> impl Iterator<Item = Place<'_>> {
    let listeners = round.graph.gateways.iter().flat_map(|it| &it.listeners);
    let routes = listeners.flat_map(|listener| &listener.routes);
    let rules = routes.flat_map(|route| {
        let reference = route.route.reference();
        let rules = route.rules.iter().zip(&route.traffic);
        rules.map(move |(rule, traffic)| (reference, rule, traffic))
    });
    rules.flat_map(|(route, rule, traffic)| {
        let keys = rule.backends.iter().filter_map(|it| it.key.as_ref());
        let backends = keys.filter_map(|key| round.graph.backends.get(key));
        let policy = traffic.as_ref().map(|applied| &*applied.policy);
        backends.filter_map(move |backend| Some((route, &rule.rule, policy?, &**backend)))
    })
}

type Advice = (&'static str, Option<Source>, String);

fn advice(policy: &TrafficPolicy, rule: &RouteRule, backend: &Backend) -> Vec<Advice> {
    let spec = &policy.spec;
    let has = |unit| backend.policy.winner(unit).is_some();
    let health = spec.health_check.as_ref().map(|it| &it.value);
    let breaker = spec.circuit_breaker.as_ref().map(|it| &it.value);
    let timeout = spec
        .timeout
        .as_ref()
        .and_then(|it| it.value.request_timeout);
    let mut all = Vec::new();
    let mut missing = |reason, is_missing: bool, message: &str| {
        if is_missing {
            all.push((reason, None, message.to_owned()));
        }
    };
    missing(
        "NoHealthCheck",
        health.is_none_or(|it| it.active.is_none()) && !has(Unit::HealthCheck),
        "no active health check: a broken endpoint gets its share of requests until it is removed",
    );
    missing(
        "NoPassiveHealthCheck",
        health.is_none_or(|it| it.passive.is_none()) && !has(Unit::OutlierDetection),
        "no passive health check: an endpoint that fails requests keeps getting them between two \
         active checks",
    );
    missing(
        "NoRequestTimeout",
        timeout.is_none() && rule.timeouts.request.is_none(),
        "nobody sets a request timeout: Envoy's 15 s is in force",
    );
    let limits_connections = has(Unit::CircuitBreakers)
        || breaker.is_some_and(|it| {
            it.max_connections.is_some() || it.per_endpoint_max_connections.is_some()
        });
    if breaker.is_none() && !has(Unit::CircuitBreakers) {
        missing(
            "NoCircuitBreaker",
            true,
            "no circuit breaker: a slow backend is sent up to 1024 requests at once, Envoy's default",
        );
    } else {
        let connection = spec.connection.as_ref();
        missing(
            "NoConnectionLimit",
            !limits_connections && connection.is_none_or(|it| it.value.connection_limit.is_none()),
            "no limit on connections: a backend may get 1024, Envoy's default",
        );
    }
    if let Some(retry) = spec.retry.as_ref()
        && let Some(message) = amplification(&retry.value, breaker)
    {
        all.push(("RetryAmplification", policy.source("retry"), message));
    }
    all
}

/// Who answers for a setting: its author, or the policy in force where something is missing.
fn owner<'p>(
    policy: &'p TrafficPolicy,
    source: Option<&'p Source>,
) -> &'p Arc<Object<BackendTrafficPolicy>> {
    match source {
        Some(source) => &source.by.policy,
        None => &policy.own.policy,
    }
}

/// What retries make of the requests to a backend that fails them all, where that is too much.
fn amplification(retry: &Retry, breaker: Option<&CircuitBreaker>) -> Option<String> {
    let attempts = 1 + u64::from(retry.num_retries.unwrap_or(NUM_RETRIES));
    let limit = |field: Option<u32>, default| u64::from(field.unwrap_or(default)).max(1);
    let requests = breaker.and_then(|it| it.max_parallel_requests.as_ref());
    let requests = limit(requests.map(|it| it.value), MAX_PARALLEL);
    let budget = breaker.and_then(|it| it.retry_budget);
    let (retries, bound) = match (budget, breaker) {
        (Some(budget), _) => {
            let least = limit(budget.min_retry_concurrency, MIN_RETRY_CONCURRENCY);
            let share = (requests as f64 * budget.percent / 100.0) as u64;
            (share.max(least), "the retry budget allows")
        }
        (None, Some(breaker)) => {
            let retries = breaker.max_parallel_retries.as_ref();
            let retries = limit(retries.map(|it| it.value), MAX_PARALLEL);
            (retries, "the circuit breaker allows")
        }
        (None, None) => (MAX_RETRIES, "Envoy's default is"),
    };
    let bounded = 1.0 + retries as f64 / requests as f64;
    let factor = bounded.min(attempts as f64);
    (factor > TOLERABLE).then(|| {
        format!(
            "a backend that fails gets up to {factor:.1} times its requests: {attempts} attempts for \
             each, and {bound} {retries} retries beside {requests} requests at once; lower \
             `numRetries` or `circuitBreaker.maxParallelRetries`, or set \
             `circuitBreaker.retryBudget`"
        )
    })
}

/// Retries of a request. Envoy Gateway default.
const NUM_RETRIES: u32 = 2;
/// Parallel requests, and parallel retries beside a `circuitBreaker` block. Envoy and Envoy Gateway
/// default.
const MAX_PARALLEL: u32 = 1024;
/// Parallel retries without one. Envoy default.
const MAX_RETRIES: u64 = 3;
/// Of a budget. Envoy default.
const MIN_RETRY_CONCURRENCY: u32 = 3;
/// Ours: half as many requests again are borne by a backend that had room to spare.
const TOLERABLE: f64 = 1.5;
