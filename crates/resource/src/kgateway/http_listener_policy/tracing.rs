// SPDX-License-Identifier: Apache-2.0
//! `tracing` of an HTTPListenerPolicy.
//!
//! In: the block. Out: traces for an OpenTelemetry collector.

use std::collections::BTreeMap;

use crate::{
    admission::{Block, Field, I32_MAX},
    gateway::lone_backend,
    telemetry::{Collector, CustomTag, GatewayTracing, SpanNames},
};

pub(super) fn decode(field: &Field<'_>) -> Option<GatewayTracing> {
    field.object(|block| block_of(block, field)).flatten()
}

fn block_of(block: &Block<'_>, field: &Field<'_>) -> Option<GatewayTracing> {
    // Envoy default: everything.
    let percent = |name| block.percent(name).map_or(100.0, f64::from);
    let (random_sampling, client_sampling, overall_sampling) = (
        percent("randomSampling"),
        percent("clientSampling"),
        percent("overallSampling"),
    );
    let custom_tags = attributes(&block.list("attributes", 0..=usize::MAX));
    let verbose = block.boolean("verbose").unwrap_or_default();
    let spawn_upstream_span = block.boolean("spawnUpstreamSpan").unwrap_or_default();
    let max_path_tag_length = block.u32("maxPathTagLength", 1..=I32_MAX);
    let provider = block.required("provider")?;
    let (collector, service_name) = provider.object(|block| {
        block
            .required("openTelemetry")?
            .object(open_telemetry)
            .flatten()
    })??;
    Some(GatewayTracing {
        place: field.path(),
        collector,
        service_name,
        random_sampling,
        client_sampling,
        overall_sampling,
        custom_tags,
        span_names: SpanNames::default(),
        spawn_upstream_span,
        verbose,
        max_path_tag_length,
    })
}

fn open_telemetry(block: &Block<'_>) -> Option<(Collector, Option<String>)> {
    block.unsupported(&["resourceDetectors", "sampler"]);
    let service_name = block.string("serviceName").map(str::to_owned);
    let backend = block.required("grpcService")?.object(|block| {
        block.unsupported(&[
            "authority",
            "initialMetadata",
            "maxReceiveMessageLength",
            "retryPolicy",
            "skipEnvoyHeaders",
            "timeout",
        ]);
        lone_backend(&block.required("backendRef")?)
    })?;
    Some((Collector::Backend(backend?), service_name))
}

/// Tags: a name and one source of the value each.
fn attributes(items: &[Field<'_>]) -> BTreeMap<String, CustomTag> {
    let tags = items
        .iter()
        .filter_map(|item| item.object(|block| attribute(block, item)).flatten());
    tags.collect()
}

fn attribute(block: &Block<'_>, item: &Field<'_>) -> Option<(String, CustomTag)> {
    block.unsupported(&["metadata"]);
    let name = block
        .required("name")
        .and_then(|field| field.text(usize::MAX));
    let mut members = CustomTag::members(block);
    let metadata = block.optional("metadata").is_some();
    if members.len() + usize::from(metadata) != 1 {
        item.reject(
            "exactly one of the fields in [literal environment requestHeader metadata] must be set",
        );
    }
    let (_, tag) = members.pop()?;
    Some((name?.to_owned(), tag?))
}
