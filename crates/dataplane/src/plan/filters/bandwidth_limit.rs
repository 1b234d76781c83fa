// SPDX-License-Identifier: Apache-2.0
//! Compiling a bandwidth limit.
//!
//! In: the configuration of a route. Out: its limit, with a bucket that begins to fill; or what
//! cannot be done.

use std::{sync::Arc, time::Duration};

use sluicegate_xds::pb::envoy::extensions::filters::{
    http::bandwidth_limit::v3::{BandwidthLimit as Proto, bandwidth_limit::EnableMode},
    network::http_connection_manager::v3::HttpConnectionManager,
};

use super::super::value::{duration, flag};
use crate::filter::{BANDWIDTH_LIMIT, BandwidthLimit, Bucket, Filters, Rate, now};

/// The bandwidth limits that a connection manager has, by name.
pub(super) fn installed(manager: &HttpConnectionManager) -> Arc<[Box<str>]> {
    let names = manager.http_filters.iter().map(|filter| &*filter.name);
    let names = names.filter(|name| name.starts_with(BANDWIDTH_LIMIT));
    names.map(Into::into).collect()
}

/// One of them; nothing where it is switched off.
pub(super) fn compile(config: &Proto) -> Result<Option<BandwidthLimit>, &'static str> {
    let Proto {
        stat_prefix,
        enable_mode,
        limit_kbps,
        fill_interval,
        runtime_enabled,
        enable_response_trailers,
        response_trailer_prefix,
    } = config;
    let kib = limit_kbps.ok_or("bandwidth_limit without limit_kbps")?;
    let (request, response) = match EnableMode::try_from(*enable_mode) {
        Ok(EnableMode::Disabled) => return Ok(None),
        Ok(EnableMode::Request) => (true, false),
        Ok(EnableMode::Response) => (false, true),
        Ok(EnableMode::RequestAndResponse) => (true, true),
        Err(_) => return Err("bandwidth_limit.enable_mode of another kind"),
    };
    let enabled = runtime_enabled.as_ref();
    if !flag(enabled.and_then(|it| it.default_value.as_ref()), true) {
        return Ok(None);
    }
    let interval = fill_interval.as_ref().map_or(FILL_INTERVAL, duration);
    if interval.is_zero() {
        return Err("bandwidth_limit.fill_interval of nothing");
    }
    let rate = Rate::of_second(kib.value.saturating_mul(1024));
    let prefix = response_trailer_prefix.to_ascii_lowercase();
    let prefix = match prefix.as_str() {
        "" => prefix,
        prefix => format!("{prefix}-"),
    };
    Ok(Some(BandwidthLimit {
        stat_prefix: stat_prefix.as_str().into(),
        request,
        response,
        bucket: Bucket::filling(rate, now(), interval.as_secs_f64()),
        fill_interval: interval,
        trailer_prefix: enable_response_trailers.then(|| prefix.into()),
    }))
}

/// Several for one direction are none: each of them would have to wait for the others.
pub(super) fn refuse_several(filters: &mut Filters) -> Result<(), &'static str> {
    let limits = &filters.bandwidth_limits;
    let of = |direction: fn(&BandwidthLimit) -> bool| {
        let limits = limits.iter().filter(|(_, limit)| direction(limit));
        limits.count()
    };
    if of(|limit| limit.request) > 1 || of(|limit| limit.response) > 1 {
        filters.bandwidth_limits.clear();
        return Err("bandwidth_limit: several for one direction");
    }
    Ok(())
}

/// Envoy default.
const FILL_INTERVAL: Duration = Duration::from_millis(50);
