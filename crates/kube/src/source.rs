// SPDX-License-Identifier: Apache-2.0
//! Every kind of an API server, watched.
//!
//! In: a client and kinds. Out: [`Objects`] that stay up to date while this lives.

use std::{pin::pin, sync::Arc};

use futures_util::StreamExt;
use kube::{
    Api, Client,
    core::{DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::watch, task::JoinSet};

use crate::{Kind, Objects, definition, watch::follow};

/// The running watches; they end when this is dropped.
#[derive(Debug)]
pub struct Source {
    objects: Arc<Objects>,
    _tasks: JoinSet<()>,
}

impl Source {
    /// Starts to watch `kinds`.
    pub fn start(client: &Client, kinds: &[Kind]) -> Self {
        let objects = Arc::new(Objects::new(kinds));
        let (installed, changes) = watch::channel(0);
        let mut tasks = JoinSet::new();
        for kind in kinds {
            let (client, kind) = (client.clone(), kind.clone());
            let (objects, changes) = (objects.clone(), changes.clone());
            tasks.spawn(async move { follow(&client, &kind, &objects, changes).await });
        }
        tasks.spawn(tell_of_definitions(client.clone(), installed));
        Self {
            objects,
            _tasks: tasks,
        }
    }

    /// What was seen.
    pub fn objects(&self) -> &Arc<Objects> {
        &self.objects
    }
}

/// Tells of every change of a CustomResourceDefinition.
async fn tell_of_definitions(client: Client, installed: watch::Sender<u64>) {
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client, &definition::definitions());
    let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        // Without leave to watch them, kinds are looked for from time to time.
        if event.is_ok() {
            installed.send_modify(|number| *number += 1);
        }
    }
}
