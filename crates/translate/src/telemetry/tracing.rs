// SPDX-License-Identifier: Apache-2.0
//! `HttpConnectionManager.Tracing` and `envoy.config.route.v3.Tracing`.
//!
//! In: traces of a listener, and what a policy says about a route. Out: both messages, and a cluster
//! for each collector that is an address.

use std::collections::BTreeMap;

use sluicegate_attach::{AttachedTracing, Gateway, TrafficPolicy};
use sluicegate_resource::telemetry::{Collector, CustomTag as Tag};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{
                GrpcService,
                grpc_service::{EnvoyGrpc, TargetSpecifier},
            },
            route::v3::Tracing as RouteTracing,
            trace::v3::{
                OpenTelemetryConfig,
                tracing::{Http, http},
            },
        },
        extensions::filters::network::http_connection_manager::v3::http_connection_manager::Tracing,
        r#type::{
            tracing::v3::{
                CustomTag,
                custom_tag::{Environment, Header, Literal, Type},
            },
            v3::Percent,
        },
    },
};

use crate::{cluster, filter::share, names, pb};

/// What a connection manager traces.
pub(crate) fn http_connection_manager(attached: &AttachedTracing) -> Tracing {
    let tracing = &attached.tracing;
    let span_name = |name: &Option<String>| name.clone().unwrap_or_default();
    Tracing {
        client_sampling: percent(tracing.client_sampling),
        random_sampling: percent(tracing.random_sampling),
        overall_sampling: percent(tracing.overall_sampling),
        verbose: tracing.verbose,
        max_path_tag_length: tracing.max_path_tag_length.and_then(pb::u32),
        custom_tags: custom_tags(&tracing.custom_tags),
        provider: Some(provider(attached)),
        spawn_upstream_span: tracing
            .spawn_upstream_span
            .then_some(true)
            .and_then(pb::bool),
        operation: span_name(&tracing.span_names.server),
        upstream_operation: span_name(&tracing.span_names.client),
        ..Tracing::default()
    }
}

/// What a policy says about the traces of a route. Client sampling is off unless it is written (Envoy
/// Gateway default).
pub(crate) fn route(policy: Option<&TrafficPolicy>) -> Option<RouteTracing> {
    let telemetry = policy?.spec.telemetry.as_ref()?;
    let tracing = telemetry.value.tracing.as_ref()?;
    let span_name = |name: &Option<String>| name.clone().unwrap_or_default();
    Some(RouteTracing {
        client_sampling: Some(share(tracing.client_sampling.or(Some(0.0)))),
        random_sampling: tracing.sampling.map(|it| share(Some(it))),
        overall_sampling: tracing.overall_sampling.map(|it| share(Some(it))),
        custom_tags: custom_tags(&tracing.custom_tags),
        operation: span_name(&tracing.span_names.server),
        upstream_operation: span_name(&tracing.span_names.client),
    })
}

/// The clusters of the collectors of a Gateway that are addresses, by name.
pub(crate) fn collectors(gateway: &Gateway) -> BTreeMap<String, Cluster> {
    let listeners = gateway.listeners.iter();
    let addresses = listeners.filter_map(|listener| {
        let tracing = listener.telemetry.tracing.as_ref()?;
        match &tracing.tracing.collector {
            Collector::Address { host, port } => Some((host, *port)),
            Collector::Backend(_) => None,
        }
    });
    addresses
        .map(|(host, port)| {
            let name = names::collector(host, port);
            let cluster = cluster::of_address(&name, host, port);
            (name, cluster)
        })
        .collect()
}

fn provider(attached: &AttachedTracing) -> Http {
    let cluster_name = match (&attached.backend, &attached.tracing.collector) {
        (Some(key), _) => names::cluster(key),
        (None, Collector::Address { host, port }) => names::collector(host, *port),
        (None, Collector::Backend(_)) => names::BLACKHOLE.to_owned(),
    };
    let config = OpenTelemetryConfig {
        grpc_service: Some(GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name,
                ..EnvoyGrpc::default()
            })),
            ..GrpcService::default()
        }),
        service_name: attached.service_name.clone(),
        ..OpenTelemetryConfig::default()
    };
    Http {
        name: "envoy.tracers.opentelemetry".to_owned(),
        config_type: Some(http::ConfigType::TypedConfig(any::pack(&config))),
    }
}

fn custom_tags(tags: &BTreeMap<String, Tag>) -> Vec<CustomTag> {
    let tags = tags.iter().map(|(name, tag)| CustomTag {
        tag: name.clone(),
        r#type: Some(match tag {
            Tag::Literal(value) => Type::Literal(Literal {
                value: value.clone(),
            }),
            Tag::Format(format) => Type::Value(format.clone()),
            Tag::Environment {
                name,
                default_value,
            } => Type::Environment(Environment {
                name: name.clone(),
                default_value: default_value.clone().unwrap_or_default(),
            }),
            Tag::RequestHeader {
                name,
                default_value,
            } => Type::RequestHeader(Header {
                name: name.clone(),
                default_value: default_value.clone().unwrap_or_default(),
            }),
        }),
    });
    tags.collect()
}

fn percent(value: f64) -> Option<Percent> {
    Some(Percent { value })
}
