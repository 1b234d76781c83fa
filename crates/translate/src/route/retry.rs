// SPDX-License-Identifier: Apache-2.0
//! `RouteAction.timeout` and `RouteAction.retry_policy`.
//!
//! In: the timeouts and retries of a rule. Out: how long a request and each attempt may take, and
//! what leads to another attempt.

use std::time::Duration;

use sluicegate_resource::gateway::{RouteRetry, RouteRule, RouteTimeouts};
use sluicegate_xds::any;
use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        RetryPolicy,
        retry_policy::{RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType},
    },
    extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate,
};

use crate::pb;

/// Zero means none. Absent: Envoy's 15 s.
///
/// Without retries there is one attempt, so the smaller of both limits is the limit. With them,
/// the limit of an attempt is the policy's; where there is no other, all attempts have room.
pub(super) fn timeout(rule: &RouteRule) -> Option<Duration> {
    let RouteTimeouts {
        request,
        backend_request,
    } = rule.timeouts;
    if let Some(retry) = &rule.retry {
        let tries = retry.attempts.unwrap_or(1).saturating_add(1);
        return request.or(backend_request.map(|limit| limit.saturating_mul(tries)));
    }
    match (request, backend_request) {
        (Some(request), Some(backend)) if !request.is_zero() && !backend.is_zero() => {
            Some(request.min(backend))
        }
        (Some(request), Some(backend)) => Some(request.max(backend)),
        (one, other) => one.or(other),
    }
}

/// Connection errors, resets and attempts that take too long are retried whenever there is a
/// `retry`; statuses are when they are listed.
pub(super) fn retry_policy(rule: &RouteRule) -> Option<RetryPolicy> {
    let RouteRetry {
        codes,
        attempts,
        backoff,
    } = rule.retry.as_ref()?;
    let mut retry_on = "connect-failure,refused-stream,reset".to_owned();
    if !codes.is_empty() {
        retry_on.push_str(",retriable-status-codes");
    }
    let mut codes: Vec<u32> = codes.iter().copied().map(u32::from).collect();
    codes.sort_unstable();
    let per_try = rule.timeouts.backend_request;
    Some(RetryPolicy {
        retry_on,
        num_retries: attempts.and_then(pb::u32),
        retriable_status_codes: codes,
        per_try_timeout: per_try
            .filter(|limit| !limit.is_zero())
            .and_then(pb::duration),
        retry_back_off: backoff
            .filter(|wait| !wait.is_zero())
            .map(|wait| RetryBackOff {
                base_interval: pb::duration(wait),
                max_interval: None,
            }),
        retry_host_predicate: vec![previous_hosts()],
        host_selection_retry_max_attempts: HOST_SELECTION_ATTEMPTS,
        ..RetryPolicy::default()
    })
}

/// Another host for every attempt, where there is one.
pub(super) fn previous_hosts() -> RetryHostPredicate {
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(
            &PreviousHostsPredicate::default(),
        ))),
    }
}

/// Envoy Gateway's.
pub(super) const HOST_SELECTION_ATTEMPTS: i64 = 5;
