// SPDX-License-Identifier: Apache-2.0
//! What was seen of each kind.
//!
//! In: events of the watches. Out: documents whose identity lasts while their content does, and what
//! status needs to know: versions and the status that stands now.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use sluicegate_manifest::{Document, Node, Origin};
use tokio::sync::watch;

use crate::Kind;

/// Namespace, then name.
pub(crate) type Name = (String, String);

/// How a kind is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindState {
    /// The kind.
    pub kind: Kind,
    /// Whether all of its objects have been seen once.
    pub listed: bool,
    /// `apiVersion` in which it is read; `None` while it is not installed or not known.
    pub api_version: Option<String>,
    /// Objects.
    pub objects: usize,
    /// Why it cannot be read now.
    pub problem: Option<String>,
}

/// Kinds that have not been listed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting(pub Vec<KindState>);

/// The objects of an API server as they were last seen.
#[derive(Debug)]
pub struct Objects {
    kinds: Mutex<BTreeMap<Kind, Kept>>,
    /// Grows with everything that matters to configuration.
    content: watch::Sender<u64>,
    /// Grows with everything that matters to status.
    versions: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Only written, and seen for that: no part of any configuration, and nobody's status is ours.
    owned: bool,
    resource: Option<ApiResource>,
    listed: bool,
    objects: BTreeMap<Name, Arc<Seen>>,
    /// Of the list that is being read.
    fresh: BTreeMap<Name, Arc<Seen>>,
    problem: Option<String>,
}

/// An object as it was last seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `metadata.resourceVersion`.
    pub(crate) version: String,
    /// `status`, or null.
    pub(crate) status: Value,
    /// Everything else that anybody reads.
    document: Arc<Document>,
    pub(crate) content: Value,
}

impl Objects {
    /// Of kinds that are read, and kinds that are only written.
    pub(crate) fn new(kinds: &[Kind], owned: &[Kind]) -> Self {
        let read = kinds.iter().map(|kind| (kind, false));
        let owned = owned.iter().map(|kind| (kind, true));
        let kinds = read.chain(owned).map(|(kind, owned)| {
            let kept = Kept {
                owned,
                ..Kept::default()
            };
            (kind.clone(), kept)
        });
        Self {
            kinds: Mutex::new(kinds.collect()),
            content: watch::Sender::new(0),
            versions: watch::Sender::new(0),
        }
    }

    /// Every document, by kind, namespace and name.
    ///
    /// # Errors
    /// Until every kind has been listed once, or is known not to be installed.
    pub fn documents(&self) -> Result<Vec<Arc<Document>>, Waiting> {
        let kinds = self.lock();
        let read = || kinds.iter().filter(|(_, kept)| !kept.owned);
        if read().any(|(_, kept)| !kept.listed) {
            let waiting = read().filter(|(_, kept)| !kept.listed);
            return Err(Waiting(waiting.map(state).collect()));
        }
        let seen = read().flat_map(|(_, kept)| kept.objects.values());
        Ok(seen.map(|seen| seen.document.clone()).collect())
    }

    /// Something of an object, from what it is and from its status.
    pub fn read<T>(
        &self,
        (group, kind): (&str, &str),
        (namespace, name): (&str, &str),
        read: impl FnOnce(&Value, &Value) -> T,
    ) -> Option<T> {
        let name = (namespace.to_owned(), name.to_owned());
        let (_, seen) = self.seen(group, kind, &name)?;
        Some(read(&seen.content, &seen.status))
    }

    /// Namespace and name of every object of a kind.
    pub fn names(&self, group: &str, kind: &str) -> Vec<(String, String)> {
        let objects = self.of_kind(group, kind).into_iter();
        objects.map(|(name, _)| name).collect()
    }

    /// How each kind is doing.
    pub fn states(&self) -> Vec<KindState> {
        self.lock().iter().map(state).collect()
    }

    /// Changes with every change of a document.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.content.subscribe()
    }

    /// Changes with every change of an object, its status included.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    /// An object and the resource that it is written through.
    pub(crate) fn seen(
        &self,
        group: &str,
        kind: &str,
        name: &Name,
    ) -> Option<(ApiResource, Arc<Seen>)> {
        let kinds = self.lock();
        let found = |it: &&Kind| it.group == group && it.name == kind;
        let kept = kinds.get(kinds.keys().find(found)?)?;
        Some((kept.resource.clone()?, kept.objects.get(name)?.clone()))
    }

    /// Every object of a kind.
    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Vec<(Name, Arc<Seen>)> {
        let kinds = self.lock();
        let mut kinds = kinds.iter();
        let found = kinds.find(|(it, _)| it.group == group && it.name == kind);
        let objects = found.into_iter().flat_map(|(_, kept)| &kept.objects);
        objects
            .map(|(name, seen)| (name.clone(), seen.clone()))
            .collect()
    }

    /// How a kind is written, once all of its objects have been seen.
    pub(crate) fn listed_resource(&self, kind: &Kind) -> Option<ApiResource> {
        let kinds = self.lock();
        let kept = kinds.get(kind)?;
        kept.resource.clone().filter(|_| kept.listed)
    }

    /// Every object with a status that is read: its group, kind and name.
    pub(crate) fn with_status(&self) -> Vec<(Kind, Name, Arc<Seen>)> {
        let kinds = self.lock();
        let read = kinds.iter().filter(|(_, kept)| !kept.owned);
        let all = read.flat_map(|(kind, kept)| {
            let objects = kept.objects.iter();
            objects.map(move |(name, seen)| (kind.clone(), name.clone(), seen.clone()))
        });
        all.filter(|(.., seen)| !seen.status.is_null()).collect()
    }

    /// A list of this kind begins.
    pub(crate) fn begin(&self, kind: &Kind, resource: &ApiResource) {
        self.update(kind, |kept| {
            kept.fresh.clear();
            kept.resource = Some(resource.clone());
            Changed::Nothing
        });
    }

    /// An object of the list that is being read.
    pub(crate) fn listed(&self, kind: &Kind, resource: &ApiResource, object: DynamicObject) {
        self.update(kind, |kept| {
            let (name, seen) = seen_now(resource, object, &kept.objects);
            kept.fresh.insert(name, Arc::new(seen));
            Changed::Nothing
        });
    }

    /// The list is complete: what it does not have is gone.
    pub(crate) fn complete(&self, kind: &Kind) {
        self.update(kind, |kept| {
            let fresh = std::mem::take(&mut kept.fresh);
            let same = kept.listed
                && kept.objects.len() == fresh.len()
                && kept.objects.iter().zip(&fresh).all(|(old, new)| {
                    old.0 == new.0 && Arc::ptr_eq(&old.1.document, &new.1.document)
                });
            kept.objects = fresh;
            kept.listed = true;
            kept.problem = None;
            if same {
                Changed::Version
            } else {
                Changed::Content
            }
        });
    }

    /// An object is new, or has changed.
    pub(crate) fn applied(&self, kind: &Kind, resource: &ApiResource, object: DynamicObject) {
        self.update(kind, |kept| {
            let (name, seen) = seen_now(resource, object, &kept.objects);
            let document = seen.document.clone();
            kept.problem = None;
            let before = kept.objects.insert(name, Arc::new(seen));
            match before {
                Some(before) if Arc::ptr_eq(&before.document, &document) => Changed::Version,
                _ => Changed::Content,
            }
        });
    }

    /// An object is gone.
    pub(crate) fn deleted(&self, kind: &Kind, object: &DynamicObject) {
        self.update(kind, |kept| {
            kept.problem = None;
            kept.objects.remove(&name_of(object));
            Changed::Content
        });
    }

    /// The kind is not installed.
    pub(crate) fn absent(&self, kind: &Kind) {
        self.update(kind, |kept| {
            let news = !kept.listed || !kept.objects.is_empty();
            *kept = Kept {
                owned: kept.owned,
                listed: true,
                ..Kept::default()
            };
            if news {
                Changed::Content
            } else {
                Changed::Nothing
            }
        });
    }

    /// The kind cannot be read now. Returns whether that is news.
    pub(crate) fn troubled(&self, kind: &Kind, problem: String) -> bool {
        let mut news = false;
        self.update(kind, |kept| {
            news = kept.problem.as_ref() != Some(&problem);
            kept.problem = Some(problem);
            Changed::Nothing
        });
        news
    }

    fn update(&self, kind: &Kind, change: impl FnOnce(&mut Kept) -> Changed) {
        let changed = {
            let mut kinds = self.lock();
            kinds.get_mut(kind).map(|kept| match change(kept) {
                Changed::Content if kept.owned => Changed::Version,
                changed => changed,
            })
        };
        match changed {
            Some(Changed::Content) => {
                self.content.send_modify(|number| *number += 1);
                self.versions.send_modify(|number| *number += 1);
            }
            Some(Changed::Version) => self.versions.send_modify(|number| *number += 1),
            Some(Changed::Nothing) | None => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Kept>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event changed.
enum Changed {
    Content,
    Version,
    Nothing,
}

fn state((kind, kept): (&Kind, &Kept)) -> KindState {
    KindState {
        kind: kind.clone(),
        listed: kept.listed,
        api_version: kept.resource.as_ref().map(|it| it.api_version.clone()),
        objects: kept.objects.len(),
        problem: kept.problem.clone(),
    }
}

fn seen_now(
    resource: &ApiResource,
    object: DynamicObject,
    before: &BTreeMap<Name, Arc<Seen>>,
) -> (Name, Seen) {
    let name = name_of(&object);
    let version = object.metadata.resource_version.clone().unwrap_or_default();
    let (content, status) = split(resource, object);
    let kept = before.get(&name).filter(|seen| seen.content == content);
    let document = kept.map_or_else(
        || {
            Arc::new(Document {
                origin: Origin::Cluster(shown(resource, &name)),
                root: Node::from_json(content.clone()),
            })
        },
        |seen| seen.document.clone(),
    );
    let seen = Seen {
        version,
        status,
        document,
        content,
    };
    (name, seen)
}

/// `Kind namespace/name`: what stands for a place where there are no lines.
fn shown(resource: &ApiResource, (namespace, name): &Name) -> Arc<str> {
    let kind = &resource.kind;
    if namespace.is_empty() {
        format!("{kind} {name}").into()
    } else {
        format!("{kind} {namespace}/{name}").into()
    }
}

fn name_of(object: &DynamicObject) -> Name {
    let metadata = &object.metadata;
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// An object without what its writers keep for themselves, and its status.
fn split(resource: &ApiResource, mut object: DynamicObject) -> (Value, Value) {
    object.metadata.managed_fields = None;
    object.metadata.resource_version = None;
    let mut content = serde_json::Map::new();
    // The items of a list come without these.
    content.insert("apiVersion".into(), resource.api_version.as_str().into());
    content.insert("kind".into(), resource.kind.as_str().into());
    let metadata = serde_json::to_value(&object.metadata).unwrap_or_default();
    content.insert("metadata".into(), metadata);
    let mut status = Value::Null;
    if let Value::Object(data) = object.data {
        for (key, value) in data {
            match key.as_str() {
                "status" => {
                    // Others choose addresses by it, so what a Gateway has is a part of what it is.
                    let addresses = value.get("addresses");
                    if let Some(addresses) = addresses.filter(|_| resource.kind == "Gateway") {
                        content.insert("status".into(), json!({ "addresses": addresses }));
                    }
                    status = value;
                }
                "apiVersion" | "kind" | "metadata" => {}
                _ => drop(content.insert(key, value)),
            }
        }
    }
    (Value::Object(content), status)
}

#[cfg(test)]
mod tests;
