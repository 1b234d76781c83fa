// SPDX-License-Identifier: Apache-2.0
//! Verdicts on Backends.

use crate::{
    kgateway::BackendType,
    testing::{Verdict, assert_verdicts, manifest, store},
};

fn backend(spec: &str, expected: &[Verdict<'_>]) -> Option<BackendType> {
    let store = store(&manifest("gateway.kgateway.dev/v1alpha1", "Backend", spec));
    assert_verdicts(spec, &store.diagnostics, expected);
    let backend = store.backends.values().next()?;
    Some(backend.spec.backend_type.clone())
}

#[test]
fn backends() {
    let fixed = backend(
        "type: Static\nstatic: {hosts: [{host: example.com, port: 443}, {host: '::1', port: 1}], appProtocol: http2}",
        &[],
    );
    assert!(matches!(fixed, Some(BackendType::Static { hosts, .. }) if hosts.len() == 2));
    let groups = backend("priorityGroups: [{backends: [{name: a}, {name: b}]}]", &[]);
    let Some(BackendType::PriorityGroups(groups)) = groups else {
        panic!("{groups:?}");
    };
    assert_eq!(groups[0].backends, ["a", "b"]);
    let aws = backend(
        "aws: {region: us-east-1}",
        &[(
            "unsupported-field",
            "spec.aws",
            "accepted but not implemented",
        )],
    );
    assert_eq!(aws, Some(BackendType::Unsupported("aws".to_owned())));
}

#[test]
fn backend_rules() {
    let cases: [(&str, Verdict<'_>); 5] = [
        (
            "{}",
            (
                "invalid-value",
                "spec",
                "exactly one of the fields in [aws static",
            ),
        ),
        (
            "type: AWS\nstatic: {hosts: [{host: a, port: 1}]}",
            ("invalid-value", "spec", "agree"),
        ),
        (
            "static: {hosts: []}",
            ("invalid-value", "spec.static.hosts", "at least 1 items"),
        ),
        (
            "static: {hosts: [{host: 'a:80', port: 80}]}",
            (
                "invalid-value",
                "spec.static.hosts[0].host",
                "write the host alone",
            ),
        ),
        (
            "static: {hosts: [{host: a}]}",
            (
                "required-value",
                "spec.static.hosts[0].port",
                "Required value",
            ),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(backend(spec, &[expected]), None);
    }
}
