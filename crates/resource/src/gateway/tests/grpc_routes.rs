// SPDX-License-Identifier: Apache-2.0
//! GRPCRoutes.

use crate::{
    gateway::{GrpcMethod, Matcher, PathMatch, Route},
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn rule(rule: &str, expected: &[Verdict<'_>]) -> Option<Route> {
    let spec = format!("parentRefs: [{{name: gw}}]\nrules: [{{{rule}}}]");
    let store = store(&manifest(
        "gateway.networking.k8s.io/v1",
        "GRPCRoute",
        &spec,
    ));
    assert_verdicts(rule, &store.diagnostics, expected);
    Some(store.routes.values().next()?.spec.clone())
}

fn exact(text: &str) -> Option<Matcher> {
    Some(Matcher::Exact(text.to_owned()))
}

#[test]
fn a_rule_matches_methods_and_every_method_by_default() {
    let route = rule("backendRefs: [{name: a, port: 80}]", &[]).expect("a route");
    assert_eq!(
        route.rules[0].matches[0].path,
        PathMatch::Grpc(GrpcMethod::default())
    );
    let matches = "matches: [{method: {service: .a.B, method: c_D}}, \
                   {method: {type: RegularExpression, method: 'Get|List'}}, \
                   {headers: [{name: X-A, value: b}]}]";
    let route = rule(matches, &[]).expect("a route");
    let methods: Vec<_> = route.rules[0].matches.iter().map(|it| &it.path).collect();
    let expected = [
        GrpcMethod {
            service: exact(".a.B"),
            method: exact("c_D"),
        },
        GrpcMethod {
            service: None,
            method: Some(Matcher::RegularExpression("Get|List".to_owned())),
        },
        GrpcMethod::default(),
    ];
    assert_eq!(
        methods,
        expected.map(PathMatch::Grpc).iter().collect::<Vec<_>>()
    );
    assert_eq!(route.rules[0].matches[2].headers[0].name, "x-a");
}

#[test]
fn what_only_http_routes_have_is_refused() {
    let redirect = "filters: [{type: RequestRedirect, requestRedirect: {hostname: a.example.com}}]";
    let cases: [(&str, &[Verdict<'_>]); 6] = [
        (
            "matches: [{method: {type: Exact}}]",
            &[(
                "invalid-value",
                "spec.rules[0].matches[0].method",
                "One or both of 'service' or 'method' must be specified",
            )],
        ),
        (
            "matches: [{method: {service: a/b}}]",
            &[(
                "invalid-value",
                "spec.rules[0].matches[0].method.service",
                "service must be made of letters, digits and '_'",
            )],
        ),
        (
            "matches: [{method: {type: RegularExpression, method: '('}}]",
            &[(
                "invalid-value",
                "spec.rules[0].matches[0].method.method",
                "must be a regular expression of RE2",
            )],
        ),
        (
            "matches: [{path: {value: /a}}]",
            &[(
                "unknown-field",
                "spec.rules[0].matches[0].path",
                "unknown field",
            )],
        ),
        (
            "timeouts: {request: 1s}",
            &[("unknown-field", "spec.rules[0].timeouts", "unknown field")],
        ),
        (
            redirect,
            &[
                (
                    "unsupported-value",
                    "spec.rules[0].filters[0].type",
                    "RequestRedirect",
                ),
                (
                    "unknown-field",
                    "spec.rules[0].filters[0].requestRedirect",
                    "unknown field",
                ),
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(rule(text, expected), None, "{text}");
    }
}

#[test]
fn session_persistence_is_told_to_do_nothing() {
    let expected = [(
        "unsupported-field",
        "spec.rules[0].sessionPersistence",
        "not implemented",
    )];
    assert!(rule("sessionPersistence: {sessionName: a}", &expected).is_some());
}
