// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.buffer.v3.BufferPerRoute`.
//!
//! In: `requestBuffer.limit`. Out: the filter.

use sluicegate_attach::TrafficPolicy;
use sluicegate_xds::{
    any,
    pb::{
        envoy::extensions::filters::http::buffer::v3::{
            Buffer, BufferPerRoute, buffer_per_route::Override,
        },
        google::protobuf::Any,
    },
};

use super::Filter;
use crate::pb;

pub(super) const FILTER: Filter = Filter {
    name: "envoy.filters.http.buffer",
    // Envoy wants some limit.
    base: || any::pack(&limited(u32::MAX)),
    on_route,
};

fn on_route(policy: &TrafficPolicy) -> Option<Any> {
    let limit = policy.spec.request_buffer_limit.as_ref()?.value;
    Some(any::pack(&BufferPerRoute {
        r#override: Some(Override::Buffer(limited(limit))),
    }))
}

fn limited(bytes: u32) -> Buffer {
    Buffer {
        max_request_bytes: pb::u32(bytes),
    }
}
