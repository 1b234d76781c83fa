// SPDX-License-Identifier: Apache-2.0
//! The rules of a message type, read from its descriptor once.
//!
//! In: a message descriptor. Out: the fields that have rules, with the rules ready to apply.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, OneofDescriptor, Value,
};

use super::rule::Rule;
use crate::descriptor::pool;

/// What one message type demands.
#[derive(Default)]
pub(super) struct MessageRules {
    pub(super) fields: Vec<(FieldDescriptor, Rule)>,
    pub(super) required_oneofs: Vec<OneofDescriptor>,
    /// Numbers of fields whose content is not looked into.
    pub(super) skipped: BTreeSet<u32>,
}

/// Annotated fields whose rule Envoy 1.40 was seen not to apply, where we rely on it:
/// `choiceCount: 1` is a valid policy and the API asks for 2.
const NOT_ENFORCED: &[&str] =
    &["envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest.choice_count"];

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<MessageRules>>>> =
    LazyLock::new(Mutex::default);

/// The rules of `message`, compiled at first use.
pub(super) fn rules_of(message: &MessageDescriptor) -> Arc<MessageRules> {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rules) = compiled.get(message.full_name()) {
        return rules.clone();
    }
    let rules = Arc::new(compile(message));
    compiled.insert(message.full_name().to_owned(), rules.clone());
    rules
}

fn compile(message: &MessageDescriptor) -> MessageRules {
    let mut rules = MessageRules::default();
    let Some(extensions) = extensions() else {
        return rules;
    };
    for field in message.fields() {
        let options = field.options();
        let Value::Message(annotation) = &*options.get_extension(&extensions.field_rules) else {
            continue;
        };
        if !options.has_extension(&extensions.field_rules)
            || NOT_ENFORCED.contains(&field.full_name())
        {
            continue;
        }
        let rule = Rule::compile(annotation);
        if rule.skip {
            rules.skipped.insert(field.number());
        }
        rules.fields.push((field, rule));
    }
    for oneof in message.oneofs() {
        if flag(&oneof.options(), &extensions.oneof_required) {
            rules.required_oneofs.push(oneof);
        }
    }
    rules
}

struct Extensions {
    field_rules: ExtensionDescriptor,
    oneof_required: ExtensionDescriptor,
}

fn extensions() -> Option<&'static Extensions> {
    static EXTENSIONS: LazyLock<Option<Extensions>> = LazyLock::new(|| {
        let find = |name: &str| {
            pool()
                .all_extensions()
                .find(|found| found.full_name() == name)
        };
        Some(Extensions {
            field_rules: find("validate.rules")?,
            oneof_required: find("validate.required")?,
        })
    });
    EXTENSIONS.as_ref()
}

fn flag(options: &DynamicMessage, extension: &ExtensionDescriptor) -> bool {
    matches!(&*options.get_extension(extension), Value::Bool(true))
}
