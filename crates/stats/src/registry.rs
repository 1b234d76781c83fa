// SPDX-License-Identifier: Apache-2.0
//! All groups of the process.
//!
//! In: groups registered under a prefix by whoever writes them. Out: for each prefix, the groups to
//! sum up. A group that goes away leaves with its numbers: whoever replaces a thing keeps its group.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::Group;

/// The registry; clones share it.
#[derive(Clone, Default)]
pub struct Registry {
    groups: Arc<Mutex<BTreeMap<Arc<str>, Vec<Weak<dyn Group>>>>>,
}

impl Registry {
    /// Registers `group` under `prefix`, such as `cluster.kube_a_b_80.` (with the final dot). The
    /// registry holds it weakly: the owner keeps it alive.
    pub fn register<G: Group + 'static>(&self, prefix: &str, group: &Arc<G>) {
        let weak: Weak<dyn Group> = Arc::<G>::downgrade(group);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.entry(prefix.into()).or_default().push(weak);
    }

    /// The live groups by prefix.
    pub fn groups(&self) -> Vec<(Arc<str>, Vec<Arc<dyn Group>>)> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|_, list| {
            list.retain(|group| group.strong_count() > 0);
            !list.is_empty()
        });
        groups
            .iter()
            .map(|(prefix, list)| {
                (
                    prefix.clone(),
                    list.iter().filter_map(Weak::upgrade).collect(),
                )
            })
            .collect()
    }
}
