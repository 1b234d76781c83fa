// SPDX-License-Identifier: Apache-2.0
//! What changed between two snapshots.
//!
//! In: two snapshots. Out: per type, names added, changed and removed.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Resource, ResourceType, Snapshot};

/// Changes of one resource type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the new snapshot only.
    pub added: Vec<Arc<str>>,
    /// In both, with different versions.
    pub changed: Vec<Arc<str>>,
    /// In the old snapshot only.
    pub removed: Vec<Arc<str>>,
}

impl Diff {
    /// Compares the resources of one type.
    pub fn between(old: &Snapshot, new: &Snapshot, resource_type: ResourceType) -> Self {
        let (before, after) = (old.resources(resource_type), new.resources(resource_type));
        let absent_from = |other: &BTreeMap<Arc<str>, Arc<Resource>>, from: &BTreeMap<_, _>| {
            from.keys()
                .filter(|name| !other.contains_key(*name))
                .cloned()
                .collect()
        };
        let changed = after
            .iter()
            .filter(|(name, resource)| {
                before
                    .get(*name)
                    .is_some_and(|old| old.version != resource.version)
            })
            .map(|(name, _)| name.clone())
            .collect();
        Self {
            added: absent_from(before, after),
            changed,
            removed: absent_from(after, before),
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Version};

    fn snapshot(resources: &[(&str, &str)]) -> Snapshot {
        let mut builder = Builder::default();
        for (name, body) in resources {
            let body = body.as_bytes().to_vec();
            builder.add(Arc::new(Resource::new(
                ResourceType::Cluster,
                name,
                body,
                Version(0),
            )));
        }
        builder.build()
    }

    #[test]
    fn names_what_was_added_changed_and_removed() {
        let old = snapshot(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = snapshot(&[("b", "1"), ("c", "2"), ("d", "1")]);
        let diff = Diff::between(&old, &new, ResourceType::Cluster);
        assert_eq!(diff.added, ["d".into()]);
        assert_eq!(diff.changed, ["c".into()]);
        assert_eq!(diff.removed, ["a".into()]);
        assert!(Diff::between(&old, &new, ResourceType::Listener).is_empty());
    }

    #[test]
    fn version_depends_on_content_not_on_order() {
        assert_eq!(
            snapshot(&[("a", "1"), ("b", "2")]).version(),
            snapshot(&[("b", "2"), ("a", "1")]).version()
        );
        assert_ne!(
            snapshot(&[("a", "1")]).version(),
            snapshot(&[("a", "2")]).version()
        );
    }
}
