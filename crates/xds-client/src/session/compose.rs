// SPDX-License-Identifier: Apache-2.0
//! From what was accepted to what serves.
//!
//! In: accepted resources. Out: snapshots. A listener or cluster that waits for what it refers to
//! does not serve yet; its older version does, with what that one refers to.

use std::{sync::Arc, time::Instant};

use sluicegate_snapshot::{Builder, ResourceType, Snapshot};

use super::{Accepted, Session, Want};

impl Session {
    /// What to serve from now on, if that is news; and when to ask again although nothing comes.
    pub(crate) fn publish(&mut self, now: Instant) -> (Option<Arc<Snapshot>>, Option<Instant>) {
        let mut builder = Builder::default();
        for resource_type in ResourceType::ALL {
            for resource in self.fixed.resources(resource_type).values() {
                builder.add(resource.clone());
            }
        }
        let mut until: Option<Instant> = None;
        for resource_type in [ResourceType::Cluster, ResourceType::Listener] {
            for (serving, deadline) in self.serving(resource_type, now) {
                until = [until, deadline].into_iter().flatten().min();
                let Some(serving) = serving else { continue };
                builder.add(serving.resource.clone());
                // Of an older version: what is not asked for any more.
                let older = serving
                    .wants
                    .iter()
                    .filter(|want| self.accepted(want).is_none());
                for (kind, name) in older {
                    let published = self.published.as_ref();
                    if let Some(known) = published.and_then(|all| all.get(*kind, name)) {
                        builder.add(known.clone());
                    }
                }
            }
        }
        for resource_type in [
            ResourceType::Endpoint,
            ResourceType::Route,
            ResourceType::Secret,
        ] {
            for accepted in self.kinds[resource_type as usize].accepted.values() {
                builder.add(accepted.resource.clone());
            }
        }
        if self.published.is_none() && !self.is_complete(until.is_some(), now) {
            return (None, Some(self.started + self.patience));
        }
        let snapshot = Arc::new(builder.build());
        let version = |all: &Arc<Snapshot>| all.version();
        if self.published.as_ref().map(version) == Some(snapshot.version()) {
            return (None, until);
        }
        self.published = Some(snapshot.clone());
        (Some(snapshot), until)
    }

    /// Whether the first snapshot can be published: sockets open with it.
    fn is_complete(&self, waiting: bool, now: Instant) -> bool {
        let answered = [ResourceType::Cluster, ResourceType::Listener]
            .iter()
            .all(|kind| self.kinds[*kind as usize].answered);
        let missing = self
            .fixed_wants
            .iter()
            .any(|want| self.accepted(want).is_none());
        answered && !waiting && !missing || now >= self.started + self.patience
    }

    /// The version of each resource of a type that serves, and how long a newer one may wait.
    fn serving(
        &mut self,
        resource_type: ResourceType,
        now: Instant,
    ) -> Vec<(Option<Accepted>, Option<Instant>)> {
        let mut all = Vec::new();
        let kind = &self.kinds[resource_type as usize];
        let mut serving = kind.serving.clone();
        serving.retain(|name, _| kind.accepted.contains_key(name));
        for (name, accepted) in &kind.accepted {
            let deadline = accepted.since + self.patience;
            let missing = accepted
                .wants
                .iter()
                .any(|want| self.accepted(want).is_none());
            if missing && now < deadline {
                all.push((serving.get(name).cloned(), Some(deadline)));
            } else {
                serving.insert(name.clone(), accepted.clone());
                all.push((Some(accepted.clone()), None));
            }
        }
        self.kinds[resource_type as usize].serving = serving;
        all
    }

    fn accepted(&self, (kind, name): &Want) -> Option<&Accepted> {
        self.kinds[*kind as usize].accepted.get(name)
    }
}
