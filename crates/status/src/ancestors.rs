// SPDX-License-Identifier: Apache-2.0
//! `status.ancestors` of policies.
//!
//! In: an object and its conditions each. Out: the list, in kgateway's order and within the API's
//! limit.

use serde_json::{Value, json};
use sluicegate_resource::ObjectRef;

use crate::condition::Conditions;

/// The API's limit.
pub(crate) const MAX: usize = 16;

/// One entry before it is sorted in.
pub(crate) struct Ancestor<'a> {
    pub(crate) object: ObjectRef,
    /// A listener of it.
    pub(crate) section: Option<String>,
    pub(crate) controller: &'a str,
    pub(crate) conditions: Conditions,
}

/// The `status` of a policy.
pub(crate) fn status(mut ancestors: Vec<Ancestor<'_>>) -> Value {
    ancestors.sort_by_cached_key(order);
    let entries = ancestors.into_iter().take(MAX).map(|ancestor| {
        json!({
            "ancestorRef": reference(&ancestor),
            "controllerName": ancestor.controller,
            "conditions": ancestor.conditions.into_json(),
        })
    });
    json!({ "ancestors": entries.collect::<Vec<_>>() })
}

/// kgateway sorts by `group/kind/name/section/port.namespace`; ports are empty here.
fn order(ancestor: &Ancestor<'_>) -> String {
    let ObjectRef {
        group,
        kind,
        namespace,
        name,
    } = &ancestor.object;
    let section = ancestor.section.as_deref().unwrap_or_default();
    format!("{group}/{kind}/{name}/{section}/0.{namespace}")
}

fn reference(ancestor: &Ancestor<'_>) -> Value {
    let object = &ancestor.object;
    let mut reference = json!({
        "group": &*object.group,
        "kind": &*object.kind,
        "namespace": &*object.namespace,
        "name": &*object.name,
    });
    if let Some(section) = &ancestor.section {
        reference["sectionName"] = section.as_str().into();
    }
    reference
}
