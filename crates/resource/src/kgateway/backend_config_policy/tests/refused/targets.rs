// SPDX-License-Identifier: Apache-2.0
//! `targetRefs` and `targetSelectors`.

use super::refuses;

#[test]
fn rules() {
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
