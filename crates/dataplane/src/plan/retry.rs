// SPDX-License-Identifier: Apache-2.0
//! Compiling a retry policy.
//!
//! In: a RetryPolicy. Out: the same with Envoy's defaults filled in; or why it cannot be enforced.

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::route::v3::{
            RetryPolicy as Proto,
            retry_policy::{
                RateLimitedRetryBackOff, RetryHostPredicate, RetryPriority,
                retry_host_predicate::ConfigType, retry_priority,
            },
        },
        extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig,
    },
};

use super::{
    matcher,
    value::{duration, number, timeout},
};
use crate::retry::{BackOff, RateLimitedBackOff, ResetFormat, ResetHeader, RetryOn, RetryPolicy};

/// Compiles a policy.
pub(super) fn compile(policy: &Proto) -> Result<RetryPolicy, String> {
    let headers = |list: &[_]| list.iter().map(matcher::header).collect::<Result<_, _>>();
    let back_off = policy.retry_back_off.as_ref();
    Ok(RetryPolicy {
        retry_on: RetryOn::parse(&policy.retry_on),
        num_retries: number(policy.num_retries.as_ref()).unwrap_or(NUM_RETRIES),
        per_try_timeout: timeout(policy.per_try_timeout.as_ref(), None),
        per_try_idle_timeout: timeout(policy.per_try_idle_timeout.as_ref(), None),
        previous_hosts: policy.retry_host_predicate.iter().any(is_previous_hosts),
        previous_priorities: policy.retry_priority.as_ref().and_then(update_frequency),
        host_selection_attempts: match policy.host_selection_retry_max_attempts {
            0 => HOST_SELECTION_ATTEMPTS,
            attempts => u32::try_from(attempts).unwrap_or(HOST_SELECTION_ATTEMPTS),
        },
        status_codes: policy
            .retriable_status_codes
            .iter()
            .filter_map(|code| u16::try_from(*code).ok())
            .collect(),
        response_headers: headers(&policy.retriable_headers)?,
        request_headers: headers(&policy.retriable_request_headers)?,
        back_off: BackOff::new(
            back_off.and_then(|back_off| back_off.base_interval.as_ref().map(duration)),
            back_off.and_then(|back_off| back_off.max_interval.as_ref().map(duration)),
        ),
        rate_limited: policy
            .rate_limited_retry_back_off
            .as_ref()
            .map(rate_limited),
    })
}

/// What of a policy is not enforced.
pub(super) fn unsupported(policy: &Proto) -> impl Iterator<Item = &'static str> {
    let predicates = &policy.retry_host_predicate;
    [
        (
            policy
                .retry_priority
                .as_ref()
                .is_some_and(|priority| update_frequency(priority).is_none()),
            "retry_policy.retry_priority other than previous_priorities",
        ),
        (
            !predicates.iter().all(is_previous_hosts),
            "retry_policy.retry_host_predicate other than previous_hosts",
        ),
        (
            !policy.retry_options_predicates.is_empty(),
            "retry_policy.retry_options_predicates",
        ),
        (
            policy.refresh_cluster_on_retry,
            "retry_policy.refresh_cluster_on_retry",
        ),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
}

fn is_previous_hosts(predicate: &RetryHostPredicate) -> bool {
    match &predicate.config_type {
        Some(ConfigType::TypedConfig(config)) => config
            .type_url
            .ends_with("previous_hosts.v3.PreviousHostsPredicate"),
        None => predicate.name == "envoy.retry_host_predicates.previous_hosts",
    }
}

fn update_frequency(priority: &RetryPriority) -> Option<u32> {
    let Some(retry_priority::ConfigType::TypedConfig(config)) = &priority.config_type else {
        return None;
    };
    let config: PreviousPrioritiesConfig = any::unpack(config)?;
    u32::try_from(config.update_frequency).ok()
}

fn rate_limited(back_off: &RateLimitedRetryBackOff) -> RateLimitedBackOff {
    RateLimitedBackOff {
        reset_headers: back_off
            .reset_headers
            .iter()
            .map(|header| ResetHeader {
                name: header.name.clone(),
                format: match header.format {
                    1 => ResetFormat::UnixTimestamp,
                    _ => ResetFormat::Seconds,
                },
            })
            .collect(),
        max_interval: back_off
            .max_interval
            .as_ref()
            .map_or(MAX_INTERVAL, duration),
    }
}

// Envoy defaults.
const NUM_RETRIES: u32 = 1;
const HOST_SELECTION_ATTEMPTS: u32 = 1;
const MAX_INTERVAL: std::time::Duration = std::time::Duration::from_secs(300);
