// SPDX-License-Identifier: Apache-2.0
//! `status.ancestors` of policies.
//!
//! In: an object and its conditions each. Out: the list, in kgateway's order and within the API's
//! limit.

use serde_json::{Value, json};
use sluicegate_resource::ObjectRef;

use crate::condition::Conditions;

/// The API's limit.
const MAX: usize = 16;

/// One entry before it is sorted in.
pub(crate) struct Ancestor<'a> {
    pub(crate) object: ObjectRef,
    pub(crate) controller: &'a str,
    pub(crate) conditions: Conditions,
}

/// The `status` of a policy.
pub(crate) fn status(mut ancestors: Vec<Ancestor<'_>>) -> Value {
    ancestors.sort_by_cached_key(|ancestor| order(&ancestor.object));
    let entries = ancestors.into_iter().take(MAX).map(|ancestor| {
        json!({
            "ancestorRef": reference(&ancestor.object),
            "controllerName": ancestor.controller,
            "conditions": ancestor.conditions.into_json(),
        })
    });
    json!({ "ancestors": entries.collect::<Vec<_>>() })
}

/// kgateway sorts by `group/kind/name/section/port.namespace`; sections and ports are empty here.
fn order(object: &ObjectRef) -> String {
    let ObjectRef {
        group,
        kind,
        namespace,
        name,
    } = object;
    format!("{group}/{kind}/{name}//0.{namespace}")
}

fn reference(object: &ObjectRef) -> Value {
    json!({
        "group": &*object.group,
        "kind": &*object.kind,
        "namespace": &*object.namespace,
        "name": &*object.name,
    })
}
