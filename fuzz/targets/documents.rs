// SPDX-License-Identifier: Apache-2.0
//! Bytes to documents and diagnostics: any input gives one or the other.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sluicegate_manifest::diagnostic::{render, to_json};
use sluicegate_manifest::{FieldPath, Node, SourceText, Value, parse, written, yaml_word};

fuzz_target!(|text: &str| {
    let source = Arc::new(SourceText::new("fuzz", text.to_owned()));
    let parsed = parse(Arc::clone(&source));
    for diagnostic in &parsed.diagnostics {
        assert!(!diagnostic.message.is_empty());
        render(diagnostic, true);
        to_json(diagnostic);
    }
    for document in &parsed.documents {
        assert!(parsed.diagnostics.is_empty());
        assert!(!document.kind().is_empty() && !document.api_version().is_empty());
        document.place(&FieldPath::root());
        document.root.to_json();
        let mut nodes: Vec<&Node> = vec![&document.root];
        while let Some(node) = nodes.pop() {
            assert!(written(document, node).is_some(), "{:?}", node.span);
            yaml_word(document, node);
            match &node.value {
                Value::Sequence(items) => nodes.extend(items),
                Value::Mapping(entries) => {
                    for entry in entries {
                        assert!(source.slice(entry.key_span).is_some());
                        nodes.push(&entry.value);
                    }
                }
                _ => {}
            }
        }
    }
});
