// SPDX-License-Identifier: Apache-2.0
//! Kubernetes label selectors.
//!
//! In: a selector block, or labels to test. Out: a selector, or whether it matches.

use std::collections::BTreeMap;

use crate::{
    admission::{Block, Field},
    gateway::{NamespaceSelector, SelectorRequirement},
};

const OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];

impl NamespaceSelector {
    pub(crate) fn decode(block: &Block<'_>) -> Self {
        let match_labels = block
            .optional("matchLabels")
            .map(|field| field.string_map());
        let expressions = block.list("matchExpressions", 0..=usize::MAX);
        Self {
            match_labels: match_labels.unwrap_or_default(),
            match_expressions: expressions
                .iter()
                .filter_map(|item| item.object(|block| requirement(block, item)))
                .collect(),
        }
    }

    /// Whether `labels` satisfy every part of the selector; an empty selector matches all.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(equal)
            && self
                .match_expressions
                .iter()
                .all(|item| item.matches(labels))
    }
}

impl SelectorRequirement {
    /// Whether `labels` satisfy this requirement. A missing key satisfies `NotIn`.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

fn requirement(block: &Block<'_>, item: &Field<'_>) -> SelectorRequirement {
    let key = block.required_string("key").unwrap_or_default().to_owned();
    let operator = block
        .required("operator")
        .and_then(|field| field.word(OPERATORS));
    let operator = operator.unwrap_or_default();
    let values = block
        .optional("values")
        .map(|field| field.strings(0..=usize::MAX))
        .unwrap_or_default();
    match operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            item.reject("values must be set when operator is In or NotIn");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            item.reject("values may not be set when operator is Exists or DoesNotExist");
        }
        _ => {}
    }
    SelectorRequirement {
        key,
        operator,
        values,
    }
}
