// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`.
//!
//! In: `rateLimit.local`. Out: the filter: a descriptor for each rule with selectors, made of the
//! same entries as its bucket, and the bucket of everything else.

mod selector;

use sluicegate_attach::TrafficPolicy;
use sluicegate_resource::envoygateway::backend_traffic_policy::{
    RateLimitCost, RateLimitLimit, RateLimitRule, XRateLimitHeaders,
};
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                core::v3::RuntimeFractionalPercent,
                route::v3::{RateLimit, rate_limit::HitsAddend},
            },
            extensions::{
                common::ratelimit::v3::{
                    LocalRateLimitDescriptor, XRateLimitHeadersRfcVersion,
                    rate_limit_descriptor::Entry,
                },
                filters::http::local_ratelimit::v3::LocalRateLimit,
            },
            r#type::v3::TokenBucket,
        },
        google::protobuf::{Any, UInt64Value},
    },
};

use super::{Filter, share};
use crate::pb;

pub(super) const FILTER: Filter = Filter {
    name: "envoy.filters.http.local_ratelimit",
    base: || {
        any::pack(&LocalRateLimit {
            stat_prefix: STAT_PREFIX.to_owned(),
            ..LocalRateLimit::default()
        })
    },
    on_route,
};

fn on_route(policy: &TrafficPolicy) -> Option<Any> {
    let rules = &policy.spec.rate_limit.as_ref()?.value.local;
    if rules.is_empty() {
        return None;
    }
    let default = rules.iter().find(|rule| rule.client_selectors.is_empty());
    let selective = rules.iter().enumerate();
    let selective = selective.filter(|(_, rule)| !rule.client_selectors.is_empty());
    let (rate_limits, descriptors) = selective.map(|(index, rule)| both(index, rule)).unzip();
    let silent = |rule: &RateLimitRule| rule.x_rate_limit_headers == Some(XRateLimitHeaders::Off);
    let version = match rules.iter().all(silent) {
        true => XRateLimitHeadersRfcVersion::Off,
        // Envoy Gateway default.
        false => XRateLimitHeadersRfcVersion::DraftVersion03,
    };
    Some(any::pack(&LocalRateLimit {
        stat_prefix: STAT_PREFIX.to_owned(),
        token_bucket: Some(default.map_or_else(unlimited, |rule| bucket(&rule.limit))),
        filter_enabled: always(),
        filter_enforced: always(),
        descriptors,
        rate_limits,
        enable_x_ratelimit_headers: version as i32,
        always_consume_default_token_bucket: pb::bool(false),
        // Envoy Gateway's; Envoy's own default of 20 forgets counts too soon.
        max_dynamic_descriptors: pb::u32(10_000),
        ..LocalRateLimit::default()
    }))
}

/// What is made of a request, and what that is compared with.
fn both(index: usize, rule: &RateLimitRule) -> (RateLimit, LocalRateLimitDescriptor) {
    let (actions, entries) = selector::conditions(index, &rule.client_selectors);
    let hits = match &rule.request_cost {
        Some(RateLimitCost::Number(number)) => Some(HitsAddend {
            number: Some(UInt64Value { value: *number }),
            ..HitsAddend::default()
        }),
        _ => None,
    };
    let entries = entries.into_iter().map(|(key, value)| Entry { key, value });
    let descriptor = LocalRateLimitDescriptor {
        entries: entries.collect(),
        token_bucket: Some(bucket(&rule.limit)),
        shadow_mode: rule.shadow_mode == Some(true),
    };
    let made = RateLimit {
        actions,
        hits_addend: hits,
        ..RateLimit::default()
    };
    (made, descriptor)
}

fn bucket(limit: &RateLimitLimit) -> TokenBucket {
    TokenBucket {
        max_tokens: limit.requests,
        tokens_per_fill: pb::u32(limit.requests),
        fill_interval: pb::duration(std::time::Duration::from_secs(limit.unit.seconds())),
    }
}

/// Envoy wants a bucket for everything else: one that nobody empties.
fn unlimited() -> TokenBucket {
    TokenBucket {
        max_tokens: u32::MAX,
        tokens_per_fill: pb::u32(u32::MAX),
        fill_interval: pb::duration(std::time::Duration::from_secs(1)),
    }
}

fn always() -> Option<RuntimeFractionalPercent> {
    Some(RuntimeFractionalPercent {
        default_value: Some(share(None)),
        ..RuntimeFractionalPercent::default()
    })
}

/// Envoy Gateway's.
const STAT_PREFIX: &str = "http_local_rate_limiter";
