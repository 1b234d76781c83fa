// SPDX-License-Identifier: Apache-2.0
//! `telemetry.tracing` of an EnvoyProxy.
//!
//! In: the block. Out: traces for an OpenTelemetry collector; other providers are reported by name.

use crate::{
    admission::{Block, Field},
    codes,
    gateway::lone_backend,
    telemetry::{Collector, CustomTag, GatewayTracing, tracing},
    value::is_precise_hostname,
};

/// Where OpenTelemetry collectors listen for gRPC (Envoy Gateway default).
const OTLP_PORT: u16 = 4317;

pub(super) fn decode(field: &Field<'_>) -> Option<GatewayTracing> {
    field.object(|block| block_of(block, field)).flatten()
}

fn block_of(block: &Block<'_>, field: &Field<'_>) -> Option<GatewayTracing> {
    let rate = block.percent("samplingRate");
    let fraction = tracing::share(block, "samplingFraction");
    if let (Some(_), Some(field)) = (rate, block.optional("samplingFraction")) {
        field.reject("only one of SamplingRate or SamplingFraction can be specified");
    }
    let client_sampling = tracing::share(block, "clientSamplingFraction");
    let overall_sampling = tracing::share(block, "overallSamplingFraction");
    let tags = tracing::tags(block).into_iter();
    let tags = tags.map(|(name, format)| (name, CustomTag::Format(format)));
    let custom_tags = tags.chain(tracing::custom_tags(block)).collect();
    let span_names = tracing::span_names(block);
    let (collector, service_name) = block.required("provider")?.object(provider)??;
    Some(GatewayTracing {
        place: field.path(),
        collector,
        service_name,
        // Envoy Gateway defaults: every request by chance, none because a client asks for it.
        random_sampling: fraction.or(rate.map(f64::from)).unwrap_or(100.0),
        client_sampling: client_sampling.unwrap_or(0.0),
        overall_sampling: overall_sampling.unwrap_or(100.0),
        custom_tags,
        span_names,
        // Envoy Gateway's choice.
        spawn_upstream_span: true,
        verbose: false,
        max_path_tag_length: None,
    })
}

fn provider(block: &Block<'_>) -> Option<(Collector, Option<String>)> {
    block.unsupported(&["backendSettings", "backendRef", "openTelemetry"]);
    block.accept(&["zipkin"]);
    let service_name = block.string("serviceName").map(str::to_owned);
    let host = block.optional("host").and_then(|field| {
        let host = field.text(253)?;
        let valid = host.parse::<std::net::IpAddr>().is_ok()
            || is_precise_hostname(&host.to_ascii_lowercase());
        if !valid {
            field.reject_with(
                "must be an IP address or a DNS name",
                "write the host alone; the port has a field of its own",
            );
        }
        Some(host.to_owned())
    });
    let port = block.optional("port").and_then(|field| field.port());
    let backends = block.list("backendRefs", 0..=1);
    let backend = backends.first().and_then(lone_backend);
    let kind = block.required("type")?;
    let name = kind.word(&["OpenTelemetry", "Zipkin", "Datadog"])?;
    if name != "OpenTelemetry" {
        kind.warn(
            codes::UNSUPPORTED_FIELD,
            format!("provider `{name}` is accepted but not implemented: no spans are made"),
        );
        return None;
    }
    let collector = match (backend, host) {
        (Some(backend), _) => Collector::Backend(backend),
        (None, Some(host)) => Collector::Address {
            host,
            port: port.unwrap_or(OTLP_PORT),
        },
        (None, None) if backends.is_empty() => {
            block.field.reject("host or backendRefs needs to be set");
            return None;
        }
        (None, None) => return None,
    };
    Some((collector, service_name))
}
