// SPDX-License-Identifier: Apache-2.0
//! Compiling the HTTP filters of a route (`typed_per_filter_config`).
//!
//! In: configurations by name of filter. Out: [`Filters`], or nothing for a route without any; names
//! of what is not enforced. A filter that cannot be taken as it is meant is left out as a whole.

mod bandwidth_limit;
mod compressor;
mod custom_response;
mod rate_limit;

use std::{collections::HashMap, sync::Arc};

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::route::v3::FilterConfig,
            extensions::filters::{
                common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
                http::{
                    buffer::v3::{BufferPerRoute, buffer_per_route::Override},
                    fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
                },
                network::http_connection_manager::v3::HttpConnectionManager,
            },
        },
        google::protobuf::Any,
    },
    prost::{Message, Name},
};

use super::{
    route::millionths,
    value::{duration, number},
};
use crate::filter::{
    Abort, BANDWIDTH_LIMIT, BUFFER, COMPRESSOR, CUSTOM_RESPONSE, FAULT, Fault, Filters, Installed,
    RATE_LIMIT, place,
};

/// The filters of a route; names of what is not enforced go to `unsupported`.
pub(super) fn of_route(
    configs: &HashMap<String, Any>,
    unsupported: &mut Vec<&'static str>,
) -> Option<Arc<Filters>> {
    if configs.is_empty() {
        return None;
    }
    let mut filters = Filters::default();
    for (name, packed) in configs {
        let compiled = match unwrapped(packed) {
            Ok(Some(config)) => one(name, &config, &mut filters),
            Ok(None) => Ok(()),
            Err(problem) => Err(problem),
        };
        unsupported.extend(compiled.err());
    }
    unsupported.extend(bandwidth_limit::refuse_several(&mut filters).err());
    Some(Arc::new(filters))
}

/// The configuration itself; nothing where the filter is switched off.
fn unwrapped(packed: &Any) -> Result<Option<Any>, &'static str> {
    match any::unpack::<FilterConfig>(packed) {
        Some(wrapper) if wrapper.disabled => Ok(None),
        Some(wrapper) => wrapper
            .config
            .map(Some)
            .ok_or("typed_per_filter_config without a configuration"),
        None => Ok(Some(packed.clone())),
    }
}

fn one(name: &str, config: &Any, filters: &mut Filters) -> Result<(), &'static str> {
    match name {
        CUSTOM_RESPONSE => {
            filters.custom_response = custom_response::compile(&config_of(config)?)?;
        }
        FAULT => filters.fault = fault(&config_of(config)?)?,
        BUFFER => filters.request_buffer = buffer(&config_of(config)?),
        RATE_LIMIT => filters.rate_limit = rate_limit::compile(&config_of(config)?)?,
        name if name.starts_with(BANDWIDTH_LIMIT) => {
            let limit = bandwidth_limit::compile(&config_of(config)?)?;
            filters
                .bandwidth_limits
                .extend(limit.map(|limit| (name.into(), Arc::new(limit))));
        }
        name if name.starts_with(COMPRESSOR) => {
            let of_route = compressor::of_route(&config_of(config)?)?;
            filters
                .compressors
                .extend(of_route.map(|hides| (name.into(), hides)));
        }
        _ => return Err("typed_per_filter_config of another filter"),
    }
    Ok(())
}

fn config_of<M: Message + Name + Default>(packed: &Any) -> Result<M, &'static str> {
    any::unpack(packed).ok_or("typed_per_filter_config of another type than its filter's")
}

fn fault(config: &HttpFault) -> Result<Option<Fault>, &'static str> {
    let plain = HttpFault {
        delay: config.delay,
        abort: config.abort.clone(),
        disable_downstream_cluster_stats: config.disable_downstream_cluster_stats,
        ..HttpFault::default()
    };
    if plain != *config {
        return Err("fault: more than delay and abort");
    }
    let delay = config.delay.as_ref().map(fixed_delay).transpose()?;
    let abort = config.abort.as_ref().map(fixed_abort).transpose()?;
    Ok(Some(Fault { delay, abort }))
}

fn fixed_delay(delay: &FaultDelay) -> Result<(std::time::Duration, u32), &'static str> {
    let share = delay.percentage.as_ref().map_or(0, millionths);
    match &delay.fault_delay_secifier {
        Some(FaultDelaySecifier::FixedDelay(fixed)) => Ok((duration(fixed), share)),
        _ => Err("fault.delay.header_delay"),
    }
}

fn fixed_abort(abort: &FaultAbort) -> Result<(Abort, u32), &'static str> {
    if !abort.response_body.is_empty() {
        return Err("fault.abort.response_body");
    }
    let share = abort.percentage.as_ref().map_or(0, millionths);
    let kind = match abort.error_type {
        Some(ErrorType::HttpStatus(status)) => {
            Abort::Http(u16::try_from(status).map_err(|_| "fault.abort.http_status")?)
        }
        Some(ErrorType::GrpcStatus(status)) => Abort::Grpc(status),
        _ => return Err("fault.abort.header_abort"),
    };
    Ok((kind, share))
}

/// The most bytes of body; nothing where the filter is switched off.
fn buffer(config: &BufferPerRoute) -> Option<usize> {
    match &config.r#override {
        Some(Override::Buffer(buffer)) => {
            number(buffer.max_request_bytes.as_ref()).map(|most| most as usize)
        }
        Some(Override::Disabled(_)) | None => None,
    }
}

/// The filters that a connection manager has.
pub(super) fn installed(manager: &HttpConnectionManager) -> Installed {
    let mut installed = Installed::of(manager.http_filters.iter().map(|filter| &*filter.name));
    installed.bandwidth_limits = bandwidth_limit::installed(manager);
    installed.compressors = compressor::installed(manager);
    installed
}

/// What of the filters of a connection manager is not enforced.
pub(super) fn unsupported(manager: &HttpConnectionManager) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut last = None;
    for filter in &manager.http_filters {
        if filter.name == ROUTER || filter.name.is_empty() {
            continue;
        }
        if filter.name.starts_with(COMPRESSOR) {
            found.extend(compressor::compile(filter).err());
        }
        match place(&filter.name) {
            None => found.push("http_filters other than the router"),
            Some(_) if !filter.disabled => {
                found.push("http_filters that are not disabled for routes that do not set them");
            }
            Some(at) if last.is_some_and(|last| at < last) => {
                found.push("http_filters in another order");
            }
            at => last = at,
        }
    }
    found
}

const ROUTER: &str = "envoy.filters.http.router";
