// SPDX-License-Identifier: Apache-2.0
//! Bad HTTPListenerPolicies and EnvoyProxies, as in `crds_refused`.

const HLP: &str = "HTTPListenerPolicy";
const PROXY: &str = "EnvoyProxy";

/// The manifests.
pub(crate) const REFUSED: &[(&str, &str, &str)] = &[
    (
        HLP,
        "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]",
        "targetRefs may only reference Gateway resources",
    ),
    (
        HLP,
        "accessLog: [{}]",
        "set at least one of fileSink, grpcService, openTelemetry",
    ),
    (
        HLP,
        "accessLog: [{fileSink: {path: /a}}]",
        "set exactly one of stringFormat, jsonFormat",
    ),
    (
        HLP,
        "accessLog: [{fileSink: {path: /a, stringFormat: a}, filter: {andFilter: [{}, {traceableFilter: true}]}}]",
        "set exactly one of statusCodeFilter, durationFilter, notHealthCheckFilter",
    ),
    (
        HLP,
        "tracing: {provider: {openTelemetry: {grpcService: {backendRef: {name: otel}}}}}",
        "Must have port for Service reference",
    ),
    (
        HLP,
        "tracing: {provider: {openTelemetry: {grpcService: {backendRef: {name: otel, port: 1}}}}, attributes: [{name: a}]}",
        "set exactly one of literal, environment, requestHeader, metadata",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{format: {type: Text}, sinks: [{type: File, file: {path: /a}}]}]}}",
        "text must be set when type is Text",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{format: {type: JSON}, sinks: [{type: File, file: {path: /a}}]}]}}",
        "json must be set when type is JSON",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{format: {text: a, json: {a: b}}, sinks: [{type: File, file: {path: /a}}]}]}}",
        "set at most one of text, json",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{sinks: [{type: File}]}]}}",
        "file must be set when type is File",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{sinks: [{type: ALS}]}]}}",
        "als must be set when type is ALS",
    ),
    (
        PROXY,
        "telemetry: {accessLog: {settings: [{sinks: [{type: OpenTelemetry}]}]}}",
        "openTelemetry must be set when type is OpenTelemetry",
    ),
    (
        PROXY,
        "telemetry: {tracing: {provider: {type: OpenTelemetry}}}",
        "host or backendRefs needs to be set",
    ),
    (
        PROXY,
        "telemetry: {tracing: {samplingRate: 1, samplingFraction: {numerator: 1}, provider: {type: OpenTelemetry, host: a}}}",
        "set at most one of samplingRate, samplingFraction",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyService: {type: ClusterIP, allocateLoadBalancerNodePorts: true}}}",
        "allocateLoadBalancerNodePorts may only be set when type is LoadBalancer",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyService: {type: ClusterIP, loadBalancerClass: a}}}",
        "loadBalancerClass may only be set when type is LoadBalancer",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyService: {type: ClusterIP, loadBalancerIP: 192.0.2.1}}}",
        "loadBalancerIP may only be set when type is LoadBalancer",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyService: {type: ClusterIP, loadBalancerSourceRanges: [192.0.2.0/24]}}}",
        "loadBalancerSourceRanges may only be set when type is LoadBalancer",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyHpa: {minReplicas: 3, maxReplicas: 2}}}",
        "maxReplicas cannot be less than minReplicas",
    ),
    (
        PROXY,
        "provider: {type: Kubernetes, kubernetes: {envoyPDB: {minAvailable: 1, maxUnavailable: 1}}}",
        "set at most one of minAvailable, maxUnavailable",
    ),
];
