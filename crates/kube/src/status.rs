// SPDX-License-Identifier: Apache-2.0
//! Status, written back.
//!
//! In: the status that objects should have, and leadership. Out: server-side apply on the status
//! subresource of those whose status differs, at a bounded rate. What other controllers wrote stays;
//! entries of ours that nothing stands behind any more go.

mod merge;

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use sluicegate_status::ObjectStatus;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    Objects,
    discover::is_not_found,
    lease::Leadership,
    objects::{Name, Seen},
    watch::explained,
    writer::{Pass, Turn, Work, Writer},
};
use merge::merged;

/// Writes status while it lives.
#[derive(Debug)]
pub struct StatusWriter {
    writer: Writer<Wanted>,
    writes: Arc<Writes>,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Writes {
    /// Accepted by the API server.
    pub done: AtomicU64,
    /// Refused because the object had changed; they are computed again.
    pub conflicts: AtomicU64,
    /// Refused for another reason.
    pub failed: AtomicU64,
    refusals: Mutex<Refusals>,
}

/// Why the status of an object was refused last.
type Refusals = BTreeMap<Key, String>;

impl Writes {
    /// One sentence for each object whose status is refused.
    pub fn problems(&self) -> Vec<String> {
        let refusals = self.refusals();
        let sentence = |((_, kind, (namespace, name)), text): (&(_, String, Name), &String)| {
            format!("status of {kind} {namespace}/{name} is not written: {text}")
        };
        refusals.iter().map(sentence).collect()
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Group, kind and name of an object.
type Key = (String, String, Name);

/// The status of objects.
type Wanted = BTreeMap<Key, Value>;

impl StatusWriter {
    /// A writer that has nothing to write yet. `controllers` are the names whose entries are ours;
    /// `manager` is the field manager of what is written.
    pub fn start(
        client: Client,
        objects: Arc<Objects>,
        leadership: Leadership,
        controllers: Vec<String>,
        manager: &str,
    ) -> Self {
        let writes = Arc::new(Writes::default());
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let worker = Worker {
            client,
            objects: objects.clone(),
            controllers,
            manager: manager.to_owned(),
            writes: writes.clone(),
            pace,
            behind: BTreeMap::new(),
            next: None,
        };
        Self {
            writer: Writer::start(worker, &objects, leadership),
            writes,
        }
    }

    /// What the status of every object should be now.
    pub fn want(&self, statuses: Vec<ObjectStatus>) {
        let entries = statuses.into_iter().map(|it| {
            let name = (it.object.namespace.to_string(), it.object.name.to_string());
            let key = (
                it.object.group.to_string(),
                it.object.kind.to_string(),
                name,
            );
            (key, it.status)
        });
        self.writer.want(entries.collect());
    }

    /// What was written so far.
    pub fn writes(&self) -> &Arc<Writes> {
        &self.writes
    }
}

struct Worker {
    client: Client,
    objects: Arc<Objects>,
    controllers: Vec<String>,
    manager: String,
    writes: Arc<Writes>,
    pace: Interval,
    /// The version that an object had when it was written last: as long as no other one is seen, what
    /// is known of its status is old, and to write it once more would be in vain.
    behind: BTreeMap<Key, String>,
    /// Where a pass goes on that has begun with older wishes.
    next: Option<Key>,
}

impl Work for Worker {
    type Wanted = Wanted;

    async fn pass(&mut self, wanted: &Wanted, turn: &Turn<Wanted>) -> Pass {
        let mut failed = false;
        // Nobody waits for longer than it takes to write all the others once.
        let next = self.next.take();
        let from = next.as_ref().map_or(Bound::Unbounded, Bound::Included);
        let upto = next.as_ref().map(Bound::Excluded);
        let first = wanted.range((from, Bound::Unbounded));
        let rest = upto.map(|upto| wanted.range((Bound::Unbounded, upto)));
        for (key, status) in first.chain(rest.into_iter().flatten()) {
            let Some((resource, seen)) = self.news(key) else {
                continue;
            };
            let Some(status) = merged(&seen.status, status, &self.controllers) else {
                continue;
            };
            if turn.is_outdated() {
                self.next = Some(key.clone());
                return Pass::Outdated;
            }
            failed |= !self.write(key, &resource, &seen, status).await;
            if !turn.lasts() {
                return Pass::Done;
            }
        }
        for (kind, name, seen) in self.objects.with_status() {
            let key = (kind.group.to_owned(), kind.name.to_owned(), name);
            if wanted.contains_key(&key) {
                continue;
            }
            let Some(status) = merge::without(&seen.status, &self.controllers) else {
                continue;
            };
            if turn.is_outdated() {
                return Pass::Outdated;
            }
            if let Some((resource, seen)) = self.news(&key) {
                failed |= !self.write(&key, &resource, &seen, status).await;
            }
        }
        if failed { Pass::Failed } else { Pass::Done }
    }
}

impl Worker {
    /// An object of which something newer is known than before it was last written.
    fn news(&mut self, key: &Key) -> Option<(ApiResource, Arc<Seen>)> {
        let (group, kind, name) = key;
        let Some((resource, seen)) = self.objects.seen(group, kind, name) else {
            self.behind.remove(key);
            return None;
        };
        if self.behind.get(key) == Some(&seen.version) {
            return None;
        }
        self.behind.remove(key);
        Some((resource, seen))
    }

    /// Applies one status. True when it need not be tried again.
    async fn write(
        &mut self,
        key: &Key,
        resource: &ApiResource,
        seen: &Seen,
        status: Value,
    ) -> bool {
        self.pace.tick().await;
        let (namespace, name) = &key.2;
        let api: Api<DynamicObject> = if namespace.is_empty() {
            Api::all_with(self.client.clone(), resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, resource)
        };
        // With the version that the status was computed from: lists of entries are written whole,
        // and what somebody else has put into them meanwhile must not be lost.
        let mut metadata = json!({ "name": name, "resourceVersion": seen.version });
        if !namespace.is_empty() {
            metadata["namespace"] = namespace.as_str().into();
        }
        let patch = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            "status": status,
        });
        let parameters = PatchParams::apply(&self.manager).force();
        let written = api
            .patch_status(name, &parameters, &Patch::Apply(&patch))
            .await;
        match written {
            Ok(object) => {
                self.writes.done.fetch_add(1, Ordering::Relaxed);
                self.writes.refusals().remove(key);
                // A write that changes nothing makes no version that the watch could bring.
                if object.metadata.resource_version.as_ref() != Some(&seen.version) {
                    self.behind.insert(key.clone(), seen.version.clone());
                }
                true
            }
            // The watch brings the newer object, or that it is gone, and with it another pass.
            Err(error) if is_conflict(&error) => {
                self.writes.conflicts.fetch_add(1, Ordering::Relaxed);
                self.behind.insert(key.clone(), seen.version.clone());
                true
            }
            Err(error) if is_not_found(&error) => {
                self.writes.refusals().remove(key);
                self.behind.insert(key.clone(), seen.version.clone());
                true
            }
            Err(error) => {
                self.writes.failed.fetch_add(1, Ordering::Relaxed);
                let text = explained(&error);
                let told = self.writes.refusals().insert(key.clone(), text.clone());
                // Once, not at every attempt.
                if told.as_ref() != Some(&text) {
                    let kind = &resource.kind;
                    tracing::warn!("status of {kind} {namespace}/{name} is not written: {text}");
                }
                false
            }
        }
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Between two writes: 50 a second. Ours; the API server's own clients are allowed 20 by default,
/// with bursts.
const PACE: Duration = Duration::from_millis(20);
