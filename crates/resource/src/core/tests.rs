// SPDX-License-Identifier: Apache-2.0
//! Verdicts on the core kinds.

use crate::{
    core::{Endpoint, Secret, Service},
    testing::{Verdict, assert_verdicts, manifest, store},
    value::IntOrString,
};

fn service(spec: &str) -> Service {
    let store = store(&manifest("v1", "Service", spec));
    assert_verdicts(spec, &store.diagnostics, &[]);
    store
        .services
        .into_values()
        .next()
        .expect("a Service")
        .spec
        .clone()
}

#[test]
fn service_defaults() {
    let found = service("ports: [{port: 8000}]\nselector: {a: b}\nclusterIP: None");
    assert_eq!(found.service_type, "ClusterIP");
    assert_eq!(found.session_affinity, "None");
    assert_eq!(found.ports[0].target_port, IntOrString::Int(8000));
    assert_eq!(found.ports[0].protocol, "TCP");
    let named =
        service("ports: [{port: 80, name: http, targetPort: web, appProtocol: kubernetes.io/h2c}]");
    assert_eq!(
        named.ports[0].target_port,
        IntOrString::String("web".to_owned())
    );
    assert_eq!(
        named.ports[0].app_protocol.as_deref(),
        Some("kubernetes.io/h2c")
    );
    assert!(service("clusterIP: None").ports.is_empty());
    let external = service("type: ExternalName\nexternalName: example.com");
    assert_eq!(external.external_name.as_deref(), Some("example.com"));
}

#[test]
fn service_rules() {
    let cases: [(&str, Verdict<'_>); 12] = [
        (
            "selector: {}",
            ("required-value", "spec.ports", "Required value"),
        ),
        (
            "ports: []",
            ("required-value", "spec.ports", "Required value"),
        ),
        (
            "ports: [{name: a}]",
            ("required-value", "spec.ports[0].port", "Required value"),
        ),
        (
            "ports: [{port: 0}]",
            ("invalid-value", "spec.ports[0].port", "equal to 1"),
        ),
        (
            "ports: [{port: 65536}]",
            ("invalid-value", "spec.ports[0].port", "equal to 65535"),
        ),
        (
            "ports: [{port: '80'}]",
            (
                "invalid-type",
                "spec.ports[0].port",
                "write 80 without quotes",
            ),
        ),
        (
            "ports: [{port: 80, protocol: tcp}]",
            (
                "unsupported-value",
                "spec.ports[0].protocol",
                "did you mean `TCP`?",
            ),
        ),
        (
            "ports: [{port: 80, targetPort: Web}]",
            (
                "invalid-value",
                "spec.ports[0].targetPort",
                "a port number or a name",
            ),
        ),
        (
            "ports: [{port: 80, name: a}, {port: 81, name: a}]",
            ("duplicate-value", "spec.ports[1]", "Duplicate value: \"a\""),
        ),
        (
            "ports: [{port: 80, name: a}, {port: 80, name: b}]",
            (
                "duplicate-value",
                "spec.ports[1]",
                "Duplicate value: \"80/TCP\"",
            ),
        ),
        (
            "ports: [{port: 80, name: a}, {port: 81}]",
            ("required-value", "spec.ports[1].name", "Required value"),
        ),
        (
            "type: ExternalName",
            ("required-value", "spec.externalName", "Required value"),
        ),
    ];
    for (spec, expected) in cases {
        let store = store(&manifest("v1", "Service", spec));
        assert_verdicts(spec, &store.diagnostics, &[expected]);
        assert!(store.services.is_empty());
    }
}

fn slice(endpoints: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: a, labels: {{kubernetes.io/service-name: web}}}}\naddressType: IPv4\nports: [{{name: http, port: 80}}]\nendpoints: [{endpoints}]\n"
    )
}

#[test]
fn endpoint_slices() {
    let text = slice(concat!(
        "{addresses: [10.0.0.1], zone: a, targetRef: {kind: Pod}},",
        "{addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}},",
        "{addresses: [10.0.0.3], conditions: {ready: false}}"
    ));
    let store = store(&text);
    assert_verdicts("slice", &store.diagnostics, &[]);
    let slice = &store.endpoint_slices.values().next().expect("a slice").spec;
    assert_eq!(slice.service_name.as_deref(), Some("web"));
    let conditions = slice.endpoints.iter().map(|endpoint| {
        let Endpoint {
            ready,
            serving,
            terminating,
            ..
        } = endpoint;
        [*ready, *serving, *terminating]
    });
    let expected = [
        [true, true, false],
        [false, true, true],
        [false, false, false],
    ];
    assert_eq!(conditions.collect::<Vec<_>>(), expected);
    assert_eq!(slice.ports[0].port, Some(80));
}

#[test]
fn endpoint_slice_rules() {
    let cases: [(&str, Verdict<'_>); 4] = [
        (
            "{}",
            ("required-value", "endpoints[0].addresses", "Required value"),
        ),
        (
            "{addresses: []}",
            (
                "invalid-value",
                "endpoints[0].addresses",
                "at least 1 items",
            ),
        ),
        (
            "{addresses: ['::1']}",
            ("invalid-value", "endpoints[0].addresses[0]", "valid IPv4"),
        ),
        (
            "{addresses: [10.0.0.1], condition: {}}",
            (
                "unknown-field",
                "endpoints[0].condition",
                "did you mean `conditions`?",
            ),
        ),
    ];
    for (endpoints, expected) in cases {
        assert_verdicts(
            endpoints,
            &store(&slice(endpoints)).diagnostics,
            &[expected],
        );
    }
}

#[test]
fn secrets_and_config_maps() {
    let store = store(concat!(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: kubernetes.io/tls\n",
        "data: {tls.crt: Y2VydA==, over: YQ==}\nstringData: {over: written, plain: text}\n---\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nimmutable: true\n",
        "data: {ca.crt: pem}\nbinaryData: {bin: AQI=}\n"
    ));
    assert_verdicts("contents", &store.diagnostics, &[]);
    let secret: &Secret = &store.secrets.values().next().expect("a Secret").spec;
    assert_eq!(secret.secret_type, "kubernetes.io/tls");
    assert_eq!(secret.data["tls.crt"], b"cert");
    assert_eq!(secret.data["over"], b"written");
    assert_eq!(secret.data["plain"], b"text");
    assert!(!format!("{secret:?}").contains("written"));
    let map = &store.config_maps.values().next().expect("a ConfigMap").spec;
    assert_eq!(map.data["ca.crt"], b"pem");
    assert_eq!(map.data["bin"], [1, 2]);
}

#[test]
fn contents_are_never_shown() {
    let cases: [(&str, Verdict<'_>); 2] = [
        (
            "data: {tls.key: hunter2!}",
            ("invalid-value", "data[tls.key]", "standard base64"),
        ),
        (
            "stringData: {pin: 48151}",
            ("invalid-type", "stringData.pin", "put it in quotes"),
        ),
    ];
    for (data, expected) in cases {
        let store = store(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{data}\n"
        ));
        assert_verdicts(data, &store.diagnostics, &[expected]);
        let found = &store.diagnostics[0];
        let shown = format!("{} {:?} {:?}", found.message, found.help, found.notes);
        assert!(
            !shown.contains("hunter2") && !shown.contains("48151"),
            "{shown}"
        );
        assert!(store.secrets.is_empty());
    }
}
