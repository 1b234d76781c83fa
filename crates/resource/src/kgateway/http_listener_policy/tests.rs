// SPDX-License-Identifier: Apache-2.0
//! What HTTPListenerPolicies say about telemetry, and what is said about them.

use std::sync::Arc;

use super::HttpListenerPolicy;
use crate::{
    Object,
    telemetry::{Comparison, ComparisonOp, LogFilter},
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn policy(spec: &str) -> Arc<Object<HttpListenerPolicy>> {
    let spec = match spec.contains("targetRefs") {
        true => spec.to_owned(),
        false => format!(
            "targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: g}}]\n{spec}"
        ),
    };
    let store = store(&manifest(
        "gateway.kgateway.dev/v1alpha1",
        "HTTPListenerPolicy",
        &spec,
    ));
    let policy = store.http_listener_policies.into_values().next();
    policy.unwrap_or_else(|| panic!("{:#?}", store.diagnostics))
}

/// The filter of a log that has it, and what was said.
fn filter(filter: &str) -> Option<LogFilter> {
    let found = policy(&format!(
        "accessLog: [{{fileSink: {{path: /a, stringFormat: x}}, filter: {filter}}}]"
    ));
    assert!(found.is_valid(), "{filter}: {:#?}", found.diagnostics);
    found.spec.access_logs[0].filter.clone()
}

#[test]
fn filters_are_a_union() {
    let at_least = |value| {
        LogFilter::StatusCode(Comparison {
            op: ComparisonOp::GreaterOrEqual,
            value,
        })
    };
    let errors = "statusCodeFilter: {op: GE, value: 500}";
    assert_eq!(filter(&format!("{{{errors}}}")), Some(at_least(500)));
    let both = format!("{{andFilter: [{{{errors}}}, {{notHealthCheckFilter: true}}]}}");
    assert_eq!(
        filter(&both),
        Some(LogFilter::And(vec![
            at_least(500),
            LogFilter::NotHealthCheck
        ]))
    );
    let flags = filter("{responseFlagFilter: {flags: [UF, NR]}}");
    assert_eq!(
        flags,
        Some(LogFilter::ResponseFlags(vec!["UF".into(), "NR".into()]))
    );
    let statuses = filter("{grpcStatusFilter: {statuses: [NOT_FOUND], exclude: true}}");
    assert_eq!(
        statuses,
        Some(LogFilter::GrpcStatus {
            statuses: vec!["NOT_FOUND"],
            exclude: true
        })
    );
    assert!(matches!(
        filter("{headerFilter: {header: {name: X-A, value: b}}}"),
        Some(LogFilter::Header(header)) if header.name == "x-a"
    ));
}

/// CEL lets everything through: beside it in an `andFilter` the others hold, in an `orFilter` nothing.
#[test]
fn expressions_let_everything_through() {
    let cel = "{celFilter: {match: 'response.code > 1'}}";
    assert_eq!(filter(cel), None);
    let with = |name: &str| filter(&format!("{{{name}: [{cel}, {{traceableFilter: true}}]}}"));
    assert_eq!(with("andFilter"), Some(LogFilter::Traceable));
    assert_eq!(with("orFilter"), None);
}

#[test]
fn traces_have_attributes() {
    let found = policy(
        "tracing: {provider: {openTelemetry: {grpcService: {backendRef: {name: otel, port: 4317}}, serviceName: edge}}, \
         randomSampling: 10, spawnUpstreamSpan: true, attributes: [{name: a, literal: {value: b}}, {name: c, requestHeader: {name: x-c}}]}",
    );
    assert_verdicts("", &found.diagnostics, &[]);
    let tracing = found.spec.tracing.as_ref().expect("tracing");
    assert!((tracing.random_sampling - 10.0).abs() < 1e-9 && tracing.spawn_upstream_span);
    assert_eq!(tracing.service_name.as_deref(), Some("edge"));
    assert_eq!(tracing.custom_tags.len(), 2);
}

#[test]
fn what_is_wrong_or_not_implemented_is_named() {
    let cases: [(&str, &[Verdict<'_>]); 8] = [
        (
            "useRemoteAddress: true\naccessLog: [{openTelemetry: {}}, {grpcService: {}}]",
            &[
                ("unsupported-field", "spec.useRemoteAddress", "is not read"),
                (
                    "unsupported-field",
                    "spec.accessLog[0].openTelemetry",
                    "nothing is sent",
                ),
                (
                    "unsupported-field",
                    "spec.accessLog[1].grpcService",
                    "nothing is sent",
                ),
            ],
        ),
        (
            "accessLog: [{}]",
            &[("invalid-value", "spec.accessLog[0]", "one of [fileSink")],
        ),
        (
            "accessLog: [{fileSink: {path: /a}}]",
            &[(
                "invalid-value",
                "spec.accessLog[0].fileSink",
                "exactly one of",
            )],
        ),
        (
            "accessLog: [{fileSink: {path: /a, jsonFormat: {a: ['%NOPE%']}}}]",
            &[(
                "invalid-value",
                "spec.accessLog[0].fileSink.jsonFormat.a",
                "there is no %NOPE%",
            )],
        ),
        (
            "accessLog: [{fileSink: {path: /a, stringFormat: a}, filter: {responseFlagFilter: {flags: [XX]}}}]",
            &[(
                "unsupported-value",
                "spec.accessLog[0].filter.responseFlagFilter.flags[0]",
                "supported values",
            )],
        ),
        (
            "accessLog: [{fileSink: {path: /a, stringFormat: a}, filter: {}}]",
            &[(
                "invalid-value",
                "spec.accessLog[0].filter",
                "exactly one of",
            )],
        ),
        (
            "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]",
            &[(
                "invalid-value",
                "spec.targetRefs[0]",
                "may only reference Gateway",
            )],
        ),
        (
            "tracing: {provider: {openTelemetry: {grpcService: {backendRef: {name: otel}}}}}",
            &[(
                "invalid-value",
                "spec.tracing.provider.openTelemetry.grpcService.backendRef",
                "Must have port",
            )],
        ),
    ];
    for (spec, expected) in cases {
        assert_verdicts(spec, &policy(spec).diagnostics, expected);
    }
}
