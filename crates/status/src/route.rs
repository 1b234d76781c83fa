// SPDX-License-Identifier: Apache-2.0
//! Status of a route.
//!
//! In: its verdict. Out: an entry per parentRef that is ours, in the route's order.

use serde_json::{Map, Value, json};
use sluicegate_attach::verdict::RouteVerdict;
use sluicegate_resource::{ObjectRef, gateway::ParentRef};

use crate::{Context, ObjectStatus, condition::Conditions};

pub(crate) fn status(verdict: &RouteVerdict, context: &Context<'_>) -> ObjectStatus {
    let metadata = &verdict.route.metadata;
    let parents = verdict.parents.iter().map(|parent| {
        let reference = &parent.parent;
        let namespace = reference.namespace.as_deref();
        let gateway = ObjectRef::new(
            &reference.group,
            &reference.kind,
            namespace.unwrap_or(metadata.namespace()),
            &reference.name,
        );
        let conditions = Conditions::of(metadata.generation)
            .outcome("Accepted", &parent.accepted, "Accepted")
            .outcome("ResolvedRefs", &parent.resolved_refs, "ResolvedRefs");
        json!({
            "parentRef": parent_ref(reference),
            "controllerName": context.controller_of(&gateway),
            "conditions": conditions.into_json(),
        })
    });
    ObjectStatus {
        object: verdict.route.reference().clone(),
        status: json!({ "parents": parents.collect::<Vec<_>>() }),
    }
}

fn parent_ref(parent: &ParentRef) -> Value {
    let mut json = Map::new();
    json.insert("group".into(), parent.group.as_str().into());
    json.insert("kind".into(), parent.kind.as_str().into());
    if let Some(namespace) = &parent.namespace {
        json.insert("namespace".into(), namespace.as_str().into());
    }
    json.insert("name".into(), parent.name.as_str().into());
    if let Some(section) = &parent.section_name {
        json.insert("sectionName".into(), section.as_str().into());
    }
    if let Some(port) = parent.port {
        json.insert("port".into(), port.into());
    }
    Value::Object(json)
}
