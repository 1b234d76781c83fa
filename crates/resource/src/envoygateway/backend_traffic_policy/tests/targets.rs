// SPDX-License-Identifier: Apache-2.0
//! `targetRef`, `targetRefs`, `targetSelectors`.

use super::{accepts, model, refuses};
use crate::envoygateway::backend_traffic_policy::{TargetKind, TargetNamespaces};

const INVALID: &str = "invalid-value";

#[test]
fn every_kind_with_its_sections() {
    for (name, kind) in TargetKind::ALL {
        let section = match kind {
            TargetKind::TlsRoute => "",
            _ => ", sectionName: one",
        };
        let policy = model(&format!(
            "targetRefs: [{{group: gateway.networking.k8s.io, kind: {name}, name: a{section}}}]"
        ));
        let target = &policy.targets[0];
        assert_eq!(target.value.kind, kind);
        assert_eq!(target.value.kind.name(), name);
        assert_eq!(target.value.name, "a");
        let expected = (!section.is_empty()).then_some("one");
        assert_eq!(target.value.section_name.as_deref(), expected);
        assert_eq!(target.path.to_string(), "spec.targetRefs[0]");
    }
}

#[test]
fn both_forms_are_one_list_without_repetitions() {
    let policy = model(
        "targetRef: {kind: HTTPRoute, name: a}\ntargetRefs: [{kind: HTTPRoute, name: a}, {kind: HTTPRoute, name: b}]",
    );
    let paths: Vec<String> = policy
        .targets
        .iter()
        .map(|it| it.path.to_string())
        .collect();
    assert_eq!(paths, ["spec.targetRef", "spec.targetRefs[1]"]);
}

#[test]
fn selectors() {
    let policy = model(
        "targetSelectors: [{kind: HTTPRoute, matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}, {kind: Gateway, namespaces: {from: All}}, {kind: Gateway, namespaces: {from: Selector, selector: {matchLabels: {d: e}}}}]",
    );
    let [first, second, third] = policy.target_selectors.as_slice() else {
        panic!("three selectors");
    };
    assert_eq!(first.value.namespaces, TargetNamespaces::Same);
    assert_eq!(first.value.labels.match_labels["a"], "b");
    assert_eq!(first.value.labels.match_expressions.len(), 1);
    assert_eq!(second.value.namespaces, TargetNamespaces::All);
    assert!(second.value.labels.match_labels.is_empty());
    let TargetNamespaces::Selector(labels) = &third.value.namespaces else {
        panic!("a selector of namespaces");
    };
    assert_eq!(labels.match_labels["d"], "e");
    accepts(&[(
        "a selector that is not asked",
        "targetSelectors: [{kind: Gateway, namespaces: {from: Same, selector: {}}}]",
        &[(
            "no-effect",
            "spec.targetSelectors[0].namespaces.selector",
            "without `from: Selector`",
        )],
    )]);
}

#[test]
fn refused() {
    refuses(&[
        (
            "T1 name",
            "targetRef: {kind: HTTPRoute, name: ''}",
            &[(INVALID, "spec.targetRef.name", "at least 1 chars")],
        ),
        (
            "T1 kind",
            "targetRef: {name: a}",
            &[("required-value", "spec.targetRef.kind", "Required")],
        ),
        (
            "T1 namespace",
            "targetRef: {kind: HTTPRoute, name: a, namespace: b}",
            &[(
                "unknown-field",
                "spec.targetRef.namespace",
                "`targetSelectors`",
            )],
        ),
        (
            "T1 section",
            "targetRef: {kind: HTTPRoute, name: a, sectionName: A_b}",
            &[(INVALID, "spec.targetRef.sectionName", "RFC 1123")],
        ),
        (
            "3.1 a TLSRoute has no sections",
            "targetRef: {kind: TLSRoute, name: a, sectionName: b}",
            &[(INVALID, "spec.targetRef.sectionName", "has no sections")],
        ),
        (
            "T3 no section",
            "targetSelectors: [{kind: HTTPRoute, sectionName: a}]",
            &[(
                "unknown-field",
                "spec.targetSelectors[0].sectionName",
                "use `targetRefs`",
            )],
        ),
        (
            "T3 labels that no object can have",
            "targetSelectors: [{kind: HTTPRoute, matchLabels: {'a b': c}}]",
            &[(
                INVALID,
                "spec.targetSelectors[0].matchLabels.a b",
                "no object can have",
            )],
        ),
        (
            "T3 an expression that cannot be read",
            "targetSelectors: [{kind: HTTPRoute, matchExpressions: [{key: a, operator: In}]}]",
            &[(
                INVALID,
                "spec.targetSelectors[0].matchExpressions[0]",
                "values must be set",
            )],
        ),
        (
            "T4",
            "targetSelectors: [{kind: HTTPRoute, namespaces: {from: Selector}}]",
            &[(
                "required-value",
                "spec.targetSelectors[0].namespaces.selector",
                "Required",
            )],
        ),
    ]);
}
