// SPDX-License-Identifier: Apache-2.0
//! TCPRoutes, TLSRoutes and UDPRoutes.

use crate::{
    gateway::{Carried, Route},
    testing::{Verdict, assert_verdicts, manifest, store},
};

const RULES: &str = "rules: [{name: db, backendRefs: [{name: a, port: 5432, weight: 3}, \
                     {name: b, port: 5432}]}]";

fn route(version: &str, kind: &str, spec: &str, expected: &[Verdict<'_>]) -> Option<Route> {
    let api_version = format!("gateway.networking.k8s.io/{version}");
    let spec = format!("parentRefs: [{{name: gw}}]\n{spec}");
    let store = store(&manifest(&api_version, kind, &spec));
    assert_verdicts(
        &format!("{version} {kind} {spec}"),
        &store.diagnostics,
        expected,
    );
    Some(store.routes.values().next()?.spec.clone())
}

#[test]
fn a_rule_has_backends_and_nothing_else() {
    let kinds = [
        ("v1", "TCPRoute", "", Carried::Tcp),
        ("v1alpha2", "TCPRoute", "", Carried::Tcp),
        ("v1", "TLSRoute", "hostnames: [a.b]\n", Carried::Tls),
        ("v1alpha3", "TLSRoute", "hostnames: ['*.b']\n", Carried::Tls),
        ("v1alpha2", "TLSRoute", "", Carried::Tls),
    ];
    for (version, kind, hostnames, carried) in kinds {
        let route = route(version, kind, &format!("{hostnames}{RULES}"), &[]).expect("a route");
        assert_eq!(route.carried, carried);
        assert_eq!(route.hostnames.len(), usize::from(!hostnames.is_empty()));
        let rule = &route.rules[0];
        assert_eq!(rule.name.as_deref(), Some("db"));
        assert!(rule.matches.is_empty());
        let weights: Vec<u32> = rule.backend_refs.iter().map(|it| it.weight).collect();
        assert_eq!(weights, [3, 1]);
    }
}

#[test]
fn what_the_api_server_refuses_is_refused() {
    let two = "rules: [{backendRefs: [{name: a, port: 1}]}, {backendRefs: [{name: a, port: 1}]}]";
    let many = format!(
        "rules: [{{backendRefs: [{}]}}]",
        vec!["{name: a, port: 1}"; 17].join(", ")
    );
    let cases: [(&str, &str, Verdict<'_>); 10] = [
        (
            "TCPRoute",
            "",
            ("required-value", "spec.rules", "Required value"),
        ),
        ("TCPRoute", two, ("too-many", "spec.rules", "at most 1")),
        (
            "TCPRoute",
            "rules: []",
            ("invalid-value", "spec.rules", "at least 1"),
        ),
        (
            "TCPRoute",
            "rules: [{}]",
            (
                "required-value",
                "spec.rules[0].backendRefs",
                "Required value",
            ),
        ),
        (
            "TCPRoute",
            &many,
            ("too-many", "spec.rules[0].backendRefs", "16"),
        ),
        (
            "TCPRoute",
            "rules: [{backendRefs: [{name: a}]}]",
            (
                "invalid-value",
                "spec.rules[0].backendRefs[0]",
                "Must have port for Service reference",
            ),
        ),
        (
            "TCPRoute",
            "rules: [{backendRefs: [{name: a, port: 1, wieght: 2}]}]",
            (
                "unknown-field",
                "spec.rules[0].backendRefs[0].wieght",
                "weight",
            ),
        ),
        (
            "TCPRoute",
            &format!("hostnames: [a.b]\n{RULES}"),
            ("unknown-field", "spec.hostnames", "unknown field"),
        ),
        (
            "TLSRoute",
            RULES,
            ("required-value", "spec.hostnames", "Required value"),
        ),
        (
            "TLSRoute",
            &format!("hostnames: [10.0.0.1]\n{RULES}"),
            ("invalid-value", "spec.hostnames[0]", "cannot contain an IP"),
        ),
    ];
    for (kind, spec, expected) in cases {
        assert_eq!(route("v1", kind, spec, &[expected]), None, "{kind} {spec}");
    }
}

#[test]
fn a_udp_route_is_read_and_said_to_do_nothing() {
    let expected = ("unsupported-kind", "kind", "accepted but not implemented");
    let route = route("v1alpha2", "UDPRoute", RULES, &[expected]).expect("a route");
    assert_eq!(route.carried, Carried::Udp);
}
