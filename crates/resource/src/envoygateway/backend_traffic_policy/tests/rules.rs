// SPDX-License-Identifier: Apache-2.0
//! The rules over several fields, by the numbers of the specification (V1 to V19).

mod filters;
mod load_balancing;

use super::{Row, accepts, refuses};

const INVALID: &str = "invalid-value";
const REQUIRED: &str = "required-value";

#[test]
fn targets_and_merging() {
    let rows: &[Row<'_>] = &[
        (
            "V1 no target",
            "targetRefs: []",
            &[(
                INVALID,
                "spec",
                "one of the fields in [targetRef targetRefs targetSelectors] must be set",
            )],
        ),
        (
            "V2 group",
            "targetRef: {group: apps, kind: HTTPRoute, name: r}",
            &[(
                INVALID,
                "spec.targetRef",
                "group must be gateway.networking.k8s.io",
            )],
        ),
        (
            "V2 group of backends",
            "targetRefs: [{group: '', kind: Service, name: s}]",
            &[(
                INVALID,
                "spec.targetRefs[0]",
                "a BackendConfigPolicy targets backends",
            )],
        ),
        (
            "V2 kind",
            "targetRef: {kind: HTTPRout, name: r}",
            &[(INVALID, "spec.targetRef", "did you mean `HTTPRoute`?")],
        ),
        (
            "V2 kind of a selector",
            "targetSelectors: [{kind: Service}]",
            &[(
                INVALID,
                "spec.targetSelectors[0]",
                "[Gateway ListenerSet HTTPRoute GRPCRoute TCPRoute UDPRoute TLSRoute]",
            )],
        ),
        (
            "V3",
            "targetRef: {kind: Gateway, name: g}\nmergeType: StrategicMerge",
            &[(
                INVALID,
                "spec.mergeType",
                "only be set when every target is a route",
            )],
        ),
        (
            "V3 with a selector",
            "targetRef: {kind: HTTPRoute, name: r}\ntargetSelectors: [{kind: ListenerSet}]\nmergeType: JSONMerge",
            &[(
                INVALID,
                "spec.mergeType",
                "only be set when every target is a route",
            )],
        ),
    ];
    refuses(rows);
    accepts(&[
        ("V3 routes", "mergeType: StrategicMerge", &[]),
        ("V3 JSON", "mergeType: JSONMerge", &[]),
        (
            "V3 Replace is tolerated, on Gateways too",
            "targetRef: {kind: Gateway, name: g}\nmergeType: Replace",
            &[],
        ),
    ]);
}

#[test]
fn exclusions() {
    refuses(&[
        (
            "V4",
            "compression: [{type: Gzip}]\ncompressor: [{type: Gzip, gzip: {}}]",
            &[(INVALID, "spec.compression", "may not be set together")],
        ),
        (
            "V5",
            "httpUpgrade: [{type: websocket}]\nrequestBuffer: {limit: 4Ki}",
            &[(INVALID, "spec.requestBuffer", "may not be set together")],
        ),
        (
            "V6",
            "targetRef: {kind: TCPRoute, name: r}\nadmissionControl: {}",
            &[(INVALID, "spec.admissionControl", "HTTPRoute or GRPCRoute")],
        ),
        (
            "V7 without loadBalancer",
            "connection: {preconnect: {predictivePercent: 150}}",
            &[(
                INVALID,
                "spec.connection.preconnect.predictivePercent",
                "needs loadBalancer.type Random or RoundRobin",
            )],
        ),
        (
            "V7 another type",
            "loadBalancer: {type: LeastRequest}\nconnection: {preconnect: {predictivePercent: 150}}",
            &[(
                INVALID,
                "spec.connection.preconnect.predictivePercent",
                "needs loadBalancer.type",
            )],
        ),
    ]);
    accepts(&[
        (
            "V5 empty",
            "httpUpgrade: []\nrequestBuffer: {limit: 1}",
            &[],
        ),
        (
            "V6",
            "targetRef: {kind: ListenerSet, name: l}\nadmissionControl: {}",
            &[],
        ),
        (
            "V7",
            "loadBalancer: {type: Random}\nconnection: {preconnect: {predictivePercent: 100}}",
            &[],
        ),
        (
            "V7 per endpoint",
            "connection: {preconnect: {perEndpointPercent: 300}}",
            &[],
        ),
    ]);
}

#[test]
fn health_checks() {
    const ACTIVE: &str = "spec.healthCheck.active";
    refuses(&[
        (
            "V12 http without type HTTP",
            "healthCheck: {active: {type: TCP, tcp: {}, http: {path: /}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.http",
                "may only be set when type is HTTP",
            )],
        ),
        (
            "V12 type HTTP without http",
            "healthCheck: {active: {type: HTTP}}",
            &[(REQUIRED, "spec.healthCheck.active.http", "Required")],
        ),
        (
            "V12 type TCP without tcp",
            "healthCheck: {active: {type: TCP}}",
            &[(REQUIRED, "spec.healthCheck.active.tcp", "Required")],
        ),
        (
            "V12 grpc only with GRPC",
            "healthCheck: {active: {type: HTTP, http: {path: /}, grpc: {}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.grpc",
                "may only be set when type is GRPC",
            )],
        ),
        (
            "V12 two blocks and no type",
            "healthCheck: {active: {http: {path: /}, tcp: {}}}",
            &[(
                INVALID,
                ACTIVE,
                "at most one of the fields in [http tcp grpc]",
            )],
        ),
        (
            "V13 text with Binary",
            "healthCheck: {active: {tcp: {send: {type: Binary, text: a}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.tcp.send.text",
                "when type is Text",
            )],
        ),
        (
            "V13 binary with Text",
            "healthCheck: {active: {tcp: {receive: {type: Text, binary: YQ==}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.tcp.receive.binary",
                "when type is Binary",
            )],
        ),
        (
            "V13 both",
            "healthCheck: {active: {http: {path: /, expectedResponse: {text: a, binary: YQ==}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.http.expectedResponse",
                "at most one of",
            )],
        ),
        (
            "V13 neither",
            "healthCheck: {active: {http: {path: /, expectedResponse: {type: Text}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.http.expectedResponse",
                "one of the fields",
            )],
        ),
        (
            "V14",
            "healthCheck: {active: {http: {path: /, requestBody: {text: a}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.http.requestBody",
                "POST or PUT",
            )],
        ),
        (
            "V15 matches",
            "healthCheck: {active: {tcp: {}, healthCheckLog: {matches: [Failure]}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.healthCheckLog",
                "needs a success kind",
            )],
        ),
        (
            "V15 sink",
            "healthCheck: {active: {tcp: {}, healthCheckLog: {sinks: [{type: File}]}}}",
            &[(
                REQUIRED,
                "spec.healthCheck.active.healthCheckLog.sinks[0]",
                "file must be set when type is File",
            )],
        ),
    ]);
    accepts(&[
        (
            "V12 grpc may be absent",
            "healthCheck: {active: {type: GRPC}}",
            &[],
        ),
        (
            "V14 in any case",
            "healthCheck: {active: {http: {path: /, method: post, requestBody: {text: a}}}}",
            &[],
        ),
        (
            "V15",
            "healthCheck: {active: {tcp: {}, healthCheckLog: {matches: [FailureSeriesStart, HealthyTransition], sinks: [{type: File, file: {path: /x}}]}}}",
            &[],
        ),
    ]);
}

#[test]
fn connections_and_filters() {
    refuses(&[
        (
            "V16",
            "http2: {connectionKeepalive: {interval: 10s, timeout: 10s}}",
            &[(
                INVALID,
                "spec.http2.connectionKeepalive.timeout",
                "must be less than interval",
            )],
        ),
        (
            "V17 neither",
            "faultInjection: {}",
            &[(INVALID, "spec.faultInjection", "at least one of")],
        ),
        (
            "V17 two statuses",
            "faultInjection: {abort: {httpStatus: 503, grpcStatus: 14}}",
            &[(INVALID, "spec.faultInjection.abort", "exactly one of")],
        ),
        (
            "V17 no status",
            "faultInjection: {abort: {percentage: 5}}",
            &[(INVALID, "spec.faultInjection.abort", "exactly one of")],
        ),
        (
            "V19",
            "connection: {connectionLimit: {closeDelay: 5s}}",
            &[(
                REQUIRED,
                "spec.connection.connectionLimit.closeDelay",
                "closeDelay needs `value`",
            )],
        ),
    ]);
}
