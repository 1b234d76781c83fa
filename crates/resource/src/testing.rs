// SPDX-License-Identifier: Apache-2.0
//! Short ways for tests to decode YAML and to state verdicts.
//!
//! In: YAML text. Out: stores, objects, and diagnostics as comparable triples.

use std::sync::Arc;

use sluicegate_manifest::{Diagnostic, Document, SourceText, parse};

use crate::{
    Decoder, Object, Store, envoygateway::BackendTrafficPolicy, kgateway::BackendConfigPolicy,
};

/// What a test expects of one diagnostic: code, path, and a part of message or help.
pub(crate) type Verdict<'v> = (&'v str, &'v str, &'v str);

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Arc<Document>> {
    let parsed = parse(Arc::new(SourceText::new("test.yaml", yaml.to_owned())));
    assert!(
        parsed.diagnostics.is_empty(),
        "{:#?}\n{yaml}",
        parsed.diagnostics
    );
    parsed.documents
}

/// The store of a YAML text.
pub(crate) fn store(yaml: &str) -> Store {
    Decoder::default().decode(&documents(yaml))
}

/// A YAML document from its envelope and the body, indented below `spec:`.
pub(crate) fn manifest(api_version: &str, kind: &str, spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{ name: x, namespace: ns }}\nspec:\n  {spec}\n"
    )
}

/// The policy with this spec.
pub(crate) fn policy(spec: &str) -> Arc<Object<BackendConfigPolicy>> {
    let text = manifest("gateway.kgateway.dev/v1alpha1", "BackendConfigPolicy", spec);
    let store = store(&text);
    let policy = store.backend_config_policies.into_values().next();
    policy.unwrap_or_else(|| panic!("no policy: {:#?}\n{text}", store.diagnostics))
}

/// The BackendTrafficPolicy with this spec, and a target where it names none.
pub(crate) fn traffic_policy(spec: &str) -> Arc<Object<BackendTrafficPolicy>> {
    const TARGET: &str = "targetRef: {kind: HTTPRoute, name: route}";
    let spec = match spec.contains("target") {
        true => spec.to_owned(),
        false => format!("{TARGET}\n{spec}"),
    };
    let text = manifest(
        "gateway.envoyproxy.io/v1alpha1",
        "BackendTrafficPolicy",
        &spec,
    );
    let store = store(&text);
    let policy = store.backend_traffic_policies.into_values().next();
    policy.unwrap_or_else(|| panic!("no policy: {:#?}\n{text}", store.diagnostics))
}

/// Asserts that exactly these verdicts were given, in any order.
pub(crate) fn assert_verdicts(context: &str, found: &[Diagnostic], expected: &[Verdict<'_>]) {
    let lines = found.iter().map(|diagnostic| {
        let Diagnostic {
            code,
            path,
            message,
            help,
            ..
        } = diagnostic;
        format!(
            "{code} {path}: {message} | {}",
            help.as_deref().unwrap_or_default()
        )
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines.len(), expected.len(), "{context}\n{lines:#?}");
    for (code, path, fragment) in expected {
        let start = format!("{code} {path}: ");
        let given = lines
            .iter()
            .any(|line| line.starts_with(&start) && line.contains(fragment));
        assert!(
            given,
            "{context}\nwanted {start}…{fragment}\nfound {lines:#?}"
        );
    }
}
