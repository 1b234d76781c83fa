// SPDX-License-Identifier: Apache-2.0
//! Gateways and GatewayClasses.

use crate::{
    gateway::{FromNamespaces, Gateway},
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn gateway(spec: &str, expected: &[Verdict<'_>]) -> Option<Gateway> {
    let store = store(&manifest("gateway.networking.k8s.io/v1", "Gateway", spec));
    assert_verdicts(spec, &store.diagnostics, expected);
    Some(store.gateways.values().next()?.spec.clone())
}

fn listeners(items: &str, expected: &[Verdict<'_>]) -> Option<Gateway> {
    gateway(
        &format!("gatewayClassName: a\nlisteners: [{items}]"),
        expected,
    )
}

#[test]
fn defaults() {
    let found = listeners(
        "{name: a, port: 443, protocol: HTTPS, hostname: '*.a.com', tls: {certificateRefs: [{name: c}]}}",
        &[],
    );
    let listener = &found.expect("a Gateway").listeners[0];
    let tls = listener.tls.as_ref().expect("TLS");
    assert_eq!(tls.mode, "Terminate");
    let reference = &tls.certificate_refs[0];
    assert_eq!(
        (reference.group.as_str(), reference.kind.as_str()),
        ("", "Secret")
    );
    assert_eq!(listener.allowed_routes.from, FromNamespaces::Same);
}

#[test]
fn allowed_routes() {
    let cases = [
        ("{namespaces: {from: All}}", FromNamespaces::All),
        ("{namespaces: {from: None}}", FromNamespaces::None),
        ("{kinds: [{kind: HTTPRoute}]}", FromNamespaces::Same),
    ];
    for (routes, expected) in cases {
        let item = format!("{{name: a, port: 80, protocol: HTTP, allowedRoutes: {routes}}}");
        let found = listeners(&item, &[]).expect("a Gateway");
        assert_eq!(found.listeners[0].allowed_routes.from, expected);
    }
    let selector = "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, \
                    selector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: NotIn, values: [d]}]}}}}";
    let found = listeners(selector, &[]).expect("a Gateway");
    let FromNamespaces::Selector(selector) = &found.listeners[0].allowed_routes.from else {
        panic!("{found:?}");
    };
    let labels = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        pairs.collect()
    };
    assert!(selector.matches(&labels(&[("a", "b")])));
    assert!(selector.matches(&labels(&[("a", "b"), ("c", "e")])));
    assert!(!selector.matches(&labels(&[("a", "b"), ("c", "d")])));
    assert!(!selector.matches(&labels(&[("c", "e")])));
}

#[test]
fn listener_rules() {
    const ITEM: &str = "spec.listeners[0]";
    let cases: [(&str, Verdict<'_>); 18] = [
        (
            "{port: 80, protocol: HTTP}",
            ("required-value", "spec.listeners[0].name", "Required"),
        ),
        (
            "{name: a, protocol: HTTP}",
            ("required-value", "spec.listeners[0].port", "Required"),
        ),
        (
            "{name: a, port: 80}",
            ("required-value", "spec.listeners[0].protocol", "Required"),
        ),
        (
            "{name: a, port: 0, protocol: HTTP}",
            ("invalid-value", "spec.listeners[0].port", "equal to 1"),
        ),
        (
            "{name: a, port: 80, protocol: http}",
            (
                "unsupported-value",
                "spec.listeners[0].protocol",
                "did you mean `HTTP`?",
            ),
        ),
        (
            "{name: A_b, port: 80, protocol: HTTP}",
            ("invalid-value", "spec.listeners[0].name", "RFC 1123"),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: c}]}}",
            ("invalid-value", ITEM, "tls must not be specified"),
        ),
        (
            "{name: a, port: 80, protocol: HTTPS, tls: {mode: Passthrough}}",
            (
                "invalid-value",
                ITEM,
                "must be Terminate for protocol HTTPS",
            ),
        ),
        (
            "{name: a, port: 80, protocol: TLS}",
            (
                "invalid-value",
                ITEM,
                "tls mode must be set for protocol TLS",
            ),
        ),
        (
            "{name: a, port: 80, protocol: TCP, hostname: a.b}",
            ("invalid-value", ITEM, "hostname must not be specified"),
        ),
        (
            "{name: a, port: 443, protocol: HTTPS, tls: {}}",
            (
                "invalid-value",
                "spec.listeners[0].tls",
                "certificateRefs or options",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, hostname: 'A.b'}",
            (
                "invalid-value",
                "spec.listeners[0].hostname",
                "lower case DNS hostname",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}",
            ("invalid-value", "spec.listeners[1]", "name must be unique"),
        ),
        (
            "{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}",
            (
                "invalid-value",
                "spec.listeners[1]",
                "Combination of port, protocol and hostname",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Any}}}",
            (
                "unsupported-value",
                "spec.listeners[0].allowedRoutes.namespaces.from",
                "\"All\"",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{}]}}",
            (
                "required-value",
                "spec.listeners[0].allowedRoutes.kinds[0].kind",
                "Required",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {selector: {matchExpressions: [{key: a, operator: In}]}}}}",
            (
                "invalid-value",
                "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0]",
                "values must be set",
            ),
        ),
        (
            "{name: a, port: 80, protocol: HTTP, hostnames: []}",
            (
                "unknown-field",
                "spec.listeners[0].hostnames",
                "did you mean `hostname`?",
            ),
        ),
    ];
    for (items, expected) in cases {
        assert_eq!(listeners(items, &[expected]), None);
    }
}

#[test]
fn gateway_rules() {
    const LISTENERS: &str = "gatewayClassName: a\nlisteners: [{name: a, port: 80, protocol: HTTP}]";
    let cases: [(String, Verdict<'_>); 7] = [
        (
            "listeners: [{name: a, port: 80, protocol: HTTP}]".to_owned(),
            ("required-value", "spec.gatewayClassName", "Required"),
        ),
        (
            "gatewayClassName: a".to_owned(),
            ("required-value", "spec.listeners", "Required"),
        ),
        (
            "gatewayClassName: a\nlisteners: []".to_owned(),
            ("invalid-value", "spec.listeners", "at least 1 items"),
        ),
        (
            format!("{LISTENERS}\naddresses: [{{value: a.b}}]"),
            ("invalid-value", "spec.addresses[0].value", "type IPAddress"),
        ),
        (
            format!("{LISTENERS}\naddresses: [{{value: 1.1.1.1}}, {{value: 1.1.1.1}}]"),
            ("duplicate-value", "spec.addresses[1]", "1.1.1.1"),
        ),
        (
            format!("{LISTENERS}\ntls: {{backend: {{clientCertificateRef: {{}}}}}}"),
            (
                "required-value",
                "spec.tls.backend.clientCertificateRef.name",
                "Required",
            ),
        ),
        (
            format!("{LISTENERS}\ninfrastructure: {{labels: {{a: 1}}}}"),
            ("invalid-type", "spec.infrastructure.labels.a", "quotes"),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(gateway(&spec, &[expected]), None);
    }
    let many = (1..=65).map(|port| format!("{{name: l{port}, port: {port}, protocol: HTTP}}"));
    let many = many.collect::<Vec<_>>().join(", ");
    listeners(
        &many,
        &[(
            "too-many",
            "spec.listeners",
            "Too many: 65: must have at most 64 items",
        )],
    );
}

#[test]
fn parts_that_are_not_implemented() {
    let spec = concat!(
        "gatewayClassName: a\nlisteners: [{name: a, port: 80, protocol: HTTP}]\n",
        "infrastructure: {labels: {a: b}, parametersRef: {group: a.b, kind: C, name: d}}\n",
        "tls: {frontend: {default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}}, ",
        "backend: {clientCertificateRef: {name: c}}}\n",
    );
    let expected = [("unsupported-field", "spec.tls.frontend", "not implemented")];
    let found = gateway(spec, &expected).expect("a Gateway");
    let parameters = found.parameters_ref.as_ref().expect("a reference");
    assert_eq!(
        (parameters.kind.as_str(), parameters.name.as_str()),
        ("C", "d")
    );
    assert_eq!(
        found.backend_client_certificate.expect("a reference").name,
        "c"
    );
}

/// Without `from` no namespace may have ListenerSets, not even the Gateway's own.
#[test]
fn listeners_of_others_are_not_allowed_unless_written() {
    let of = |allowed: &str| {
        let listeners = "listeners: [{name: a, port: 80, protocol: HTTP}]";
        let spec = format!("gatewayClassName: a\n{listeners}\n{allowed}\n");
        gateway(&spec, &[]).expect("a Gateway").allowed_listeners
    };
    assert_eq!(of(""), FromNamespaces::None);
    let labels = "allowedListeners: {namespaces: {selector: {matchLabels: {a: b}}}}";
    assert_eq!(of(labels), FromNamespaces::None);
    let same = "allowedListeners: {namespaces: {from: Same}}";
    assert_eq!(of(same), FromNamespaces::Same);
}

#[test]
fn a_listener_set_names_its_gateway() {
    let text = |spec: &str| manifest("gateway.networking.k8s.io/v1", "ListenerSet", spec);
    let listeners = "listeners: [{name: a, port: 80, protocol: HTTP}]";
    let found = store(&text(&format!("parentRef: {{name: g}}\n{listeners}")));
    let set = found.listener_sets.values().next().expect("a ListenerSet");
    assert_eq!(set.spec.parent.to_string(), "Gateway ns/g");
    assert_eq!(set.spec.listeners[0].port, 80);
    let without = store(&text(listeners));
    let required = ("required-value", "spec.parentRef", "Required");
    assert_verdicts(listeners, &without.diagnostics, &[required]);
}

#[test]
fn gateway_classes() {
    let cases: [(&str, &[Verdict<'_>]); 4] = [
        ("controllerName: example.com/x", &[]),
        (
            "{}",
            &[("required-value", "spec.controllerName", "Required")],
        ),
        (
            "controllerName: x",
            &[("invalid-value", "spec.controllerName", "a slash and a path")],
        ),
        (
            "controllerName: example.com/x\nparametersRef: {group: a, kind: b}",
            &[("required-value", "spec.parametersRef.name", "Required")],
        ),
    ];
    for (spec, expected) in cases {
        let store = store(&manifest(
            "gateway.networking.k8s.io/v1beta1",
            "GatewayClass",
            spec,
        ));
        assert_verdicts(spec, &store.diagnostics, expected);
        assert_eq!(
            store.gateway_classes.len(),
            usize::from(expected.is_empty())
        );
    }
}
