// SPDX-License-Identifier: Apache-2.0
//! Status, written back.
//!
//! In: the status that objects should have, and leadership. Out: server-side apply on the status
//! subresource of those whose status differs, at a bounded rate. What other controllers wrote stays;
//! entries of ours that nothing stands behind any more go.

mod merge;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
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
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    Objects,
    discover::is_not_found,
    lease::Leadership,
    objects::{Name, Seen},
    watch::explained,
};
use merge::merged;

/// Writes status while it lives.
#[derive(Debug)]
pub struct StatusWriter {
    wanted: watch::Sender<Arc<Wanted>>,
    writes: Arc<Writes>,
    task: JoinHandle<()>,
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
}

/// The status of objects, by group, kind and name.
type Wanted = BTreeMap<(String, String, Name), Value>;

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
        let (wanted, receiver) = watch::channel(Arc::new(Wanted::new()));
        let writes = Arc::new(Writes::default());
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let worker = Worker {
            client,
            objects,
            leadership,
            controllers,
            manager: manager.to_owned(),
            wanted: receiver,
            writes: writes.clone(),
            pace,
            refusals: BTreeMap::new(),
        };
        Self {
            wanted,
            writes,
            task: tokio::spawn(worker.run()),
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
        let entries = Arc::new(entries.collect());
        self.wanted.send_if_modified(|wanted| {
            let news = *wanted != entries;
            *wanted = entries;
            news
        });
    }

    /// What was written so far.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }
}

impl Drop for StatusWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Worker {
    client: Client,
    objects: Arc<Objects>,
    leadership: Leadership,
    controllers: Vec<String>,
    manager: String,
    wanted: watch::Receiver<Arc<Wanted>>,
    writes: Arc<Writes>,
    pace: Interval,
    /// What was logged last about an object, so that it is said once.
    refusals: BTreeMap<(String, String, Name), String>,
}

impl Worker {
    async fn run(mut self) {
        let mut versions = self.objects.versions();
        loop {
            self.leadership.gained().await;
            // Before the look, so that nothing that comes during it is lost.
            versions.mark_unchanged();
            let wanted = self.wanted.borrow_and_update().clone();
            let again = self.pass(&wanted).await;
            let pause = if again { AGAIN } else { Duration::MAX };
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() { return },
                _ = versions.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Writes whatever differs; true when something could not be written.
    async fn pass(&mut self, wanted: &Wanted) -> bool {
        let mut failed = false;
        for (key, status) in wanted {
            let (group, kind, name) = key;
            let Some((resource, seen)) = self.objects.seen(group, kind, name) else {
                continue;
            };
            if let Some(status) = merged(&seen.status, status, &self.controllers) {
                failed |= !self.write(key, &resource, &seen, status).await;
            }
            if !self.leadership.held() {
                return false;
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
            if let Some((resource, seen)) = self.objects.seen(&key.0, &key.1, &key.2) {
                failed |= !self.write(&key, &resource, &seen, status).await;
            }
        }
        failed
    }

    /// Applies one status. True when it need not be tried again.
    async fn write(
        &mut self,
        key: &(String, String, Name),
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
            Ok(_) => {
                self.writes.done.fetch_add(1, Ordering::Relaxed);
                self.refusals.remove(key);
                true
            }
            Err(error) if is_conflict(&error) => {
                self.writes.conflicts.fetch_add(1, Ordering::Relaxed);
                // The watch brings the newer object, and with it another pass.
                true
            }
            Err(error) if is_not_found(&error) => true,
            Err(error) => {
                self.writes.failed.fetch_add(1, Ordering::Relaxed);
                let text = explained(&error);
                if self.refusals.insert(key.clone(), text.clone()).as_ref() != Some(&text) {
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

/// Until writes that failed are tried again. Ours.
const AGAIN: Duration = Duration::from_secs(5);
