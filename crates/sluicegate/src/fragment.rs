// SPDX-License-Identifier: Apache-2.0
//! Specs without a header, as documentation shows them.
//!
//! In: documents that begin at `spec:`, and what they are specs of. Out: policies whose every written
//! field keeps its place.

use std::{str::FromStr, sync::Arc};

use clap::ValueEnum;
use sluicegate_manifest::{Document, Entry, Node, Span, Value};

/// What documents without a header are.
#[derive(Debug, Clone)]
pub struct FragmentHeader {
    /// Their kind.
    pub kind: FragmentKind,
    /// What they apply to, where they do not say so themselves.
    pub target: FragmentTarget,
}

/// The kinds that may come as a spec alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FragmentKind {
    /// kgateway's policy of a backend
    #[value(name = "BackendConfigPolicy")]
    BackendConfigPolicy,
    /// Envoy Gateway's policy of a route or Gateway
    #[value(name = "BackendTrafficPolicy")]
    BackendTrafficPolicy,
}

/// `Kind/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentTarget {
    kind: String,
    name: String,
}

impl FromStr for FragmentTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("write it as KIND/NAME, such as HTTPRoute/my-route".to_owned()),
        }
    }
}

impl FragmentHeader {
    /// Puts the header on every document that has none.
    pub(crate) fn complete(&self, documents: &mut [Arc<Document>]) {
        let mut number = 0;
        for document in documents {
            if document.root.entry("apiVersion").is_some() || document.root.entry("kind").is_some()
            {
                continue;
            }
            if let Some(spec) = document.root.entry("spec") {
                number += 1;
                let name = format!("fragment-{number}");
                *document = Arc::new(Document {
                    origin: document.origin.clone(),
                    root: self.whole(&document.root, spec, name),
                });
            }
        }
    }

    fn whole(&self, root: &Node, spec: &Entry, name: String) -> Node {
        let (api_version, kind) = match self.kind {
            FragmentKind::BackendConfigPolicy => {
                ("gateway.kgateway.dev/v1alpha1", "BackendConfigPolicy")
            }
            FragmentKind::BackendTrafficPolicy => {
                ("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy")
            }
        };
        // Whatever is said about the added fields is said at `spec:`.
        let place = spec.key_span;
        let Value::Mapping(written) = &root.value else {
            return root.clone();
        };
        let mut entries = vec![
            entry("apiVersion", text(api_version, place)),
            entry("kind", text(kind, place)),
        ];
        if root.entry("metadata").is_none() {
            let metadata = vec![entry("name", text(&name, place))];
            entries.push(entry("metadata", mapping(metadata, place)));
        }
        for one in written {
            let mut one = one.clone();
            if one.key == "spec" {
                self.add_target(&mut one);
            }
            entries.push(one);
        }
        Node {
            value: Value::Mapping(entries),
            span: root.span,
        }
    }

    /// Adds `targetRefs`, unless some target is there.
    fn add_target(&self, spec: &mut Entry) {
        let place = spec.key_span;
        let targeted = ["targetRef", "targetRefs", "targetSelectors"];
        if targeted.iter().any(|name| spec.value.entry(name).is_some()) {
            return;
        }
        let target = mapping(
            vec![
                entry("group", text(self.group(), place)),
                entry("kind", text(&self.target.kind, place)),
                entry("name", text(&self.target.name, place)),
            ],
            place,
        );
        if let Value::Mapping(entries) = &mut spec.value.value {
            let list = Value::Sequence(vec![target]);
            entries.push(entry("targetRefs", node(list, place)));
        }
    }

    fn group(&self) -> &'static str {
        match (self.kind, self.target.kind.as_str()) {
            (FragmentKind::BackendTrafficPolicy, _) => "gateway.networking.k8s.io",
            (FragmentKind::BackendConfigPolicy, "Backend") => "gateway.kgateway.dev",
            (FragmentKind::BackendConfigPolicy, "Hostname") => "networking.istio.io",
            (FragmentKind::BackendConfigPolicy, _) => "",
        }
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: value.span,
        value,
    }
}

fn text(text: &str, span: Span) -> Node {
    node(Value::String(text.to_owned()), span)
}

fn mapping(entries: Vec<Entry>, span: Span) -> Node {
    node(Value::Mapping(entries), span)
}

fn node(value: Value, span: Span) -> Node {
    Node { value, span }
}
