// SPDX-License-Identifier: Apache-2.0
//! The decoder as a whole: identity, memory, order.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_manifest::{Document, Node, Origin, Severity};

use crate::{Decoder, ObjectRef, UnknownFields, codes};

fn document(json: Value) -> Arc<Document> {
    Arc::new(Document {
        origin: Origin::Cluster("test".into()),
        root: Node::from_json(json),
    })
}

fn service(name: &str) -> Arc<Document> {
    document(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "httpbin" },
        "spec": { "ports": [{ "port": 8000 }] },
    }))
}

fn service_ref(name: &str) -> ObjectRef {
    ObjectRef::new("", "Service", "httpbin", name)
}

#[test]
fn an_unchanged_document_keeps_its_object() {
    let (first, second) = (service("a"), service("b"));
    let mut decoder = Decoder::default();
    let before = decoder.decode(&[Arc::clone(&first), second]);
    let after = decoder.decode(&[Arc::clone(&first), service("b")]);
    let object = |store: &crate::Store, name| Arc::clone(&store.services[&service_ref(name)]);
    assert!(Arc::ptr_eq(&object(&before, "a"), &object(&after, "a")));
    assert!(!Arc::ptr_eq(&object(&before, "b"), &object(&after, "b")));
}

#[test]
fn the_first_of_two_equal_identities_counts() {
    let mut decoder = Decoder::default();
    let (first, second) = (service("a"), service("a"));
    let store = decoder.decode(&[Arc::clone(&first), second]);
    assert!(Arc::ptr_eq(
        &store.services[&service_ref("a")].document,
        &first
    ));
    let codes: Vec<_> = store.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, [codes::DUPLICATE_OBJECT]);
    assert!(
        store.diagnostics[0]
            .message
            .contains("Service httpbin/a already exists, at test")
    );
}

#[test]
fn the_store_does_not_depend_on_the_order_of_documents() {
    let bad = document(json!({ "apiVersion": "v1", "kind": "Service", "metadata": {} }));
    let mut documents = vec![service("a"), bad, service("b"), service("c")];
    let forward = Decoder::default().decode(&documents);
    documents.reverse();
    let backward = Decoder::default().decode(&documents);
    let keys = |store: &crate::Store| store.services.keys().cloned().collect::<Vec<_>>();
    let texts = |store: &crate::Store| {
        let found = store.diagnostics.iter();
        found
            .map(|found| (found.path.to_string(), found.message.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&forward), keys(&backward));
    assert_eq!(texts(&forward), texts(&backward));
}

#[test]
fn unknown_fields_are_as_bad_as_the_caller_says() {
    let typo = document(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" },
        "spec": { "prots": [], "ports": [{ "port": 1 }] },
    }));
    let strict = Decoder::default().decode(&[Arc::clone(&typo)]);
    assert!(strict.services.is_empty());
    assert_eq!(
        strict.diagnostics[0].message,
        "unknown field \"spec.prots\""
    );
    assert_eq!(
        strict.diagnostics[0].help.as_deref(),
        Some("did you mean `ports`?")
    );
    let lenient = Decoder::new(UnknownFields::Warning).decode(&[typo]);
    assert_eq!(lenient.services.len(), 1);
    assert_eq!(lenient.diagnostics[0].severity, Severity::Warning);
}
