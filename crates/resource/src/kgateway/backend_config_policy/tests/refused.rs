// SPDX-License-Identifier: Apache-2.0
//! Every rule of the schema, and every value that Envoy would refuse.

use crate::testing::{Verdict, assert_verdicts, policy};

fn refuses(cases: &[(&str, Verdict<'_>)]) {
    for (spec, expected) in cases {
        let policy = policy(spec);
        assert!(!policy.is_valid(), "{spec}");
        assert_verdicts(spec, &policy.diagnostics, &[*expected]);
    }
}

#[test]
fn targets() {
    const NAMES: &str = "spec.targetRefs[0]";
    refuses(&[
        (
            "targetRefs: []",
            (
                "invalid-value",
                "spec.targetRefs",
                "must have at least 1 items",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Gateway, name: a}]",
            ("invalid-value", NAMES, "name the Service behind"),
        ),
        (
            "targetRefs: [{group: '', kind: service, name: a}]",
            (
                "invalid-value",
                NAMES,
                "write `group: \"\"` and `kind: Service`",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Backend, name: a}]",
            (
                "invalid-value",
                NAMES,
                "write `group: gateway.kgateway.dev`",
            ),
        ),
        (
            "targetRefs: [{kind: Service, name: a}]",
            (
                "required-value",
                "spec.targetRefs[0].group",
                "Required value",
            ),
        ),
        (
            "targetRefs: [{group: '', name: a}]",
            (
                "required-value",
                "spec.targetRefs[0].kind",
                "Required value",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Service}]",
            (
                "required-value",
                "spec.targetRefs[0].name",
                "Required value",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Service, name: ''}]",
            (
                "invalid-value",
                "spec.targetRefs[0].name",
                "at least 1 chars",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Service, name: a, namespace: b}]",
            (
                "unknown-field",
                "spec.targetRefs[0].namespace",
                "its own namespace",
            ),
        ),
        (
            "targetRefs: [{group: '', kind: Service, name: a, sectionName: b}]",
            (
                "unknown-field",
                "spec.targetRefs[0].sectionName",
                "every port",
            ),
        ),
        (
            "targetSelectors: [{group: '', kind: Service}]",
            (
                "required-value",
                "spec.targetSelectors[0].matchLabels",
                "Required value",
            ),
        ),
        (
            "targetSelectors: [{group: '', kind: Service, matchLabels: {a: 1}}]",
            (
                "invalid-type",
                "spec.targetSelectors[0].matchLabels.a",
                "put it in quotes: \"1\"",
            ),
        ),
        (
            "targetSelectors: [{group: networking.istio.io, kind: ServiceEntry, matchLabels: {a: b}}]",
            (
                "invalid-value",
                "spec.targetSelectors[0]",
                "must reference a Service",
            ),
        ),
    ]);
    let many = format!(
        "targetRefs: [{}]",
        vec!["{group: '', kind: Service, name: a}"; 17].join(", ")
    );
    refuses(&[(
        many.as_str(),
        (
            "too-many",
            "spec.targetRefs",
            "Too many: 17: must have at most 16 items",
        ),
    )]);
}

#[test]
fn connection() {
    refuses(&[
        (
            "connectTimeout: 0s",
            ("invalid-value", "spec.connectTimeout", "greater than 0s"),
        ),
        (
            "connectTimeout: 5",
            ("invalid-type", "spec.connectTimeout", "write \"5s\""),
        ),
        (
            "connectTimeout: '5'",
            ("invalid-value", "spec.connectTimeout", "write \"5s\""),
        ),
        (
            "connectTimeout: '0'",
            ("invalid-value", "spec.connectTimeout", "write \"0s\""),
        ),
        (
            "connectTimeout: 1.5s",
            ("invalid-value", "spec.connectTimeout", "write \"1500ms\""),
        ),
        (
            "connectTimeout: 100000s",
            ("invalid-value", "spec.connectTimeout", "in hours"),
        ),
        (
            "connectTimeout: -1s",
            (
                "invalid-value",
                "spec.connectTimeout",
                "invalid duration value",
            ),
        ),
        (
            "connectTimeout: 5us",
            ("invalid-value", "spec.connectTimeout", "units"),
        ),
        (
            "connectTimeout: true",
            ("invalid-type", "spec.connectTimeout", "type string"),
        ),
        (
            "perConnectionBufferLimitBytes: -1",
            (
                "invalid-value",
                "spec.perConnectionBufferLimitBytes",
                "greater than or equal to 0",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: 2147483648",
            (
                "invalid-value",
                "spec.perConnectionBufferLimitBytes",
                "equal to 2147483647",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: '1024'",
            (
                "invalid-type",
                "spec.perConnectionBufferLimitBytes",
                "write 1024 without quotes",
            ),
        ),
        (
            "perConnectionBufferLimitBytes: 1.5",
            (
                "invalid-type",
                "spec.perConnectionBufferLimitBytes",
                "type integer",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveProbes: -1}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveProbes",
                "equal to 0",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveTime: 999ms}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveTime",
                "must be at least 1s",
            ),
        ),
        (
            "tcpKeepalive: {keepAliveInterval: 0s}",
            (
                "invalid-value",
                "spec.tcpKeepalive.keepAliveInterval",
                "must be at least 1s",
            ),
        ),
        (
            "tcpKeepalive: 5s",
            ("invalid-type", "spec.tcpKeepalive", "type object"),
        ),
        (
            "dns: {refreshRate: 1ms}",
            ("invalid-value", "spec.dns.refreshRate", "at least 2ms"),
        ),
        (
            "dns: {refreshRate: 1s, jitter: 2s}",
            (
                "invalid-value",
                "spec.dns.jitter",
                "less than or equal to refreshRate",
            ),
        ),
        (
            "dns: {respectTTL: 'yes'}",
            (
                "invalid-type",
                "spec.dns.respectTTL",
                "write true without quotes",
            ),
        ),
        (
            "upstreamProxyProtocol: {version: v2}",
            (
                "unsupported-value",
                "spec.upstreamProxyProtocol.version",
                "did you mean `V2`?",
            ),
        ),
        (
            "upstreamProxyProtocol: {version: V3}",
            (
                "unsupported-value",
                "spec.upstreamProxyProtocol.version",
                "Unsupported value: \"V3\": supported values: \"V1\", \"V2\"",
            ),
        ),
    ]);
}

#[test]
fn http() {
    const COMMON: &str = "spec.commonHttpProtocolOptions";
    let common = |name: &str| format!("{COMMON}.{name}");
    let (count, requests) = (
        common("maxHeadersCount"),
        common("maxRequestsPerConnection"),
    );
    let action = common("headersWithUnderscoresAction");
    refuses(&[
        (
            "commonHttpProtocolOptions: {maxHeadersCount: 0}",
            ("invalid-value", &count, "greater than or equal to 1"),
        ),
        (
            "commonHttpProtocolOptions: {maxRequestsPerConnection: -1}",
            ("invalid-value", &requests, "greater than or equal to 0"),
        ),
        (
            "commonHttpProtocolOptions: {headersWithUnderscoresAction: REJECT_REQUEST}",
            (
                "unsupported-value",
                &action,
                "did you mean `RejectRequest`?",
            ),
        ),
        (
            "http1ProtocolOptions: {}\nhttp2ProtocolOptions: {}",
            (
                "invalid-value",
                "spec",
                "at most one of http1ProtocolOptions or http2",
            ),
        ),
        (
            "http1ProtocolOptions: {enableTrailers: 1}",
            (
                "invalid-type",
                "spec.http1ProtocolOptions.enableTrailers",
                "type boolean",
            ),
        ),
        (
            "http2ProtocolOptions: {initialStreamWindowSize: 65534}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialStreamWindowSize",
                "between 65535",
            ),
        ),
        (
            "http2ProtocolOptions: {initialConnectionWindowSize: 2Gi}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialConnectionWindowSize",
                "and 2147483647 inclusive",
            ),
        ),
        (
            "http2ProtocolOptions: {initialStreamWindowSize: lots}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.initialStreamWindowSize",
                "a quantity",
            ),
        ),
        (
            "http2ProtocolOptions: {maxConcurrentStreams: 0}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.maxConcurrentStreams",
                "equal to 1",
            ),
        ),
        (
            "http2ProtocolOptions: {connectionKeepalive: {interval: 5s}}",
            (
                "required-value",
                "spec.http2ProtocolOptions.connectionKeepalive.timeout",
                "Required value",
            ),
        ),
        (
            "http2ProtocolOptions: {connectionKeepalive: {timeout: 0s}}",
            (
                "invalid-value",
                "spec.http2ProtocolOptions.connectionKeepalive.timeout",
                "at least 1ms",
            ),
        ),
    ]);
}

#[test]
fn tls() {
    refuses(&[
        (
            "tls: {}",
            (
                "invalid-value",
                "spec.tls",
                "exactly one of the fields in [secretRef files",
            ),
        ),
        (
            "tls: {insecureSkipVerify: false, wellKnownCACertificates: System}",
            ("invalid-value", "spec.tls", "exactly one of the fields"),
        ),
        (
            "tls: {secretRef: {}}",
            (
                "required-value",
                "spec.tls.secretRef.name",
                "Required value",
            ),
        ),
        (
            "tls: {secretRef: {name: a, namespace: b}}",
            (
                "unknown-field",
                "spec.tls.secretRef.namespace",
                "policy's namespace",
            ),
        ),
        (
            "tls: {files: {}}",
            (
                "invalid-value",
                "spec.tls.files",
                "at least one of the fields",
            ),
        ),
        (
            "tls: {files: {tlsCertificate: /a}}",
            ("invalid-value", "spec.tls.files", "must be set together"),
        ),
        (
            "tls: {files: {rootCA: ''}}",
            ("invalid-value", "spec.tls.files.rootCA", "at least 1 chars"),
        ),
        (
            "tls: {wellKnownCACertificates: example.com/ca}",
            (
                "unsupported-value",
                "spec.tls.wellKnownCACertificates",
                "values: \"System\"",
            ),
        ),
        (
            "tls: {insecureSkipVerify: true, sni: ''}",
            ("invalid-value", "spec.tls.sni", "at least 1 chars"),
        ),
        (
            "tls: {files: {tlsCertificate: /a, tlsKey: /b}, verifySubjectAltNames: [a]}",
            (
                "invalid-value",
                "spec.tls",
                "verifySubjectAltNames needs a root CA",
            ),
        ),
        (
            "tls: {insecureSkipVerify: false, verifySubjectAltNames: [a]}",
            (
                "invalid-value",
                "spec.tls",
                "verifySubjectAltNames needs a root CA",
            ),
        ),
    ]);
}

#[test]
fn tls_parameters() {
    let cases = [
        (
            "minVersion: 1.2",
            "invalid-type",
            "minVersion",
            "put it in quotes: \"1.2\"",
        ),
        (
            "minVersion: '1.4'",
            "unsupported-value",
            "minVersion",
            "\"AUTO\", \"1.0\", \"1.1\"",
        ),
        (
            "{minVersion: '1.3', maxVersion: '1.2'}",
            "invalid-value",
            "",
            "less than or equal",
        ),
        (
            "cipherSuites: [NULL-MD5]",
            "invalid-value",
            "cipherSuites[0]",
            "unknown cipher suite",
        ),
        (
            "cipherSuites: [ECDHE-RSA-AES128-GCM-SHA265]",
            "invalid-value",
            "cipherSuites[0]",
            "did you mean `ECDHE-RSA-AES128-GCM-SHA256`?",
        ),
        (
            "ecdhCurves: [secp256r1]",
            "invalid-value",
            "ecdhCurves[0]",
            "did you mean `P-256`?",
        ),
        (
            "signatureAlgorithms: [rsa]",
            "invalid-value",
            "signatureAlgorithms[0]",
            "unknown",
        ),
    ];
    for (parameters, code, field, fragment) in cases {
        let path = match field {
            "" => "spec.tls.parameters".to_owned(),
            field => format!("spec.tls.parameters.{field}"),
        };
        let spec = format!("tls:\n  insecureSkipVerify: true\n  parameters:\n    {parameters}");
        refuses(&[(&spec, (code, &path, fragment))]);
    }
}

#[test]
fn load_balancer() {
    const AGGRESSION: &str = "spec.loadBalancer.leastRequest.slowStart.aggression";
    refuses(&[
        (
            "loadBalancer: {}",
            (
                "invalid-value",
                "spec.loadBalancer",
                "exactly one of the fields",
            ),
        ),
        (
            "loadBalancer: {random: {}, roundRobin: {}}",
            (
                "invalid-value",
                "spec.loadBalancer",
                "exactly one of the fields",
            ),
        ),
        (
            "loadBalancer: {random: {}, healthyPanicThreshold: 101}",
            (
                "invalid-value",
                "spec.loadBalancer.healthyPanicThreshold",
                "equal to 100",
            ),
        ),
        (
            "loadBalancer: {random: {}, localityType: Weighted}",
            (
                "unsupported-value",
                "spec.loadBalancer.localityType",
                "\"WeightedLb\"",
            ),
        ),
        (
            "loadBalancer: {random: {}, localityType: WeightedLb, zoneAware: {preferLocal: {}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware",
                "may not be set together",
            ),
        ),
        (
            "loadBalancer: {maglev: {}, zoneAware: {preferLocal: {}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware",
                "ringHash or maglev",
            ),
        ),
        (
            "loadBalancer: {random: {}, zoneAware: {}}",
            (
                "required-value",
                "spec.loadBalancer.zoneAware.preferLocal",
                "Required value",
            ),
        ),
        (
            "loadBalancer: {random: {}, zoneAware: {preferLocal: {minEndpointsThreshold: 0}}}",
            (
                "invalid-value",
                "spec.loadBalancer.zoneAware.preferLocal.minEndpointsThreshold",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {choiceCount: 0}}",
            (
                "invalid-value",
                "spec.loadBalancer.leastRequest.choiceCount",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {choiceCount: -2}}",
            (
                "invalid-value",
                "spec.loadBalancer.leastRequest.choiceCount",
                "equal to 1",
            ),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: '-1'}}}",
            ("invalid-value", AGGRESSION, "greater than 0"),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: '1e3'}}}",
            ("invalid-value", AGGRESSION, "a decimal number"),
        ),
        (
            "loadBalancer: {leastRequest: {slowStart: {aggression: 1.5}}}",
            ("invalid-type", AGGRESSION, "put it in quotes: \"1.5\""),
        ),
        (
            "loadBalancer: {ringHash: {minimumRingSize: 9, maximumRingSize: 8}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "less than or equal to maximumRingSize",
            ),
        ),
        (
            "loadBalancer: {ringHash: {minimumRingSize: 8388609}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "maximumRingSize (8388608)",
            ),
        ),
        (
            "loadBalancer: {ringHash: {maximumRingSize: 8388609}}",
            (
                "invalid-value",
                "spec.loadBalancer.ringHash",
                "less than or equal to 8388608",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: []}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies",
                "at least 1 items",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{terminal: true}]}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies[0]",
                "[header cookie sourceIP]",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{header: {name: x id}}]}}",
            (
                "invalid-value",
                "spec.loadBalancer.maglev.hashPolicies[0].header.name",
                "a header name",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {ttl: 5s}}]}}",
            (
                "required-value",
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.name",
                "Required value",
            ),
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, sameSite: lax}}]}}",
            (
                "unsupported-value",
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.sameSite",
                "did you mean `Lax`?",
            ),
        ),
    ]);
}

#[test]
fn health() {
    const OK: &str = "timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1";
    let check = |fields: &str| format!("healthCheck: {{{fields}}}");
    let cases = [
        (
            "timeout: 0s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {}"
                .to_owned(),
            (
                "invalid-value",
                "spec.healthCheck.timeout",
                "greater than 0s",
            ),
        ),
        (
            "timeout: 1s, interval: 0s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {}"
                .to_owned(),
            (
                "invalid-value",
                "spec.healthCheck.interval",
                "greater than 0s",
            ),
        ),
        (
            "timeout: 1s, interval: 1s, healthyThreshold: 1, grpc: {}".to_owned(),
            (
                "required-value",
                "spec.healthCheck.unhealthyThreshold",
                "Required value",
            ),
        ),
        (
            OK.to_owned(),
            (
                "invalid-value",
                "spec.healthCheck",
                "exactly one of the fields in [http",
            ),
        ),
        (
            format!("{OK}, http: {{path: /}}, grpc: {{}}"),
            (
                "invalid-value",
                "spec.healthCheck",
                "exactly one of the fields",
            ),
        ),
        (
            format!("{OK}, http: {{}}"),
            (
                "required-value",
                "spec.healthCheck.http.path",
                "Required value",
            ),
        ),
        (
            format!("{OK}, http: {{path: ''}}"),
            (
                "invalid-value",
                "spec.healthCheck.http.path",
                "must not be empty",
            ),
        ),
        (
            format!("{OK}, http: {{path: /, host: \"a\\r\\nb\"}}"),
            (
                "invalid-value",
                "spec.healthCheck.http.host",
                "control characters",
            ),
        ),
        (
            format!("{OK}, http: {{path: /, method: CONNECT}}"),
            (
                "unsupported-value",
                "spec.healthCheck.http.method",
                "\"GET\", \"HEAD\", \"POST\"",
            ),
        ),
        (
            format!("{OK}, grpc: {{authority: \"a\\0b\"}}"),
            (
                "invalid-value",
                "spec.healthCheck.grpc.authority",
                "control characters",
            ),
        ),
    ];
    for (fields, expected) in &cases {
        refuses(&[(&check(fields), *expected)]);
    }
    refuses(&[
        (
            "outlierDetection: {interval: 0s}",
            (
                "invalid-value",
                "spec.outlierDetection.interval",
                "at least 1ms",
            ),
        ),
        (
            "outlierDetection: {baseEjectionTime: 0s}",
            (
                "invalid-value",
                "spec.outlierDetection.baseEjectionTime",
                "at least 1ms",
            ),
        ),
        (
            "outlierDetection: {maxEjectionPercent: 101}",
            (
                "invalid-value",
                "spec.outlierDetection.maxEjectionPercent",
                "equal to 100",
            ),
        ),
        (
            "outlierDetection: {consecutive5xx: -1}",
            (
                "invalid-value",
                "spec.outlierDetection.consecutive5xx",
                "equal to 0",
            ),
        ),
        (
            "circuitBreakers: {trackRemaining: true}",
            (
                "invalid-value",
                "spec.circuitBreakers",
                "at least one of [maxConnections",
            ),
        ),
        (
            "circuitBreakers: {maxConnections: 0}",
            (
                "invalid-value",
                "spec.circuitBreakers.maxConnections",
                "equal to 1",
            ),
        ),
        (
            "circuitBreakers: {maxRetries: -1}",
            (
                "invalid-value",
                "spec.circuitBreakers.maxRetries",
                "equal to 0",
            ),
        ),
    ]);
}
