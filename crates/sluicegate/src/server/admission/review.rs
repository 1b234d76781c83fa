// SPDX-License-Identifier: Apache-2.0
//! The verdict on one object.
//!
//! In: an `AdmissionReview`. Out: the same with a response: what `check` would say, an error as a
//! refusal, anything less as a warning.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_manifest::{Diagnostic, Document, Node, Origin, Severity};
use sluicegate_resource::{Decoder, UnknownFields};

/// Answers a review.
pub(super) fn reviewed(review: &Value, warn_only: bool) -> Value {
    let request = &review["request"];
    let found = diagnostics(&request["object"]);
    // What was let in once can be labelled and deleted, whatever is wrong with it.
    let unchanged = request["object"]["spec"] == request["oldObject"]["spec"];
    let (errors, rest): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|it| it.severity == Severity::Error && !warn_only && !unchanged);
    let warnings = rest.iter().filter(|it| it.severity != Severity::Advice);
    let warnings: Vec<String> = warnings.map(|it| sentence(it)).collect();
    let mut response = json!({
        "uid": request["uid"],
        "allowed": errors.is_empty(),
        "warnings": warnings,
    });
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(|it| sentence(it)).collect();
        response["status"] = json!({
            "code": 422,
            "reason": "Invalid",
            "message": lines.join("\n"),
        });
    }
    json!({
        "apiVersion": review["apiVersion"],
        "kind": review["kind"],
        "response": response,
    })
}

fn diagnostics(object: &Value) -> Vec<Diagnostic> {
    // A deletion has none.
    if !object.is_object() {
        return Vec::new();
    }
    let mut object = object.clone();
    // The API server writes them; nobody else reads them.
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let document = Document {
        origin: Origin::Cluster(kind.into()),
        root: Node::from_json(object),
    };
    let mut decoder = Decoder::new(UnknownFields::Warning);
    decoder.decode(&[Arc::new(document)]).diagnostics
}

/// The field, what is wrong with it, and what helps.
fn sentence(found: &Diagnostic) -> String {
    let path = found.path.to_string();
    let mut text = match path.as_str() {
        "" => found.message.clone(),
        path => format!("{path}: {}", found.message),
    };
    for more in found.notes.iter().chain(&found.help) {
        text.push_str("; ");
        text.push_str(more);
    }
    format!("{text} [{}]", found.code)
}
