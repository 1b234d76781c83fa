// SPDX-License-Identifier: Apache-2.0
//! What we emit against a real Envoy 1.40, and what we refuse.
//!
//! In: every resource of every case, and inputs that upstream lets through and Envoy refuses. Out:
//! Envoy refuses nothing that we emit, and does refuse what our own checks refuse.

// A panic is the failure report.
#![allow(clippy::unwrap_used)]

#[path = "common/envoy.rs"]
mod envoy;
#[path = "common/harness.rs"]
mod harness;

use std::fmt::Write;

use envoy::{Envoy, Resources};
use harness::{cases, cluster, documents, name_of, options, round, round_of, texts};
use serde_json::{Value, json};
use sluicegate::pipeline::Round;
use sluicegate_manifest::Severity;
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::{
    json,
    pb::envoy::config::cluster::v3::Cluster,
    prost::{Message, Name},
    validate::violations,
};

/// The names of what Envoy refuses and what it says, one resource at a time.
fn refused(envoy: &Envoy, resources: &Resources) -> String {
    let Err(together) = envoy.accepts(resources) else {
        return String::new();
    };
    let mut text = String::new();
    for (name, alone) in resources.each() {
        if let Err(said) = envoy.accepts(&alone) {
            writeln!(text, "  {name}\n{said}").unwrap();
        }
    }
    if text.is_empty() {
        writeln!(text, "  only together\n{together}").unwrap();
    }
    text
}

#[test]
fn nothing_that_a_case_emits_is_refused() {
    let Some(envoy) = Envoy::find() else { return };
    println!("{}", envoy.version());
    let mut failures = String::new();
    for case in cases() {
        let (documents, _) = documents(&texts(&case));
        let round = round(&documents, options(&case));
        for snapshot in round
            .translation
            .gateways
            .values()
            .chain([&round.translation.all])
        {
            let found = refused(&envoy, &Resources::of(snapshot));
            if !found.is_empty() {
                writeln!(failures, "{}\n{found}", name_of(&case)).unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// One operator that Envoy does not know takes the whole listener with it.
#[test]
fn every_operator_of_formats_is_one_of_envoys() {
    let Some(envoy) = Envoy::find() else { return };
    let format = json!(sluicegate_resource::telemetry::format_examples().join(" "));
    let manifest = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: g}}
spec: {{gatewayClassName: a, listeners: [{{name: a, port: 80, protocol: HTTP}}]}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {{name: p}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: g}}]
  accessLog: [{{fileSink: {{path: /dev/null, stringFormat: {format}}}}}]
"
    );
    let round = round_of(&manifest);
    let listeners = Resources::of(&round.translation.all);
    assert!(listeners.listeners[0].to_string().contains("FileAccessLog"));
    envoy.accepts(&listeners).unwrap();
}

/// What becomes of an input.
#[derive(Clone, Copy)]
enum Verdict {
    /// Nothing wrong with it.
    Accepted,
    /// Refused, with an error at this path with these words.
    Invalid(&'static str, &'static str),
    /// Accepted with a `NoEffect` at this path.
    NoEffect(&'static str),
    /// Accepted with a warning of this reason.
    Doubted(&'static str),
}

use Verdict::{Accepted, Doubted, Invalid, NoEffect};

/// Values that upstream's schema accepts and that must not reach Envoy (spec 1.5), each with its
/// neighbour that may.
const INPUTS: &[(&str, Verdict)] = &[
    (
        "connectTimeout: 0s",
        Invalid("spec.connectTimeout", "greater than 0s"),
    ),
    (
        "connectTimeout: 0h0m0ms",
        Invalid("spec.connectTimeout", "greater than 0s"),
    ),
    ("connectTimeout: 1ms", Accepted),
    ("connectTimeout: 99999h99999h99999h99999h", Accepted),
    ("connectTimeout: 5", Invalid("spec.connectTimeout", "")),
    ("connectTimeout: -5s", Invalid("spec.connectTimeout", "")),
    ("connectTimeout: 1.5s", Invalid("spec.connectTimeout", "")),
    (
        "healthCheck: {timeout: 0s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /}}",
        Invalid("spec.healthCheck.timeout", "greater than 0s"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 0s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /}}",
        Invalid("spec.healthCheck.interval", "greater than 0s"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: ''}}",
        Invalid("spec.healthCheck.http.path", "must not be empty"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: \"/a\\r\\nb\"}}",
        Invalid("spec.healthCheck.http.path", "control characters"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /, host: \"a\\tb\\u0001\"}}",
        Invalid("spec.healthCheck.http.host", "control characters"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /, host: \"a\\u007f\"}}",
        Invalid("spec.healthCheck.http.host", "control characters"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /, host: 'héllo wörld'}}",
        Accepted,
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /, method: CONNECT}}",
        Invalid("spec.healthCheck.http.method", ""),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {authority: \"a\\nb\"}}",
        Invalid("spec.healthCheck.grpc.authority", "control characters"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 0, healthyThreshold: 0, http: {path: /}}",
        Accepted,
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {}}",
        NoEffect("spec.healthCheck"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1}",
        Invalid("spec.healthCheck", "exactly one"),
    ),
    (
        "healthCheck: {timeout: 1s, interval: 1s, http: {path: /}}",
        Invalid("spec.healthCheck.unhealthyThreshold", ""),
    ),
    (
        "commonHttpProtocolOptions: {maxHeadersCount: 0}",
        Invalid(
            "spec.commonHttpProtocolOptions.maxHeadersCount",
            "greater than or equal to 1",
        ),
    ),
    (
        "commonHttpProtocolOptions: {maxHeadersCount: 2147483648}",
        Invalid("spec.commonHttpProtocolOptions.maxHeadersCount", ""),
    ),
    (
        "commonHttpProtocolOptions: {maxHeadersCount: 2147483647}",
        Accepted,
    ),
    (
        "commonHttpProtocolOptions: {idleTimeout: 0s, maxStreamDuration: 0s, maxRequestsPerConnection: 0}",
        Accepted,
    ),
    ("commonHttpProtocolOptions: {}", Accepted),
    (
        "dns: {refreshRate: 1ms}",
        Invalid("spec.dns.refreshRate", ""),
    ),
    ("dns: {refreshRate: 2ms}", Accepted),
    ("dns: {jitter: 1s}", Accepted),
    (
        "dns: {refreshRate: 1s, jitter: 2s}",
        Invalid("spec.dns.jitter", "less than or equal to refreshRate"),
    ),
    (
        "loadBalancer: {ringHash: {minimumRingSize: 10, maximumRingSize: 9}}",
        Invalid("spec.loadBalancer.ringHash", "must be less than or equal"),
    ),
    (
        "loadBalancer: {ringHash: {minimumRingSize: 8388609}}",
        Invalid("spec.loadBalancer.ringHash", "must be less than or equal"),
    ),
    (
        "loadBalancer: {ringHash: {maximumRingSize: 8388609}}",
        Invalid(
            "spec.loadBalancer.ringHash",
            "maximumRingSize must be less than or equal to 8388608",
        ),
    ),
    (
        "loadBalancer: {ringHash: {minimumRingSize: 0}}",
        Invalid(
            "spec.loadBalancer.ringHash.minimumRingSize",
            "greater than or equal to 1",
        ),
    ),
    (
        "loadBalancer: {ringHash: {maximumRingSize: 0}}",
        Invalid(
            "spec.loadBalancer.ringHash.maximumRingSize",
            "greater than or equal to 1",
        ),
    ),
    // Without a minimum it is Envoy's 1024.
    (
        "loadBalancer: {ringHash: {maximumRingSize: 1023}}",
        Invalid(
            "spec.loadBalancer.ringHash",
            "minimumRingSize (1024) must be less than or equal",
        ),
    ),
    (
        "loadBalancer: {ringHash: {maximumRingSize: 1024}}",
        Accepted,
    ),
    (
        "loadBalancer: {ringHash: {minimumRingSize: 1, maximumRingSize: 1}}",
        Accepted,
    ),
    (
        "loadBalancer: {leastRequest: {choiceCount: 0}}",
        Invalid(
            "spec.loadBalancer.leastRequest.choiceCount",
            "greater than or equal to 1",
        ),
    ),
    (
        "loadBalancer: {leastRequest: {choiceCount: -1}}",
        Invalid(
            "spec.loadBalancer.leastRequest.choiceCount",
            "greater than or equal to 1",
        ),
    ),
    ("loadBalancer: {leastRequest: {choiceCount: 1}}", Accepted),
    (
        "loadBalancer: {leastRequest: {slowStart: {window: 0s, aggression: '0.0'}}}",
        Invalid(
            "spec.loadBalancer.leastRequest.slowStart.aggression",
            "greater than 0",
        ),
    ),
    ("loadBalancer: {leastRequest: {slowStart: {}}}", Accepted),
    (
        "loadBalancer: {roundRobin: {slowStart: {window: 0s, minWeightPercent: 0}}}",
        Accepted,
    ),
    (
        "loadBalancer: {maglev: {hashPolicies: [{header: {name: 'a b'}}]}}",
        Invalid(
            "spec.loadBalancer.maglev.hashPolicies[0].header.name",
            "header name",
        ),
    ),
    (
        "loadBalancer: {maglev: {hashPolicies: [{header: {name: ':path'}}]}}",
        Invalid(
            "spec.loadBalancer.maglev.hashPolicies[0].header.name",
            "header name",
        ),
    ),
    (
        "loadBalancer: {maglev: {hashPolicies: [{header: {name: ''}}]}}",
        Invalid("spec.loadBalancer.maglev.hashPolicies[0].header.name", ""),
    ),
    (
        "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: s}, header: {name: a}}]}}",
        Invalid("spec.loadBalancer.maglev.hashPolicies[0]", "exactly one"),
    ),
    (
        "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: s, ttl: 0s, path: /}}]}}",
        Accepted,
    ),
    (
        "loadBalancer: {zoneAware: {preferLocal: {minEndpointsThreshold: 0}}, random: {}}",
        Invalid(
            "spec.loadBalancer.zoneAware.preferLocal.minEndpointsThreshold",
            "",
        ),
    ),
    (
        "loadBalancer: {healthyPanicThreshold: 101, random: {}}",
        Invalid("spec.loadBalancer.healthyPanicThreshold", ""),
    ),
    ("perConnectionBufferLimitBytes: 0", Accepted),
    (
        "perConnectionBufferLimitBytes: -1",
        Invalid("spec.perConnectionBufferLimitBytes", ""),
    ),
    (
        "tcpKeepalive: {keepAliveTime: 999ms}",
        Invalid("spec.tcpKeepalive.keepAliveTime", ""),
    ),
    (
        "tcpKeepalive: {keepAliveProbes: 2147483647, keepAliveTime: 99999h99999h99999h99999h}",
        Accepted,
    ),
    (
        "outlierDetection: {interval: 0s}",
        Invalid("spec.outlierDetection.interval", ""),
    ),
    (
        "outlierDetection: {baseEjectionTime: 0s}",
        Invalid("spec.outlierDetection.baseEjectionTime", ""),
    ),
    (
        "outlierDetection: {interval: 1ms, baseEjectionTime: 1ms, maxEjectionPercent: 100, consecutive5xx: 0}",
        Accepted,
    ),
    (
        "outlierDetection: {baseEjectionTime: 9999h, maxEjectionPercent: 100}",
        Accepted,
    ),
    (
        "circuitBreakers: {maxConnections: 0}",
        Invalid("spec.circuitBreakers.maxConnections", ""),
    ),
    (
        "circuitBreakers: {trackRemaining: true}",
        Invalid("spec.circuitBreakers", "at least one"),
    ),
    (
        "http2ProtocolOptions: {initialStreamWindowSize: 65534}",
        Invalid("spec.http2ProtocolOptions.initialStreamWindowSize", ""),
    ),
    (
        "http2ProtocolOptions: {connectionKeepalive: {timeout: 0s}}",
        Invalid("spec.http2ProtocolOptions.connectionKeepalive.timeout", ""),
    ),
    (
        "http2ProtocolOptions: {initialStreamWindowSize: 65535, initialConnectionWindowSize: 2147483647}",
        NoEffect("spec.http2ProtocolOptions"),
    ),
    (
        "http2ProtocolOptions: {connectionKeepalive: {timeout: 1ms, interval: 1ms, connectionIdleInterval: 1ms}}",
        NoEffect("spec.http2ProtocolOptions"),
    ),
    (
        "upstreamProxyProtocol: {version: V3}",
        Invalid("spec.upstreamProxyProtocol.version", ""),
    ),
    (
        "tls: {wellKnownCACertificates: System, parameters: {cipherSuites: [NONSENSE]}}",
        Invalid(
            "spec.tls.parameters.cipherSuites[0]",
            "unknown cipher suite",
        ),
    ),
    (
        "tls: {wellKnownCACertificates: System, parameters: {ecdhCurves: [P-257]}}",
        Invalid("spec.tls.parameters.ecdhCurves[0]", "unknown curve"),
    ),
    (
        "tls: {wellKnownCACertificates: System, parameters: {signatureAlgorithms: [rsa_md4]}}",
        Invalid(
            "spec.tls.parameters.signatureAlgorithms[0]",
            "unknown signature algorithm",
        ),
    ),
    (
        "tls: {wellKnownCACertificates: System, parameters: {minVersion: '1.3', maxVersion: '1.2'}}",
        Invalid(
            "spec.tls.parameters",
            "minVersion must be less than or equal to maxVersion",
        ),
    ),
    (
        "tls: {wellKnownCACertificates: System, parameters: {minVersion: '1.3', maxVersion: AUTO}}",
        Accepted,
    ),
    (
        "tls: {wellKnownCACertificates: example.com/own}",
        Invalid("spec.tls.wellKnownCACertificates", ""),
    ),
    ("tls: {wellKnownCACertificates: System}", Accepted),
    ("tls: {files: {rootCA: /nowhere/ca.crt}}", Accepted),
    (
        "tls: {insecureSkipVerify: true}",
        Doubted("UnverifiedBackend"),
    ),
    (
        "tls: {insecureSkipVerify: false}",
        Doubted("UnverifiedBackend"),
    ),
    (
        "tls: {insecureSkipVerify: true, verifySubjectAltNames: [a.example.com]}",
        Doubted("UnverifiedBackend"),
    ),
    (
        "tls: {insecureSkipVerify: false, verifySubjectAltNames: [a.example.com]}",
        Invalid("spec.tls", "root CA"),
    ),
    (
        "tls: {files: {tlsCertificate: /a, tlsKey: /b}, verifySubjectAltNames: [a.example.com]}",
        Invalid("spec.tls", "root CA"),
    ),
    (
        "tls: {insecureSkipVerify: true, alpnProtocols: ['']}",
        Doubted("UnverifiedBackend"),
    ),
    (
        "tls: {insecureSkipVerify: true, alpnProtocols: ['h2,http/1.1']}",
        Doubted("UnverifiedBackend"),
    ),
    (
        "tls: {insecureSkipVerify: true, alpnProtocols: [LONG]}",
        Invalid("spec.tls.alpnProtocols[0]", ""),
    ),
    (
        "tls: {insecureSkipVerify: true, sni: LONG}",
        Invalid("spec.tls.sni", ""),
    ),
    (
        "tls: {insecureSkipVerify: true, sni: ''}",
        Invalid("spec.tls.sni", ""),
    ),
    (
        "tls: {wellKnownCACertificates: System, verifySubjectAltNames: ['']}",
        Accepted,
    ),
    ("tls: {}", Invalid("spec.tls", "exactly one")),
];

/// Backends of every kind, so that each input meets each of them.
const BACKENDS: &str = "apiVersion: v1
kind: Service
metadata: {name: app}
spec:
  ports:
    - {name: http, port: 80}
---
apiVersion: v1
kind: Service
metadata: {name: h2}
spec:
  ports:
    - {name: grpc, port: 80}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: named}
spec:
  static:
    hosts:
      - {host: www.example.com, port: 443}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: addressed}
spec:
  static:
    hosts:
      - {host: 192.0.2.1, port: 443}
";

fn with_input(input: &str) -> Round {
    let target = |group: &str, kind: &str, name: &str| {
        format!("    - {{group: '{group}', kind: {kind}, name: {name}}}\n")
    };
    let targets = [
        target("", "Service", "app"),
        target("", "Service", "h2"),
        target("gateway.kgateway.dev", "Backend", "named"),
        target("gateway.kgateway.dev", "Backend", "addressed"),
    ];
    let input = input.replace("LONG", &"x".repeat(256));
    round_of(&format!(
        "{BACKENDS}---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: policy}}
spec:
  {input}
  targetRefs:
{}",
        targets.concat()
    ))
}

/// Compares what became of an input with what should; an empty text when they agree.
fn disagreement(round: &Round, expected: Verdict) -> String {
    let errors: Vec<String> = round
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| format!("{}: {}", found.path, found.message))
        .collect();
    let [policy] = round.graph.policies.as_slice() else {
        panic!("one policy");
    };
    // The Service that speaks HTTP/1 and is found by EDS.
    let app = policy
        .ancestors
        .iter()
        .find(|one| &*one.ancestor.name == "app");
    let app = app.unwrap();
    let warned = |reason: &str, path: &str| {
        let mut warnings = app.warnings.iter();
        warnings
            .any(|one| one.reason == reason && (path.is_empty() || one.path.to_string() == path))
    };
    let accepted = app.accepted.is_ok() && policy.errors.is_empty() && errors.is_empty();
    let agrees = match expected {
        Accepted => accepted,
        Doubted(reason) => accepted && warned(reason, ""),
        NoEffect(path) => accepted && warned("NoEffect", path),
        Invalid(path, words) => {
            let names = |error: &String| {
                let rest = error.strip_prefix(path);
                rest.is_some_and(|rest| rest.starts_with(": ") && rest.contains(words))
            };
            !app.accepted.is_ok() && errors.iter().any(names)
        }
    };
    if agrees {
        return String::new();
    }
    format!(
        "errors {errors:#?}\nverdict {:#?}\n",
        (&app.accepted, &app.warnings)
    )
}

#[test]
fn inputs_that_envoy_would_refuse_get_their_verdicts() {
    let mut failures = String::new();
    for (input, expected) in INPUTS {
        let round = with_input(input);
        let found = disagreement(&round, *expected);
        if !found.is_empty() {
            writeln!(failures, "{input}\n{found}").unwrap();
        }
        if !round.translation.refused.is_empty() {
            writeln!(
                failures,
                "{input}\nheld back {:#?}",
                round.translation.refused
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Whatever the verdict, what is left is fit for Envoy.
#[test]
fn nothing_that_an_input_leaves_is_refused() {
    let Some(envoy) = Envoy::find() else { return };
    let mut failures = String::new();
    for (input, _) in INPUTS {
        let resources = Resources::of(&with_input(input).translation.all);
        let found = refused(&envoy, &resources);
        if !found.is_empty() {
            writeln!(failures, "{input}\n{found}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The cluster of the plain Service, to be spoilt.
fn sound() -> Value {
    cluster(&with_input("connectTimeout: 5s"), "kube_default_app_80")
}

fn extension(name: &str, fields: &Value) -> Value {
    let mut config = json!({ "@type": format!("type.googleapis.com/{name}") });
    for (field, value) in fields.as_object().unwrap() {
        config[field] = value.clone();
    }
    config
}

fn with(name: &str, value: Value) -> Value {
    let mut cluster = sound();
    cluster[name] = value;
    cluster
}

fn http_options(fields: &Value) -> Value {
    let name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    with(
        "typed_extension_protocol_options",
        json!({ name: extension(name, fields) }),
    )
}

fn health_check(fields: &Value) -> Value {
    let mut check = json!({
        "timeout": "1s",
        "interval": "1s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": { "path": "/" },
    });
    for (field, value) in fields.as_object().unwrap() {
        check[field] = value.clone();
    }
    with("health_checks", json!([check]))
}

/// Clusters that both refuse: our constraint checks, before anything is sent, and Envoy.
fn poison() -> Vec<(&'static str, Value)> {
    let ring = |name: &str, fields: &Value| {
        let policy = json!({ "typed_extension_config": {
            "name": "envoy.load_balancing_policies.ring_hash",
            "typed_config": extension(name, fields),
        } });
        with("load_balancing_policy", json!({ "policies": [policy] }))
    };
    let h1 = json!({ "http_protocol_options": {} });
    vec![
        ("no name", with("name", "".into())),
        ("connect_timeout 0s", with("connect_timeout", "0s".into())),
        (
            "health check timeout 0s",
            health_check(&json!({ "timeout": "0s" })),
        ),
        (
            "health check interval 0s",
            health_check(&json!({ "interval": "0s" })),
        ),
        (
            "health check without thresholds",
            health_check(&json!({ "healthy_threshold": null })),
        ),
        (
            "health check path",
            health_check(&json!({ "http_health_check": { "path": "" } })),
        ),
        (
            "health check host",
            health_check(&json!({ "http_health_check": { "path": "/", "host": "a\r\nb" } })),
        ),
        (
            "max_headers_count 0",
            http_options(
                &json!({ "common_http_protocol_options": { "max_headers_count": 0 }, "explicit_http_config": h1 }),
            ),
        ),
        (
            "options without a protocol",
            http_options(&json!({ "common_http_protocol_options": { "idle_timeout": "1s" } })),
        ),
        (
            "outlier interval 0s",
            with("outlier_detection", json!({ "interval": "0s" })),
        ),
        (
            "outlier percentage",
            with("outlier_detection", json!({ "max_ejection_percent": 101 })),
        ),
        (
            "minimum ring size",
            ring(
                "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
                &json!({ "minimum_ring_size": 8_388_609 }),
            ),
        ),
    ]
}

#[test]
fn envoy_refuses_what_our_checks_refuse() {
    let envoy = Envoy::find();
    let check = |cluster: &Value| {
        let cluster: Cluster = json::from_str(&cluster.to_string()).unwrap();
        violations(&Cluster::full_name(), &cluster.encode_to_vec()).unwrap()
    };
    assert!(check(&sound()).is_empty());
    for (name, cluster) in poison() {
        assert!(!check(&cluster).is_empty(), "our checks let pass: {name}");
    }
    let Some(envoy) = envoy else { return };
    envoy.accepts(&Resources::cluster(sound())).unwrap();
    for (name, cluster) in poison() {
        let verdict = envoy.accepts(&Resources::cluster(cluster));
        assert!(verdict.is_err(), "Envoy lets pass: {name}");
    }
}

/// What no constraint says, and Envoy refuses while it builds the cluster. Our verdicts prevent
/// these; here is why.
#[test]
fn envoy_refuses_what_our_verdicts_prevent() {
    let Some(envoy) = Envoy::find() else { return };
    let balancer = |fields: &Value| {
        let name = "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash";
        let policy = json!({ "typed_extension_config": {
            "name": "envoy.load_balancing_policies.ring_hash",
            "typed_config": extension(name, fields),
        } });
        with("load_balancing_policy", json!({ "policies": [policy] }))
    };
    let tls = |common: Value| {
        let name = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
        let config = extension(name, &json!({ "common_tls_context": common }));
        let name = "envoy.transport_sockets.tls";
        with(
            "transport_socket",
            json!({ "name": name, "typed_config": config }),
        )
    };
    let dns = |fields: &Value| {
        let named = with_input("connectTimeout: 5s");
        let mut named = cluster(&named, "backend_default_named_0");
        let name = "envoy.extensions.clusters.dns.v3.DnsCluster";
        named["cluster_type"]["typed_config"] = extension(name, fields);
        named
    };
    let grpc = json!({ "http_health_check": null, "grpc_health_check": {} });
    let files = json!({ "trusted_ca": { "filename": "/nowhere/ca.crt" } });
    let bare = json!({ "default_validation_context": {}, "validation_context_sds_secret_config": { "name": "SYSTEM_CA_CERT" } });
    let names = json!([{ "san_type": "DNS", "matcher": { "exact": "a" } }]);
    let inner = {
        let name =
            "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";
        let config = extension(name, &json!({ "config": {} }));
        let name = "envoy.transport_sockets.upstream_proxy_protocol";
        with(
            "transport_socket",
            json!({ "name": name, "typed_config": config }),
        )
    };
    let rows = [
        (
            "ring minimum over maximum",
            balancer(&json!({ "minimum_ring_size": 10, "maximum_ring_size": 9 })),
        ),
        ("gRPC check on HTTP/1", health_check(&grpc)),
        (
            "DNS refresh of 1 ms",
            dns(&json!({ "dns_refresh_rate": "0.001s" })),
        ),
        (
            "unknown cipher",
            tls(json!({ "tls_params": { "cipher_suites": ["NONSENSE"] } })),
        ),
        (
            "unknown curve",
            tls(json!({ "tls_params": { "ecdh_curves": ["P-257"] } })),
        ),
        ("missing file", tls(json!({ "validation_context": files }))),
        (
            "system authorities as a bare name",
            tls(json!({ "combined_validation_context": bare })),
        ),
        (
            "names without an authority",
            tls(json!({ "validation_context": { "match_typed_subject_alt_names": names } })),
        ),
        ("PROXY protocol without an inner socket", inner),
    ];
    for (name, cluster) in rows {
        let verdict = envoy.accepts(&Resources::cluster(cluster));
        assert!(verdict.is_err(), "Envoy lets pass: {name}");
    }
}

/// Parts of an HTTPRoute that may be refused, or may be served, but must not harm the route beside
/// it: Envoy refuses a route configuration as a whole.
const ROUTES: &[&str] = &[
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: a}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: host, value: a}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [host]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: ':path', value: a}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [':path']}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"x\\r\\ny: z\"}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"x\\0\"}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: 'a b', value: x}]}}], BACKEND}]",
    "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: '%REQ(x)% %'}]}}], BACKEND}]",
    "rules: [{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: host, value: x}], remove: [':status']}}], BACKEND}]",
    "rules: [{matches: [{path: {type: Exact, value: '/a?b'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/a?b'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/a#b'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/a b'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '//'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/a//b'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: ''}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: \"/a\\n\"}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/ä'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '('}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/(?=a)'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/\\1'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/a{1001}'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/[[:nope:]]'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/\\p{Nope}'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/(?x)a'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: '/a&&b[a&&b]'}}], BACKEND}]",
    "rules: [{matches: [{path: {type: RegularExpression, value: ''}}], BACKEND}]",
    "rules: [{matches: [{headers: [{name: a, type: RegularExpression, value: '('}]}], BACKEND}]",
    "rules: [{matches: [{queryParams: [{name: a, type: RegularExpression, value: '['}]}], BACKEND}]",
    "rules: [{matches: [{queryParams: [{name: 'a b', value: x}]}], BACKEND}]",
    "rules: [{matches: [{headers: [{name: a, value: \"x\\n\"}]}], BACKEND}]",
    "rules: [{matches: [{headers: [{name: 'a:b', value: x}]}], BACKEND}]",
    "rules: [{matches: [{method: BREW}], BACKEND}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: 'a b'}}]}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: ftp}}]}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {port: 0}}]}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: \"/a\\r\\nb\"}}}]}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: 'no-slash'}}}]}]",
    "rules: [{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: \"/a\\0\"}}}]}]",
    "rules: [{filters: [{type: URLRewrite, urlRewrite: {hostname: '*.example.com'}}], BACKEND}]",
    "rules: [{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: \"/a\\nb\"}}}], BACKEND}]",
    "rules: [{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: '/\\1'}}}], BACKEND}]",
    "rules: [{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: ''}}}], BACKEND}]",
    "rules: [{filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: \"/a\\nb\"}}}], BACKEND}]",
    "rules: [{matches: [{path: {type: PathPrefix, value: '/a(b)'}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}}], BACKEND}]",
    "rules: [{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}], BACKEND}]",
    "rules: [{filters: [{type: RequestMirror, requestMirror: {percent: 101, backendRef: {name: app, port: 80}}}], BACKEND}]",
    "rules: [{filters: [{type: RequestMirror, requestMirror: {fraction: {numerator: 1, denominator: 0}, backendRef: {name: app, port: 80}}}], BACKEND}]",
    "rules: [{timeouts: {request: 99999h99999h99999h99999h}, BACKEND}]",
    "rules: [{timeouts: {request: 1s, backendRequest: 2s}, BACKEND}]",
    "rules: [{backendRefs: [{name: app, port: 80, weight: 1000001}]}]",
    "rules: [{backendRefs: [{name: app, port: 80, weight: 1000000}, {name: app, port: 80, weight: 1000000}]}]",
    "rules: [{backendRefs: [{name: app, port: 80, weight: -1}]}]",
    "hostnames: [UPPER.example.com]\n  rules: [{BACKEND}]",
    "hostnames: ['*']\n  rules: [{BACKEND}]",
    "hostnames: ['a..b']\n  rules: [{BACKEND}]",
    "hostnames: ['*.*.com']\n  rules: [{BACKEND}]",
    "hostnames: ['192.0.2.1']\n  rules: [{BACKEND}]",
    "hostnames: [same.example.com, same.example.com]\n  rules: [{BACKEND}]",
    "hostnames: ['good.example.com:80']\n  rules: [{BACKEND}]",
];

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: http}
spec:
  gatewayClassName: kgateway
  listeners:
    - {name: http, protocol: HTTP, port: 8080}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: good}
spec:
  parentRefs: [{name: http}]
  hostnames: [good.example.com]
  rules: [{backendRefs: [{name: app, port: 80}]}]
";

fn with_route(route: &str) -> Round {
    let route = route.replace("BACKEND", "backendRefs: [{name: app, port: 80}]");
    let hostnames = if route.starts_with("hostnames") {
        ""
    } else {
        "hostnames: [bad.example.com]\n  "
    };
    round_of(&format!(
        "{BACKENDS}---
{GATEWAY}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: bad}}
spec:
  parentRefs: [{{name: http}}]
  {hostnames}{route}
"
    ))
}

/// Law 5: one bad resource never changes the behaviour of another.
#[test]
fn a_route_never_harms_another() {
    let envoy = Envoy::find();
    let good = |round: &Round| {
        let routes = harness::messages(&round.translation.all, ResourceType::Route);
        let [(_, configuration)] = routes.as_slice() else {
            return Value::Null;
        };
        let mut hosts = configuration["virtual_hosts"].as_array().unwrap().iter();
        let good = hosts.find(|host| host["domains"][0] == "good.example.com");
        good.cloned().unwrap_or(Value::Null)
    };
    let alone = good(&round_of(&format!("{BACKENDS}---\n{GATEWAY}")));
    let mut failures = String::new();
    for route in ROUTES {
        let round = with_route(route);
        if good(&round) != alone {
            writeln!(failures, "{route}\n{:#?}", round.translation.refused).unwrap();
            continue;
        }
        let Some(envoy) = &envoy else { continue };
        let found = refused(envoy, &Resources::of(&round.translation.all));
        if !found.is_empty() {
            writeln!(failures, "{route}\n{found}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
