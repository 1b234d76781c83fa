// SPDX-License-Identifier: Apache-2.0
//! Envelopes: which kind a document claims to be, and its metadata.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::Value;
use std::sync::Arc;

use sluicegate_manifest::{Document, Node, Origin, Severity};

use crate::{
    ObjectRef,
    decode::decode,
    testing::{Verdict, assert_verdicts, store},
};

#[test]
fn claims_that_cannot_be_right() {
    const G: &str = "gateway.networking.k8s.io";
    let cases: [(String, &str, Verdict<'_>); 12] = [
        (
            format!("{G}/v1alpha2"),
            "Gateway",
            (
                "wrong-api-version",
                "apiVersion",
                "write `apiVersion: gateway.networking.k8s.io/v1`",
            ),
        ),
        (
            "gateway.envoyproxy.io/v1alpha1".to_owned(),
            "BackendConfigPolicy",
            (
                "wrong-api-version",
                "apiVersion",
                "write `apiVersion: gateway.kgateway.dev/v1alpha1`",
            ),
        ),
        (
            "v1".to_owned(),
            "HTTPRoute",
            (
                "wrong-api-version",
                "apiVersion",
                "no matches for kind \"HTTPRoute\" in version \"v1\"",
            ),
        ),
        (
            "gateway.networking.k8s.oi/v1".to_owned(),
            "Gateway",
            (
                "wrong-api-version",
                "apiVersion",
                "write `apiVersion: gateway.networking.k8s.io/v1`",
            ),
        ),
        (
            "v2".to_owned(),
            "Service",
            ("wrong-api-version", "apiVersion", "write `apiVersion: v1`"),
        ),
        (
            format!("{G}/v1"),
            "HttpRoute",
            ("unknown-kind", "kind", "did you mean `HTTPRoute`?"),
        ),
        (
            format!("{G}/v1"),
            "Gatway",
            ("unknown-kind", "kind", "did you mean `Gateway`?"),
        ),
        (
            format!("{G}/v1"),
            "Weather",
            ("unknown-kind", "kind", "no matches for kind \"Weather\""),
        ),
        (
            "gateway.kgateway.dev/v1alpha1".to_owned(),
            "BackendConfigPolcy",
            (
                "unknown-kind",
                "kind",
                "did you mean `BackendConfigPolicy`?",
            ),
        ),
        (
            "gateway.kgateway.dev/v1alpha1".to_owned(),
            "TrafficPolicy",
            (
                "unsupported-kind",
                "kind",
                "is not read: the object has no effect",
            ),
        ),
        (
            "gateway.envoyproxy.io/v1alpha1".to_owned(),
            "SecurityPolicy",
            (
                "unsupported-kind",
                "kind",
                "is not read: the object has no effect",
            ),
        ),
        (
            "networking.istio.io/v1".to_owned(),
            "DestinationRule",
            (
                "unsupported-kind",
                "kind",
                "is not read: the object has no effect",
            ),
        ),
    ];
    for (api_version, kind, expected) in cases {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n");
        assert_verdicts(&text, &store(&text).diagnostics, &[expected]);
    }
}

#[test]
fn kinds_of_others_are_counted() {
    let store = store(concat!(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}\n---\n",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}\n---\n",
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}\n---\n",
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: a}}\n---\n",
        "{apiVersion: gateway.networking.x-k8s.io/v1alpha1, kind: XBackend, metadata: {name: a}}\n",
    ));
    let ignored: Vec<_> = store.ignored.into_iter().collect();
    let expected = [
        ("apps/v1/Deployment", 2),
        ("gateway.networking.x-k8s.io/v1alpha1/XBackend", 1),
        ("serving.knative.dev/v1/Service", 1),
        ("v1/ServiceAccount", 1),
    ];
    assert_eq!(
        ignored,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn metadata_rules() {
    let cases: [(&str, &[Verdict<'_>]); 12] = [
        (
            "apiVersion: v1\nkind: Namespace",
            &[("required-value", "metadata", "Required value")],
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {}",
            &[("required-value", "metadata.name", "Required value")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_b}",
            &[("invalid-value", "metadata.name", "RFC 1123 subdomain")],
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}",
            &[("invalid-value", "metadata.name", "RFC 1123 label")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: a.b}",
            &[("invalid-value", "metadata.namespace", "RFC 1123 label")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}",
            &[("invalid-type", "metadata.name", "put it in quotes: \"5\"")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {enabled: on}}",
            &[(
                "invalid-type",
                "metadata.labels.enabled",
                "put it in quotes: \"on\"",
            )],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: b c}}",
            &[(
                "invalid-value",
                "metadata.labels.a",
                "a valid label must be",
            )],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {a b: c}}",
            &[(
                "invalid-value",
                "metadata.annotations.a b",
                "the key \"a b\"",
            )],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, creationTimestamp: yesterday}",
            &[("invalid-value", "metadata.creationTimestamp", "RFC 3339")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, lables: {}}",
            &[("unknown-field", "metadata.lables", "did you mean `labels`?")],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndta: {}",
            &[("unknown-field", "dta", "did you mean `data`?")],
        ),
    ];
    for (text, expected) in cases {
        assert_verdicts(text, &store(text).diagnostics, expected);
    }
}

#[test]
fn metadata_values_and_defaults() {
    let store = store(concat!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, creationTimestamp: null, ",
        "uid: x, managedFields: [], labels: {a: ''}}\nstatus: {anything: 1}\n---\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: ns, generation: 7, ",
        "creationTimestamp: '1970-01-01T00:00:01Z'}\n---\n",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: c, namespace: ignored}\n",
    ));
    assert_verdicts("metadata", &store.diagnostics, &[]);
    let first = &store.config_maps[&ObjectRef::new("", "ConfigMap", "default", "a")].metadata;
    assert_eq!((first.creation_timestamp, first.generation), (None, 1));
    let second = &store.config_maps[&ObjectRef::new("", "ConfigMap", "ns", "b")].metadata;
    assert_eq!(
        (second.creation_timestamp, second.generation),
        (Some(1_000_000_000), 7)
    );
    assert!(
        store
            .namespaces
            .contains_key(&ObjectRef::new("", "Namespace", "", "c"))
    );
}

/// Words that lead deeper into the decoders than random text would.
const WORDS: &[&str] = &[
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "spec",
    "status",
    "data",
    "targetRefs",
    "targetSelectors",
    "matchLabels",
    "group",
    "kind",
    "Service",
    "tls",
    "sslConfig",
    "files",
    "parameters",
    "loadBalancer",
    "leastRequest",
    "ringHash",
    "hashPolicies",
    "cookie",
    "attributes",
    "healthCheck",
    "http",
    "timeout",
    "interval",
    "5s",
    "0s",
    "listeners",
    "port",
    "protocol",
    "HTTP",
    "TLS",
    "rules",
    "matches",
    "path",
    "value",
    "type",
    "filters",
    "headers",
    "URLRewrite",
    "urlRewrite",
    "backendRefs",
    "backendRef",
    "hosts",
    "ports",
    "endpoints",
    "addresses",
    "static",
    "priorityGroups",
    "validation",
    "creationTimestamp",
    "stringData",
    "http2ProtocolOptions",
    "initialStreamWindowSize",
    "64Ki",
    "-1e-9",
    "aggression",
    "zoneAware",
    "consistentHash",
    "ConsistentHash",
    "queryParams",
    "tableSize",
    "slowStart",
    "window",
    "backendUtilization",
    "active",
    "tcp",
    "send",
    "text",
    "binary",
    "expectedStatuses",
    "passive",
    "circuitBreaker",
    "maxRequests",
    "retryBudget",
    "percent",
    "retry",
    "perRetry",
    "backoff",
    "backOff",
    "baseInterval",
    "maxInterval",
    "retryOn",
    "triggers",
    "5xx",
    "connection",
    "preconnect",
    "predictivePercent",
    "connectionLimit",
    "rateLimit",
    "global",
    "local",
    "limit",
    "requests",
    "unit",
    "Second",
    "clientSelectors",
    "sourceCIDR",
    "10.0.0.0/8",
    "responseOverride",
    "match",
    "statusCodes",
    "range",
    "start",
    "end",
    "redirect",
    "compressor",
    "httpUpgrade",
    "telemetry",
    "tracing",
    "samplingFraction",
    "numerator",
    "targetRef",
    "HTTPRoute",
    "faultInjection",
    "abort",
    "percentage",
    "accessLog",
    "settings",
    "format",
    "sinks",
    "file",
    "fileSink",
    "jsonFormat",
    "%REQ(a",
    "filter",
    "andFilter",
    "provider",
    "backendRefs",
];

fn tree() -> impl Strategy<Value = Value> {
    let word = || (0..WORDS.len()).prop_map(|index| WORDS[index].to_owned());
    let text = prop_oneof![3 => word(), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, move |inner| {
        let entry = (
            prop_oneof![9 => word(), 1 => any::<String>()],
            inner.clone(),
        );
        prop_oneof![
            1 => proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            3 => proptest::collection::vec(entry, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Kinds that stay in the store without settings, so that somebody can be told.
const KEPT: [&str; 4] = [
    "BackendConfigPolicy",
    "BackendTrafficPolicy",
    "EnvoyProxy",
    "HTTPListenerPolicy",
];

proptest! {
    /// Arbitrary trees of every kind decode, or are refused with a reason, and never panic.
    #[test]
    fn decoding_never_panics(kind in 0..crate::admission::KINDS.len(), body in tree(), spec in tree()) {
        let kind = &crate::admission::KINDS[kind];
        let mut root = match body {
            Value::Object(entries) => entries,
            other => serde_json::Map::from_iter([("spec".to_owned(), other)]),
        };
        let version = kind.versions[0];
        let api_version = if kind.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", kind.group)
        };
        root.insert("apiVersion".to_owned(), api_version.into());
        root.insert("kind".to_owned(), kind.name.into());
        root.entry("spec").or_insert(spec);
        root.entry("metadata").or_insert_with(|| serde_json::json!({ "name": "a" }));
        let document = Arc::new(Document {
            origin: Origin::Cluster("test".into()),
            root: Node::from_json(Value::Object(root)),
        });
        for unknown_fields in [Severity::Error, Severity::Warning] {
            let decoded = decode(&document, unknown_fields);
            let refused = decoded.diagnostics.iter().any(|found| found.severity == Severity::Error);
            if !refused {
                assert!(decoded.resource.is_some(), "refused without a reason");
            } else if !KEPT.contains(&kind.name) {
                assert!(decoded.resource.is_none(), "kept in spite of an error");
            }
            for found in &decoded.diagnostics {
                assert!(crate::codes::ALL.iter().any(|(code, _)| *code == found.code));
            }
        }
    }
}
