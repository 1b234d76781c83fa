// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit`.
//!
//! In: `bandwidthLimit`. Out: a filter for each direction, since one has one limit.

use sluicegate_attach::TrafficPolicy;
use sluicegate_resource::envoygateway::backend_traffic_policy::{
    Bandwidth, BandwidthLimit as Settings,
};
use sluicegate_xds::{
    any,
    pb::{
        envoy::extensions::filters::http::bandwidth_limit::v3::{
            BandwidthLimit, bandwidth_limit::EnableMode,
        },
        google::protobuf::{Any, UInt64Value},
    },
};

use super::{Filter, On};

pub(super) const REQUEST: Filter = Filter {
    name: "envoy.filters.http.bandwidth_limit.request",
    base,
    on_route: on_request,
};

pub(super) const RESPONSE: Filter = Filter {
    name: "envoy.filters.http.bandwidth_limit.response",
    base,
    on_route: on_response,
};

/// Without a mode it limits nothing.
fn base() -> Any {
    any::pack(&BandwidthLimit {
        stat_prefix: STAT_PREFIX.to_owned(),
        ..BandwidthLimit::default()
    })
}

fn on_request(policy: &TrafficPolicy, _: On) -> Option<Any> {
    let limit = settings(policy)?.request?;
    Some(any::pack(&limited(EnableMode::Request, limit)))
}

fn on_response(policy: &TrafficPolicy, _: On) -> Option<Any> {
    let settings = settings(policy)?;
    let trailers = settings.response_trailers.as_ref();
    Some(any::pack(&BandwidthLimit {
        enable_response_trailers: trailers.is_some(),
        response_trailer_prefix: trailers.cloned().flatten().unwrap_or_default(),
        ..limited(EnableMode::Response, settings.response?)
    }))
}

fn settings(policy: &TrafficPolicy) -> Option<&Settings> {
    policy.spec.bandwidth_limit.as_ref().map(|it| &it.value)
}

fn limited(mode: EnableMode, limit: Bandwidth) -> BandwidthLimit {
    BandwidthLimit {
        stat_prefix: STAT_PREFIX.to_owned(),
        enable_mode: mode as i32,
        limit_kbps: Some(UInt64Value {
            value: limit.kib_per_second,
        }),
        ..BandwidthLimit::default()
    }
}

/// Named as that of local rate limits is.
const STAT_PREFIX: &str = "http_bandwidth_limiter";
