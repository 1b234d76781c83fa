// SPDX-License-Identifier: Apache-2.0
//! What a BackendTrafficPolicy sets on a route.
//!
//! In: the policy in force for a rule. Out: fields of `RouteAction`. The route's own timeouts and
//! retries stay: they are more specific than any policy.

use std::time::Duration;

use sluicegate_attach::{Graph, ResolvedRule, Row, TrafficPolicy, weigh_one};
use sluicegate_resource::envoygateway::backend_traffic_policy::{HttpUpgrade, Retry, RetryTrigger};
use sluicegate_resource::gateway::{PathMatch, RouteMatch};
use sluicegate_resource::{ObjectRef, gateway::Carried};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::route::v3::{
            RetryPolicy, RouteAction,
            retry_policy::{RetryBackOff, RetryPriority, retry_priority::ConfigType},
            route_action::{MaxStreamDuration, UpgradeConfig, upgrade_config::ConnectConfig},
        },
        extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig,
    },
};

use super::retry::{HOST_SELECTION_ATTEMPTS, previous_hosts};
use crate::{cluster, pb};

/// Adds what `policy` sets.
pub(super) fn apply(
    action: &mut RouteAction,
    policy: &TrafficPolicy,
    rule: &ResolvedRule,
    graph: &Graph,
) {
    timeouts(action, policy, rule);
    if rule.rule.retry.is_none() {
        let retry = policy.spec.retry.as_ref();
        action.retry_policy = retry.map(|retry| retry_policy(&retry.value));
    }
    action.upgrade_configs = upgrade_configs(policy);
    if holds(Row::LoadBalancer, policy, rule, graph) {
        action.hash_policy = cluster::hash_policies(policy);
    }
}

/// Upgrades other than the listener's one, which is websocket.
fn upgrade_configs(policy: &TrafficPolicy) -> Vec<UpgradeConfig> {
    let upgrades = policy.spec.http_upgrade.as_ref().map(|it| &it.value);
    let upgrades = upgrades.filter(|upgrades| !upgrades.is_empty());
    // A request that is taken in whole cannot become a tunnel.
    let buffers = policy.spec.request_buffer_limit.is_some();
    let named = upgrades.into_iter().flatten();
    let is_websocket = |upgrade: &HttpUpgrade| upgrade.kind.eq_ignore_ascii_case(WEBSOCKET);
    let closed = (buffers || upgrades.is_some()) && !named.clone().any(is_websocket);
    let allowed = named.map(|upgrade| UpgradeConfig {
        upgrade_type: upgrade.kind.clone(),
        connect_config: (upgrade.terminate == Some(true)).then(ConnectConfig::default),
        ..UpgradeConfig::default()
    });
    let refused = closed.then(|| UpgradeConfig {
        upgrade_type: WEBSOCKET.to_owned(),
        enabled: pb::bool(false),
        ..UpgradeConfig::default()
    });
    allowed.chain(refused).collect()
}

/// Whether requests for tunnels take this match: the policy allows them, and nothing is asked of the
/// path that they do not have.
pub(super) fn tunnels(policy: Option<&TrafficPolicy>, one: &RouteMatch) -> bool {
    let upgrades = policy.and_then(|policy| policy.spec.http_upgrade.as_ref());
    let mut upgrades = upgrades.into_iter().flat_map(|upgrades| &upgrades.value);
    let every_path = matches!(&one.path, PathMatch::PathPrefix(prefix) if prefix == "/");
    let method = one.method.as_deref();
    upgrades.any(|upgrade| upgrade.kind == CONNECT)
        && every_path
        && one.query_params.is_empty()
        && method.is_none_or(|method| method == CONNECT)
}

const CONNECT: &str = "CONNECT";

const WEBSOCKET: &str = "websocket";

/// What the numbers of a route are under; empty where it has none of its own.
pub(crate) fn stat_prefix(
    policy: Option<&TrafficPolicy>,
    rule: &ResolvedRule,
    route: &ObjectRef,
) -> String {
    let telemetry = policy.and_then(|policy| policy.spec.telemetry.as_ref());
    let pattern = telemetry.and_then(|it| it.value.route_stat_name.as_deref());
    let operators = [
        ("%ROUTE_NAME%", &*route.name),
        ("%ROUTE_NAMESPACE%", &*route.namespace),
        ("%ROUTE_KIND%", &*route.kind),
        // Envoy Gateway's word for a rule without a name.
        (
            "%ROUTE_RULE_NAME%",
            rule.rule.name.as_deref().unwrap_or("-"),
        ),
    ];
    operators.into_iter().fold(
        pattern.unwrap_or_default().to_owned(),
        |name, (operator, value)| name.replace(operator, value),
    )
}

fn timeouts(action: &mut RouteAction, policy: &TrafficPolicy, rule: &ResolvedRule) {
    let Some(timeout) = policy.spec.timeout.as_ref().map(|it| it.value) else {
        return;
    };
    if let Some(limit) = timeout.request_timeout
        && !limited(rule)
    {
        action.timeout = pb::duration(limit);
        action.idle_timeout = pb::duration(idle_timeout(limit));
    }
    if let Some(limit) = timeout.stream_idle_timeout {
        action.idle_timeout = pb::duration(limit);
    }
    if let Some(limit) = timeout.max_stream_duration {
        action.max_stream_duration = Some(MaxStreamDuration {
            max_stream_duration: pb::duration(limit),
            ..MaxStreamDuration::default()
        });
    }
}

/// Whether the rule limits requests itself. With retries, `backendRequest` limits attempts only.
fn limited(rule: &ResolvedRule) -> bool {
    let timeouts = &rule.rule.timeouts;
    let attempt = timeouts.backend_request.is_some() && rule.rule.retry.is_none();
    timeouts.request.is_some() || attempt
}

/// A listener's five minutes must not end a request that may take longer (Envoy Gateway's rule).
fn idle_timeout(request: Duration) -> Duration {
    const LEAST: Duration = Duration::from_secs(3600);
    match request.is_zero() {
        true => request,
        false => request.max(LEAST),
    }
}

fn retry_policy(retry: &Retry) -> RetryPolicy {
    let (triggers, codes) = match (&retry.triggers, &retry.http_status_codes) {
        (None, None) => (DEFAULT_TRIGGERS.to_vec(), vec![503]),
        (triggers, codes) => (
            triggers
                .clone()
                .unwrap_or_else(|| DEFAULT_TRIGGERS.to_vec()),
            codes.clone().unwrap_or_default(),
        ),
    };
    let mut words: Vec<&str> = triggers.iter().map(|trigger| trigger.word()).collect();
    words.sort_unstable();
    words.dedup();
    let mut codes: Vec<u32> = codes.into_iter().map(u32::from).collect();
    codes.sort_unstable();
    codes.dedup();
    let per_try = retry.per_retry_timeout.as_ref().map(|it| it.value);
    RetryPolicy {
        retry_on: words.join(","),
        num_retries: pb::u32(retry.num_retries.unwrap_or(NUM_RETRIES)),
        retriable_status_codes: codes,
        per_try_timeout: per_try.and_then(pb::duration),
        retry_back_off: retry_back_off(retry),
        retry_priority: retry
            .num_attempts_per_priority
            .filter(|attempts| *attempts > 0)
            .map(previous_priorities),
        retry_host_predicate: vec![previous_hosts()],
        host_selection_retry_max_attempts: HOST_SELECTION_ATTEMPTS,
        ..RetryPolicy::default()
    }
}

/// Other priorities after so many attempts.
fn previous_priorities(attempts: u32) -> RetryPriority {
    let config = PreviousPrioritiesConfig {
        update_frequency: i32::try_from(attempts).unwrap_or(i32::MAX),
    };
    RetryPriority {
        name: "envoy.retry_priorities.previous_priorities".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(&config))),
    }
}

/// Envoy refuses a longest wait without a base.
fn retry_back_off(retry: &Retry) -> Option<RetryBackOff> {
    let base = retry.base_interval.as_ref().map(|it| it.value);
    let most = retry.max_interval.as_ref().map(|it| it.value);
    if base.is_none() && most.is_none() {
        return None;
    }
    Some(RetryBackOff {
        base_interval: pb::duration(base.unwrap_or(BASE_INTERVAL)),
        max_interval: most.and_then(pb::duration),
    })
}

/// Whether a setting of the policy that is for requests and connections holds for a backend of the
/// rule.
pub(crate) fn holds(row: Row, policy: &TrafficPolicy, rule: &ResolvedRule, graph: &Graph) -> bool {
    let keys = rule
        .backends
        .iter()
        .filter_map(|backend| backend.key.as_ref());
    let mut backends = keys.filter_map(|key| graph.backends.get(key));
    backends.any(|backend| {
        let weighed = weigh_one(row, policy, backend, Carried::Http);
        weighed.is_some_and(|it| it.is_in_force())
    })
}

/// Envoy Gateway's default.
const NUM_RETRIES: u32 = 2;
/// Envoy Gateway's default.
const DEFAULT_TRIGGERS: [RetryTrigger; 5] = [
    RetryTrigger::ConnectFailure,
    RetryTrigger::RefusedStream,
    RetryTrigger::Unavailable,
    RetryTrigger::Cancelled,
    RetryTrigger::RetriableStatusCodes,
];
/// Envoy's default.
const BASE_INTERVAL: Duration = Duration::from_millis(25);
