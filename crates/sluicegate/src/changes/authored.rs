// SPDX-License-Identifier: Apache-2.0
//! What people changed in their manifests.
//!
//! In: the objects of both sides. Out: for each object that differs, the fields that do, with their
//! lines. Status and what an API server keeps in metadata are not their work.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;
use sluicegate_manifest::{Document, FieldPath, Node, Value};
use sluicegate_resource::{ObjectRef, Store};

use super::{
    Cause, Line,
    fields::{Difference, Step, differences_by_place},
};
use crate::explain::below_spec;

/// The objects that differ.
#[derive(Debug, Default)]
pub(super) struct Authored(BTreeMap<ObjectRef, Vec<Cause>>);

impl Authored {
    pub(super) fn between(old: &Store, new: &Store) -> Self {
        let (old, new) = (documents(old), documents(new));
        let mut all = BTreeMap::new();
        for (object, before) in &old {
            let found = match new.get(object) {
                Some(after) => changed(object, before, after),
                None => vec![gone(object, before)],
            };
            if !found.is_empty() {
                all.insert((*object).clone(), found);
            }
        }
        for (object, after) in new.iter().filter(|(object, _)| !old.contains_key(*object)) {
            all.insert((*object).clone(), vec![come(object, after)]);
        }
        Self(all)
    }

    /// What changed in an object; nothing for one that did not.
    pub(super) fn of(&self, object: &ObjectRef) -> &[Cause] {
        self.0.get(object).map_or(&[], Vec::as_slice)
    }

    /// What changed in objects of these kinds.
    pub(super) fn of_kinds(&self, kinds: &[&str]) -> Vec<Cause> {
        let objects = self.0.iter();
        let objects = objects.filter(|(object, _)| kinds.contains(&&*object.kind));
        let causes = objects.flat_map(|(_, causes)| causes);
        causes.take(MOST).cloned().collect()
    }

    /// Whatever changed.
    pub(super) fn any(&self) -> Vec<Cause> {
        self.0.values().flatten().take(MOST).cloned().collect()
    }
}

/// Causes of one change that are told: more explain nothing. Ours.
pub(super) const MOST: usize = 10;

/// The object as a whole, at its name.
pub(super) fn whole(document: &Document) -> Line {
    Line {
        value: None,
        source: document.place(&FieldPath::dotted("metadata.name")),
    }
}

fn gone(object: &ObjectRef, document: &Document) -> Cause {
    Cause {
        object: object.to_string(),
        field: String::new(),
        before: Some(whole(document)),
        after: None,
        note: Some("removed".to_owned()),
    }
}

fn come(object: &ObjectRef, document: &Document) -> Cause {
    Cause {
        object: object.to_string(),
        field: String::new(),
        before: None,
        after: Some(whole(document)),
        note: Some("added".to_owned()),
    }
}

fn changed(object: &ObjectRef, old: &Document, new: &Document) -> Vec<Cause> {
    if is_same(&old.root, &new.root) {
        return Vec::new();
    }
    let found = differences_by_place(&of_people(&old.root), &of_people(&new.root));
    let cause = |difference: &Difference| {
        let line = |document: &Document, value: &Option<Json>, is_new: bool| {
            let value = value.as_ref()?;
            let path = path(difference, is_new);
            Some(Line {
                value: (&*object.kind != "Secret").then(|| value.clone()),
                source: document.place(&path),
            })
        };
        Cause {
            object: object.to_string(),
            field: below_spec(&path(difference, difference.new.is_some())),
            before: line(old, &difference.old, false),
            after: line(new, &difference.new, true),
            note: None,
        }
    };
    found.iter().map(cause).collect()
}

/// Where a difference stands on one side.
fn path(difference: &Difference, is_new: bool) -> FieldPath {
    let steps = difference.path.iter();
    steps.fold(FieldPath::root(), |path, step| match step {
        Step::Field(name) => path.field(name),
        Step::Item { before, after, .. } => path.index(if is_new { *after } else { *before }),
    })
}

fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            let pairs = a.iter().zip(b);
            a.len() == b.len()
                && pairs
                    .into_iter()
                    .all(|(a, b)| a.key == b.key && is_same(&a.value, &b.value))
        }
        (a, b) => a == b,
    }
}

/// The parts of an object that people write.
fn of_people(root: &Node) -> Json {
    let mut value = root.to_json();
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.retain(|key, _| matches!(key.as_str(), "labels" | "annotations"));
            let annotations = metadata
                .get_mut("annotations")
                .and_then(Json::as_object_mut);
            if let Some(annotations) = annotations {
                annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
            }
        }
    }
    value
}

/// Every object that counts, by reference.
fn documents(store: &Store) -> BTreeMap<&ObjectRef, &Arc<Document>> {
    let mut all = BTreeMap::new();
    macro_rules! add {
        ($($objects:ident)*) => {
            $( all.extend(store.$objects.iter().map(|(object, it)| (object, &it.document))); )*
        };
    }
    add!(services endpoint_slices secrets config_maps namespaces gateway_classes gateways);
    add!(listener_sets reference_grants routes backend_tls_policies backend_config_policies);
    add!(backend_traffic_policies backends service_entries);
    all
}
