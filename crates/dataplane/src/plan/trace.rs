// SPDX-License-Identifier: Apache-2.0
//! Settings of tracing.
//!
//! In: `tracing` of a connection manager, `tracing` and `decorator` of a route. Out: shares, tags and
//! the tracer, with Envoy's defaults filled in; and what of it is not enforced.

use std::time::Duration;

use sluicegate_xds::{
    any,
    otlp::{AnyValue, KeyValue, any_value},
    pb::envoy::{
        config::{
            core::v3::{GrpcService, grpc_service::TargetSpecifier},
            route::v3::Route,
            trace::v3::{OpenTelemetryConfig, tracing::http},
        },
        extensions::{
            filters::network::http_connection_manager::v3::{
                HttpConnectionManager, http_connection_manager::Tracing as Proto,
            },
            request_id::uuid::v3::UuidRequestIdConfig,
        },
        r#type::{
            tracing::v3::{CustomTag as ProtoTag, custom_tag::Type},
            v3::{FractionalPercent, Percent, fractional_percent::DenominatorType},
        },
    },
};

use super::{
    compile::Names,
    value::{duration, flag, number},
};
use crate::{
    route::Format,
    trace::{
        Collector, CustomTag, Decorator, RequestIds, RouteTracing, Sampling, Share, SpanNames,
        Tracing, Value,
    },
};

/// Settings of a connection manager.
pub(super) fn of_manager(
    manager: &HttpConnectionManager,
    names: &mut Names,
) -> Result<Option<Tracing>, String> {
    let Some(proto) = &manager.tracing else {
        return Ok(None);
    };
    let collector = open_telemetry(proto).and_then(|config| collector(&config));
    Ok(Some(Tracing {
        tracer: collector.map(|collector| names.tracer(collector)),
        sampling: Sampling {
            client: percent(proto.client_sampling, 100),
            random: percent(proto.random_sampling, 10_000),
            overall: percent(proto.overall_sampling, 100),
        },
        request_ids: request_ids(manager),
        tags: tags(&proto.custom_tags)?,
        names: span_names(&proto.operation, &proto.upstream_operation)?,
        max_path: number(proto.max_path_tag_length.as_ref())
            .map_or(MAX_PATH, |length| length as usize),
        spawn_upstream_span: flag(proto.spawn_upstream_span.as_ref(), false),
    }))
}

/// Settings of a route, where it has any.
pub(super) fn of_route(route: &Route) -> Result<Option<RouteTracing>, String> {
    if route.tracing.is_none() && route.decorator.is_none() {
        return Ok(None);
    }
    let tracing = route.tracing.as_ref();
    let names = tracing.map(|tracing| span_names(&tracing.operation, &tracing.upstream_operation));
    Ok(Some(RouteTracing {
        names: names.transpose()?.unwrap_or_default(),
        sampling: tracing.map(|tracing| Sampling {
            client: fraction(tracing.client_sampling.as_ref()),
            random: fraction(tracing.random_sampling.as_ref()),
            overall: fraction(tracing.overall_sampling.as_ref()),
        }),
        tags: tags(tracing.map_or(&[], |tracing| &tracing.custom_tags))?,
        decorator: route.decorator.as_ref().map(|decorator| Decorator {
            operation: decorator.operation.clone(),
            propagate: flag(decorator.propagate.as_ref(), true),
        }),
    }))
}

/// What of a connection manager's settings is not enforced.
pub(super) fn unsupported(manager: &HttpConnectionManager) -> Vec<&'static str> {
    let Some(proto) = &manager.tracing else {
        return Vec::new();
    };
    let config = open_telemetry(proto);
    let grpc = config
        .as_ref()
        .and_then(|config| config.grpc_service.as_ref());
    let mut fields = Vec::new();
    let mut add = |unsupported: bool, field| {
        if unsupported {
            fields.push(field);
        }
    };
    add(has_metadata_tag(&proto.custom_tags), METADATA_TAG);
    add(
        proto.provider.is_some() && config.is_none(),
        "tracing.provider other than envoy.tracers.opentelemetry",
    );
    add(
        grpc.is_some_and(|grpc| !matches!(target(grpc), Some((cluster, _)) if !cluster.is_empty())),
        "tracing.provider.grpc_service other than envoy_grpc",
    );
    if let Some(config) = &config {
        add(
            config.http_service.is_some(),
            "tracing.provider.http_service",
        );
        add(
            !config.resource_detectors.is_empty(),
            "tracing.provider.resource_detectors",
        );
        add(config.sampler.is_some(), "tracing.provider.sampler");
    }
    let names = span_names(&proto.operation, &proto.upstream_operation);
    fields.extend(unfilled(tags(&proto.custom_tags), names));
    fields
}

/// The same of a route.
pub(super) fn unsupported_of_route(route: &Route) -> Vec<&'static str> {
    let Some(tracing) = &route.tracing else {
        return Vec::new();
    };
    let names = span_names(&tracing.operation, &tracing.upstream_operation);
    let mut fields = unfilled(tags(&tracing.custom_tags), names);
    if has_metadata_tag(&tracing.custom_tags) {
        fields.push(METADATA_TAG);
    }
    fields
}

/// Operators that are never filled in. What is no format at all is refused elsewhere.
fn unfilled(
    tags: Result<Vec<CustomTag>, String>,
    names: Result<SpanNames, String>,
) -> Vec<&'static str> {
    let (tags, names) = (tags.unwrap_or_default(), names.unwrap_or_default());
    let of_tags = tags.iter().filter_map(|tag| match &tag.value {
        Value::Format(format) => Some(format),
        Value::Constant(_) | Value::Field(..) => None,
    });
    let formats = of_tags.chain(&names.request).chain(&names.attempt);
    formats.flat_map(Format::unfilled).collect()
}

fn has_metadata_tag(tags: &[ProtoTag]) -> bool {
    let from_metadata = |tag: &ProtoTag| matches!(tag.r#type, Some(Type::Metadata(_)));
    tags.iter().any(from_metadata)
}

fn span_names(request: &str, attempt: &str) -> Result<SpanNames, String> {
    let format = |text: &str| {
        (!text.is_empty())
            .then(|| Format::compile(text))
            .transpose()
    };
    Ok(SpanNames {
        request: format(request)?,
        attempt: format(attempt)?,
    })
}

fn tags(protos: &[ProtoTag]) -> Result<Vec<CustomTag>, String> {
    let tags = protos.iter().map(tag).filter_map(Result::transpose);
    tags.collect()
}

fn tag(tag: &ProtoTag) -> Result<Option<CustomTag>, String> {
    let Some(of) = &tag.r#type else {
        return Ok(None);
    };
    let value = match of {
        Type::Literal(literal) => Value::Constant(literal.value.clone()),
        Type::Environment(environment) => {
            let found = std::env::var(&environment.name).ok();
            Value::Constant(found.unwrap_or_else(|| environment.default_value.clone()))
        }
        Type::RequestHeader(header) => {
            Value::Field(header.name.clone(), header.default_value.clone())
        }
        // Nothing here has metadata.
        Type::Metadata(metadata) => Value::Constant(metadata.default_value.clone()),
        Type::Value(text) => Value::Format(Format::compile(text)?),
    };
    Ok(Some(CustomTag {
        name: tag.tag.clone(),
        value,
    }))
}

fn open_telemetry(proto: &Proto) -> Option<OpenTelemetryConfig> {
    match proto.provider.as_ref()?.config_type.as_ref()? {
        http::ConfigType::TypedConfig(packed) => any::unpack(packed),
    }
}

/// The cluster of a service, and what it is called there.
fn target(grpc: &GrpcService) -> Option<(&str, &str)> {
    match grpc.target_specifier.as_ref()? {
        TargetSpecifier::EnvoyGrpc(envoy) => Some((&envoy.cluster_name, &envoy.authority)),
        TargetSpecifier::GoogleGrpc(_) => None,
    }
}

fn collector(config: &OpenTelemetryConfig) -> Option<Collector> {
    let grpc = config.grpc_service.as_ref()?;
    let (cluster, authority) = target(grpc)?;
    let authority = if authority.is_empty() {
        cluster
    } else {
        authority
    };
    let metadata = grpc.initial_metadata.iter();
    let limit = grpc.timeout.as_ref().map(duration);
    Some(Collector {
        cluster: cluster.to_owned(),
        authority: authority.to_owned(),
        metadata: metadata
            .map(|field| (field.key.to_ascii_lowercase(), field.value.clone()))
            .collect(),
        timeout: limit.filter(|limit| *limit > Duration::ZERO),
        resource: resource(config),
        scope: flag(config.set_instrumentation_scope.as_ref(), true),
        capacity: number(config.max_cache_size.as_ref()).map_or(CAPACITY, |size| size as usize),
    })
}

fn resource(config: &OpenTelemetryConfig) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    let mut add = |name: &str, value: &str| {
        attributes.push(KeyValue {
            key: name.to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(value.to_owned())),
            }),
            ..KeyValue::default()
        });
    };
    if flag(config.set_telemetry_sdk_resource_attributes.as_ref(), true) {
        add("telemetry.sdk.language", "rust");
        add("telemetry.sdk.name", "sluicegate");
        add("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
    }
    if flag(config.set_service_name_resource_attribute.as_ref(), true) {
        let name = config.service_name.as_str();
        let name = if name.is_empty() { UNKNOWN } else { name };
        add("service.name", name);
    }
    attributes
}

fn request_ids(manager: &HttpConnectionManager) -> RequestIds {
    let extension = manager.request_id_extension.as_ref();
    let packed = extension.and_then(|extension| extension.typed_config.as_ref());
    let config = packed.and_then(any::unpack::<UuidRequestIdConfig>);
    let config = config.unwrap_or_default();
    RequestIds {
        pack: flag(config.pack_trace_reason.as_ref(), true),
        sample: flag(config.use_request_id_for_trace_sampling.as_ref(), true),
    }
}

/// A percentage in parts of `denominator`.
fn percent(percent: Option<Percent>, denominator: u32) -> Share {
    let value = percent.map_or(100.0, |percent| percent.value.clamp(0.0, 100.0));
    let parts = value * f64::from(denominator) / 100.0;
    // Envoy rounds hundredths of a percent, and cuts percents off.
    let parts = if denominator == 100 {
        parts.trunc()
    } else {
        parts.round()
    };
    Share {
        numerator: parts as u32,
        denominator,
    }
}

fn fraction(fraction: Option<&FractionalPercent>) -> Share {
    fraction.map_or(Share::ALL, |fraction| Share {
        numerator: fraction.numerator,
        denominator: match fraction.denominator() {
            DenominatorType::Hundred => 100,
            DenominatorType::TenThousand => 10_000,
            DenominatorType::Million => 1_000_000,
        },
    })
}

const METADATA_TAG: &str = "tracing.custom_tags from metadata";
// Envoy defaults.
const MAX_PATH: usize = 256;
const CAPACITY: usize = 1024;
const UNKNOWN: &str = "unknown_service:envoy";

#[cfg(test)]
mod tests {
    use sluicegate_xds::pb::envoy::{
        config::trace::v3::tracing::Http, r#type::tracing::v3::custom_tag::Metadata,
    };

    use super::*;

    fn manager(change: impl FnOnce(&mut Proto, &mut OpenTelemetryConfig)) -> HttpConnectionManager {
        let mut config = OpenTelemetryConfig::default();
        let mut proto = Proto::default();
        change(&mut proto, &mut config);
        proto.provider.get_or_insert_with(|| Http {
            name: "envoy.tracers.opentelemetry".to_owned(),
            config_type: Some(http::ConfigType::TypedConfig(any::pack(&config))),
        });
        HttpConnectionManager {
            tracing: Some(proto),
            ..HttpConnectionManager::default()
        }
    }

    #[test]
    fn what_is_not_enforced_is_told() {
        assert!(unsupported(&HttpConnectionManager::default()).is_empty());
        assert!(unsupported(&manager(|_, _| {})).is_empty());
        let all = manager(|proto, config| {
            proto.operation = "%REQ(a)% %FILTER_STATE(a)%".to_owned();
            let kind = Some(Type::Metadata(Metadata::default()));
            proto.custom_tags = vec![ProtoTag {
                tag: "a".to_owned(),
                r#type: kind,
            }];
            config.grpc_service = Some(GrpcService::default());
            config.http_service = Some(Default::default());
            config.resource_detectors = vec![Default::default()];
            config.sampler = Some(Default::default());
        });
        assert_eq!(
            unsupported(&all),
            [
                "tracing.custom_tags from metadata",
                "tracing.provider.grpc_service other than envoy_grpc",
                "tracing.provider.http_service",
                "tracing.provider.resource_detectors",
                "tracing.provider.sampler",
                "the operator %FILTER_STATE%",
            ]
        );
        let other = manager(|proto, _| proto.provider = Some(Http::default()));
        assert_eq!(
            unsupported(&other),
            ["tracing.provider other than envoy.tracers.opentelemetry"]
        );
    }

    #[test]
    fn percentages_are_shares() {
        let share = |value, of| percent(Some(Percent { value }), of).numerator;
        assert_eq!([share(12.345, 10_000), share(12.9, 100)], [1235, 12]);
        assert_eq!(percent(None, 10_000).numerator, 10_000);
        assert_eq!([share(-1.0, 100), share(1e9, 100)], [0, 100]);
    }
}
