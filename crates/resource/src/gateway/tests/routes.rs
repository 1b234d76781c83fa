// SPDX-License-Identifier: Apache-2.0
//! HTTPRoutes.

use std::time::Duration;

use crate::{
    gateway::{Filter, Fraction, Matcher, PathMatch, PathModifier, Route, RouteRetry},
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn route(spec: &str, expected: &[Verdict<'_>]) -> Option<Route> {
    let store = store(&manifest("gateway.networking.k8s.io/v1", "HTTPRoute", spec));
    assert_verdicts(spec, &store.diagnostics, expected);
    Some(store.routes.values().next()?.spec.clone())
}

fn rule(rule: &str, expected: &[Verdict<'_>]) -> Option<Route> {
    route(&format!("rules: [{{{rule}}}]"), expected)
}

fn refuses(cases: &[(&str, Verdict<'_>)]) {
    for (text, expected) in cases {
        assert_eq!(rule(text, &[*expected]), None);
    }
}

#[test]
fn defaults() {
    let empty = route("parentRefs: [{name: gw}]", &[]).expect("a route");
    assert_eq!(empty.parent_refs[0].group, "gateway.networking.k8s.io");
    assert_eq!(empty.parent_refs[0].kind, "Gateway");
    assert_eq!(
        empty.rules[0].matches[0].path,
        PathMatch::PathPrefix("/".to_owned())
    );
    let found = rule(
        concat!(
            "matches: [{headers: [{name: X-A, value: b}, {name: x-a, value: c}], queryParams: [{name: q, value: v, type: RegularExpression}]}], ",
            "backendRefs: [{name: a, port: 80}, {name: b, group: gateway.kgateway.dev, kind: Backend, weight: 0}], ",
            "timeouts: {request: 0s, backendRequest: 5s}, ",
            "retry: {codes: [503, 500], attempts: 2, backoff: 100ms}"
        ),
        &[],
    );
    let rule = &found.expect("a route").rules[0];
    assert_eq!(rule.path.to_string(), "spec.rules[0]");
    let headers = &rule.matches[0].headers;
    assert_eq!(headers.len(), 1, "the first of a name counts");
    assert_eq!(headers[0].name, "x-a");
    assert_eq!(headers[0].value, Matcher::Exact("b".to_owned()));
    let weights: Vec<_> = rule
        .backend_refs
        .iter()
        .map(|backend| backend.weight)
        .collect();
    assert_eq!(weights, [1, 0]);
    assert_eq!(rule.backend_refs[0].kind, "Service");
    assert_eq!(
        rule.backend_refs[1].path.to_string(),
        "spec.rules[0].backendRefs[1]"
    );
    assert_eq!(rule.timeouts.request, Some(Duration::ZERO));
    let retry = RouteRetry {
        codes: vec![503, 500],
        attempts: Some(2),
        backoff: Some(Duration::from_millis(100)),
    };
    assert_eq!(rule.retry, Some(retry));
}

#[test]
fn filters() {
    let found = rule(
        concat!(
            "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: b}], remove: [c]}}, ",
            "{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 50}}, ",
            "{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, fraction: {numerator: 1}}}, ",
            "{type: URLRewrite, urlRewrite: {hostname: a.b, path: {type: ReplaceFullPath, replaceFullPath: /x}}}, ",
            "{type: ExtensionRef, extensionRef: {group: a.b, kind: C, name: d}}]"
        ),
        &[],
    );
    let filters = &found.expect("a route").rules[0].filters;
    let Filter::RequestMirror(mirror) = &filters[2] else {
        panic!("{filters:?}");
    };
    assert_eq!(
        mirror.fraction,
        Some(Fraction {
            numerator: 1,
            denominator: 100
        })
    );
    let Filter::UrlRewrite(rewrite) = &filters[3] else {
        panic!("{filters:?}");
    };
    assert_eq!(
        rewrite.path,
        Some(PathModifier::ReplaceFullPath("/x".to_owned()))
    );
    let extension = Filter::Extension("ExtensionRef".to_owned(), "a.b/C/d".to_owned());
    assert_eq!(filters[4], extension);
    let redirect = rule(
        "filters: [{type: RequestRedirect, requestRedirect: {}}]",
        &[],
    );
    let filters = &redirect.expect("a route").rules[0].filters;
    assert!(matches!(&filters[0], Filter::RequestRedirect(found) if found.status_code == 302));
}

#[test]
fn parts_that_are_not_implemented() {
    let found = rule(
        "sessionPersistence: {}, filters: [{type: CORS, cors: {}}]",
        &[
            (
                "unsupported-field",
                "spec.rules[0].sessionPersistence",
                "not implemented",
            ),
            (
                "unsupported-field",
                "spec.rules[0].filters[0].cors",
                "the rule answers 500",
            ),
        ],
    );
    let filters = &found.expect("a route").rules[0].filters;
    assert_eq!(
        filters[0],
        Filter::Extension("CORS".to_owned(), String::new())
    );
    route(
        "useDefaultGateways: All",
        &[(
            "unsupported-field",
            "spec.useDefaultGateways",
            "not implemented",
        )],
    );
}

#[test]
fn route_rules() {
    let many_rules = format!("rules: [{}]", vec!["{}"; 17].join(", "));
    let many_hosts = (0..17)
        .map(|host| format!("h{host}.b"))
        .collect::<Vec<_>>()
        .join(", ");
    let many_hosts = format!("hostnames: [{many_hosts}]");
    let matches = format!("{{matches: [{}]}}", vec!["{}"; 64].join(", "));
    let many_matches = format!("rules: [{matches}, {matches}, {{}}]");
    let cases: [(&str, Verdict<'_>); 9] = [
        (
            "rules: []",
            ("invalid-value", "spec.rules", "at least 1 items"),
        ),
        (&many_rules, ("too-many", "spec.rules", "Too many: 17")),
        (&many_hosts, ("too-many", "spec.hostnames", "Too many: 17")),
        (
            &many_matches,
            ("invalid-value", "spec.rules", "less than 128"),
        ),
        (
            "hostnames: [A.b]",
            ("invalid-value", "spec.hostnames[0]", "lower case"),
        ),
        (
            "hostnames: ['a.b:80']",
            ("invalid-value", "spec.hostnames[0]", "DNS hostname"),
        ),
        (
            "parentRefs: [{name: a}, {name: a, sectionName: b}]",
            ("invalid-value", "spec.parentRefs[1]", "must be specified"),
        ),
        (
            "parentRefs: [{name: a, sectionName: b}, {name: a, sectionName: b}]",
            ("invalid-value", "spec.parentRefs[1]", "must be unique"),
        ),
        (
            "rules: [{name: a}, {name: a}]",
            ("invalid-value", "spec.rules[1]", "Rule name must be unique"),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(route(spec, &[expected]), None);
    }
}

#[test]
fn path_values() {
    for path in [
        "/",
        "/a/b",
        "/a%20b",
        "/a..b",
        "/.well-known/x",
        "/a~b!$&'()*+,;=:@",
    ] {
        assert!(rule(&format!("matches: [{{path: {{value: \"{path}\"}}}}]"), &[]).is_some());
    }
    let regex = "matches: [{path: {type: RegularExpression, value: '^a//b#'}}]";
    assert!(rule(regex, &[]).is_some());
    let cases = [
        ("a", "start with '/'"),
        ("/a//b", "must not contain '//'"),
        ("/a/./b", "must not contain '/./'"),
        ("/a/../b", "must not contain '/../'"),
        ("/a%2fb", "must not contain '%2f'"),
        ("/a%2Fb", "must not contain '%2F'"),
        ("/a#b", "must not contain '#'"),
        ("/a/..", "must not end with '/..'"),
        ("/a/.", "must not end with '/.'"),
        ("/a b", "characters that a URI path"),
        ("/a%2", "characters that a URI path"),
    ];
    for (path, fragment) in cases {
        let text = format!("matches: [{{path: {{type: Exact, value: \"{path}\"}}}}]");
        refuses(&[(
            &text,
            ("invalid-value", "spec.rules[0].matches[0].path", fragment),
        )]);
    }
    let long = format!("matches: [{{path: {{value: /{}}}}}]", "a".repeat(1024));
    refuses(&[(
        &long,
        (
            "too-long",
            "spec.rules[0].matches[0].path.value",
            "may not be more than 1024 bytes",
        ),
    )]);
}

#[test]
fn match_and_backend_rules() {
    refuses(&[
        (
            "matches: [{method: get}]",
            (
                "unsupported-value",
                "spec.rules[0].matches[0].method",
                "did you mean `GET`?",
            ),
        ),
        (
            "matches: [{headers: [{name: 'a b', value: c}]}]",
            (
                "invalid-value",
                "spec.rules[0].matches[0].headers[0].name",
                "a token",
            ),
        ),
        (
            "matches: [{headers: [{name: a}]}]",
            (
                "required-value",
                "spec.rules[0].matches[0].headers[0].value",
                "Required",
            ),
        ),
        (
            "backendRefs: [{name: a}]",
            (
                "invalid-value",
                "spec.rules[0].backendRefs[0]",
                "Must have port for Service",
            ),
        ),
        (
            "backendRefs: [{name: a, port: 80, weight: 1000001}]",
            (
                "invalid-value",
                "spec.rules[0].backendRefs[0].weight",
                "equal to 1000000",
            ),
        ),
        (
            "backendRefs: [{port: 80}]",
            (
                "required-value",
                "spec.rules[0].backendRefs[0].name",
                "Required",
            ),
        ),
        (
            "timeouts: {request: 1s, backendRequest: 2s}",
            (
                "invalid-value",
                "spec.rules[0].timeouts",
                "cannot be longer than request",
            ),
        ),
        (
            "retry: {codes: [399]}",
            ("invalid-value", "spec.rules[0].retry.codes[0]", "400"),
        ),
        (
            "retry: {codes: [500, 500]}",
            ("duplicate-value", "spec.rules[0].retry.codes[1]", "500"),
        ),
        (
            "retry: {attempts: 0}",
            ("invalid-value", "spec.rules[0].retry.attempts", "1"),
        ),
        (
            "timeouts: {request: 10}",
            (
                "invalid-type",
                "spec.rules[0].timeouts.request",
                "write \"10s\"",
            ),
        ),
    ]);
}

#[test]
fn filter_rules() {
    const FILTER: &str = "spec.rules[0].filters[0]";
    const SECOND: &str = "spec.rules[0].filters[1]";
    const HEADER: &str = "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}";
    const REDIRECT: &str = "{type: RequestRedirect, requestRedirect: {}}";
    const PREFIX: &str = "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}";
    let cases: [(String, Verdict<'_>); 14] = [
        ("filters: [{}]".to_owned(), ("required-value", "spec.rules[0].filters[0].type", "Required")),
        (
            "filters: [{type: UrlRewrite}]".to_owned(),
            ("unsupported-value", "spec.rules[0].filters[0].type", "did you mean `URLRewrite`?"),
        ),
        (
            "filters: [{type: URLRewrite}]".to_owned(),
            ("invalid-value", FILTER, "filter.urlRewrite must be specified"),
        ),
        (
            "filters: [{type: URLRewrite, urlRewrite: {}, requestRedirect: {}}]".to_owned(),
            ("invalid-value", FILTER, "filter.requestRedirect must be nil"),
        ),
        (
            format!("filters: [{HEADER}, {HEADER}]"),
            ("invalid-value", SECOND, "RequestHeaderModifier filter cannot be repeated"),
        ),
        (
            format!("filters: [{REDIRECT}, {{type: URLRewrite, urlRewrite: {{}}}}]"),
            ("invalid-value", SECOND, "but not both"),
        ),
        (
            format!("filters: [{REDIRECT}], backendRefs: [{{name: a, port: 80}}]"),
            ("invalid-value", "spec.rules[0]", "must not be used together with backendRefs"),
        ),
        (
            format!("filters: [{PREFIX}], matches: [{{path: {{type: Exact, value: /a}}}}]"),
            ("invalid-value", "spec.rules[0]", "exactly one PathPrefix match"),
        ),
        (
            format!("filters: [{PREFIX}], matches: [{{}}, {{}}]"),
            ("invalid-value", "spec.rules[0]", "exactly one PathPrefix match"),
        ),
        (
            "filters: [{type: RequestRedirect, requestRedirect: {statusCode: 200}}]".to_owned(),
            ("unsupported-value", "spec.rules[0].filters[0].requestRedirect.statusCode", "\"301\""),
        ),
        (
            "filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath}}}]"
                .to_owned(),
            (
                "invalid-value",
                "spec.rules[0].filters[0].requestRedirect.path",
                "replaceFullPath must be specified",
            ),
        ),
        (
            "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 5, fraction: {numerator: 1}}}]".to_owned(),
            (
                "invalid-value",
                "spec.rules[0].filters[0].requestMirror",
                "Only one of percent or fraction",
            ),
        ),
        (
            "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a}}}]".to_owned(),
            (
                "invalid-value",
                "spec.rules[0].filters[0].requestMirror.backendRef",
                "Must have port",
            ),
        ),
        (
            "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\n\"}]}}]".to_owned(),
            (
                "invalid-value",
                "spec.rules[0].filters[0].requestHeaderModifier.set[0].value",
                "line breaks",
            ),
        ),
    ];
    for (text, expected) in &cases {
        refuses(&[(text, *expected)]);
    }
}
