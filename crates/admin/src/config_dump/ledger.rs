// SPDX-License-Identifier: Apache-2.0
//! What is remembered about each resource.
//!
//! In: snapshots as they are published. Out: per resource the update that brought its present
//! version, the time of that, and its printed element; per type the last update that changed it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};

use super::{element, endpoints, section::Item};

/// The ledger.
#[derive(Default)]
pub(crate) struct Ledger {
    newest: Version,
    kinds: [Kind; 5],
}

/// All resources of one type.
#[derive(Default)]
struct Kind {
    version_info: String,
    seen: BTreeMap<Arc<str>, Seen>,
}

/// One resource in its present version.
pub(super) struct Seen {
    pub(super) resource: Arc<Resource>,
    /// The update that brought it.
    pub(super) version_info: Arc<str>,
    pub(super) last_updated: Timestamp,
    element: Option<Arc<str>>,
    /// The endpoints inside a cluster; the inner `None` when it has none.
    assignment: Option<Option<Arc<str>>>,
}

impl Ledger {
    /// Notes what is new in `snapshot`.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot) {
        if snapshot.version() == self.newest {
            return;
        }
        self.newest = snapshot.version();
        let (update, now) = (snapshot.version().to_string(), Timestamp::now());
        let version_info: Arc<str> = update.as_str().into();
        for resource_type in ResourceType::ALL {
            let kind = &mut self.kinds[resource_type as usize];
            let mut before = std::mem::take(&mut kind.seen);
            let mut changed = false;
            for (name, resource) in snapshot.resources(resource_type) {
                let known = before
                    .remove(name)
                    .filter(|seen| seen.resource.version == resource.version);
                changed |= known.is_none();
                let seen = known.unwrap_or_else(|| Seen {
                    resource: resource.clone(),
                    version_info: version_info.clone(),
                    last_updated: now,
                    element: None,
                    assignment: None,
                });
                kind.seen.insert(name.clone(), seen);
            }
            if changed || !before.is_empty() {
                kind.version_info.clone_from(&update);
            }
        }
    }

    /// The last update that changed this type; empty before the first.
    pub(super) fn version_info(&self, resource_type: ResourceType) -> &str {
        &self.kinds[resource_type as usize].version_info
    }

    /// The elements of one type, by name.
    pub(super) fn elements(&mut self, resource_type: ResourceType) -> Vec<Item> {
        let seen = &mut self.kinds[resource_type as usize].seen;
        seen.iter_mut()
            .map(|(name, seen)| {
                let text = match &seen.element {
                    Some(text) => text.clone(),
                    None => seen.element.insert(element::print(seen)).clone(),
                };
                let name = name.clone();
                Item { name, text }
            })
            .collect()
    }

    /// The endpoints that stand inside clusters, by cluster name.
    pub(super) fn assignments(&mut self) -> Vec<Item> {
        let seen = &mut self.kinds[ResourceType::Cluster as usize].seen;
        seen.iter_mut()
            .filter_map(|(name, seen)| {
                let body = &seen.resource.body;
                let printed = &mut seen.assignment;
                let text = printed.get_or_insert_with(|| endpoints::inside_cluster(body));
                let (name, text) = (name.clone(), text.clone()?);
                Some(Item { name, text })
            })
            .collect()
    }
}
