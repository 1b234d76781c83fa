// SPDX-License-Identifier: Apache-2.0
//! Definitions of our kinds that somebody else has installed.
//!
//! In: an API server. Out: for each of them a sentence about the fields that it does not keep.

use serde_json::Value;
use sluicegate_kube::{Client, installed_schema};

use super::{ALL, VERSION};

/// A sentence for each installed definition that loses fields which we read.
pub async fn warnings(client: &Client) -> Vec<String> {
    let mut warnings = Vec::new();
    for definition in ALL {
        let name = definition.name();
        match installed_schema(client, &name, VERSION).await {
            Ok(Some(installed)) => {
                let lost = lost(&Value::from(definition.schema()), &installed);
                if !lost.is_empty() {
                    let fields = lost.join(", ");
                    warnings.push(format!(
                        "the CRD {name} in the cluster drops fields that are read here: {fields}; \
                         install ours: sluicegate crds {} | kubectl apply --server-side \
                         --force-conflicts -f -",
                        definition.kind
                    ));
                }
            }
            // The kind is not there; or the role does without this help.
            Ok(None) => {}
            Err(error) => tracing::info!("the CRD {name} is not looked at: {error}"),
        }
    }
    warnings
}

/// Paths of fields that `ours` has and `theirs` does not keep, a block as a whole where all of it
/// goes.
pub fn lost(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(ours, theirs, "", &mut paths);
    paths
}

fn collect(ours: &Value, theirs: &Value, path: &str, paths: &mut Vec<String>) {
    if theirs["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (name, field) in ours["properties"].as_object().into_iter().flatten() {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        match theirs["properties"].get(name) {
            Some(kept) => collect(field, kept, &path, paths),
            None => paths.push(path),
        }
    }
    for (keyword, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if ours[keyword].is_object() {
            let path = format!("{path}{mark}");
            collect(&ours[keyword], &theirs[keyword], &path, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lost;

    #[test]
    fn a_field_is_lost_where_nothing_keeps_it() {
        let block = |fields| json!({ "type": "object", "properties": fields });
        let text = json!({ "type": "string" });
        let list = |item| json!({ "type": "array", "items": item });
        let ours = block(json!({
            "both": text,
            "ours": block(json!({ "a": text })),
            "open": block(json!({ "a": text })),
            "list": list(block(json!({ "a": text, "b": text }))),
        }));
        let theirs = block(json!({
            "both": text,
            "theirs": text,
            "open": { "x-kubernetes-preserve-unknown-fields": true },
            "list": list(block(json!({ "a": text }))),
        }));
        assert_eq!(lost(&ours, &theirs), ["ours", "list[].b"]);
        assert_eq!(lost(&ours, &ours), [""; 0]);
    }
}
