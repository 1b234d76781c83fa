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

use crate::{
    Kind, Objects,
    backoff::Pauses,
    definition,
    watch::{follow, watch_problem},
};

/// The running watches; they end when this is dropped.
#[derive(Debug)]
pub struct Source {
    objects: Arc<Objects>,
    definitions_problem: watch::Receiver<Option<String>>,
    _tasks: JoinSet<()>,
}

impl Source {
    /// Starts to watch `kinds` everywhere, and `owned`, which are only written, in their namespace.
    pub fn start(client: &Client, kinds: &[Kind], (owned, namespace): (&[Kind], &str)) -> Self {
        let objects = Arc::new(Objects::new(kinds, owned));
        let (installed, changes) = watch::channel(0);
        let mut tasks = JoinSet::new();
        let everywhere = kinds.iter().map(|kind| (kind, None));
        let here = owned.iter().map(|kind| (kind, Some(namespace.to_owned())));
        for (kind, namespace) in everywhere.chain(here) {
            let (client, kind) = (client.clone(), kind.clone());
            let (objects, changes) = (objects.clone(), changes.clone());
            tasks.spawn(async move {
                let scope = (&kind, namespace.as_deref());
                follow(&client, scope, &objects, changes).await;
            });
        }
        let (problem, definitions_problem) = watch::channel(None);
        tasks.spawn(tell_of_definitions(client.clone(), installed, problem));
        Self {
            objects,
            definitions_problem,
            _tasks: tasks,
        }
    }

    /// What was seen.
    pub fn objects(&self) -> &Arc<Objects> {
        &self.objects
    }

    /// Why CustomResourceDefinitions cannot be watched.
    pub fn definitions_problem(&self) -> watch::Receiver<Option<String>> {
        self.definitions_problem.clone()
    }
}

/// Tells of every change of a CustomResourceDefinition.
async fn tell_of_definitions(
    client: Client,
    installed: watch::Sender<u64>,
    problem: watch::Sender<Option<String>>,
) {
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client, &definition::definitions());
    let mut events = pin!(watcher(api, watcher::Config::default()).backoff(Pauses::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(_) => {
                problem.send_replace(None);
                installed.send_modify(|number| *number += 1);
            }
            // Without leave to watch them, kinds are looked for from time to time.
            Err(error) => {
                let text = watch_problem(&error);
                if problem.send_replace(Some(text.clone())).as_ref() != Some(&text) {
                    tracing::warn!("kinds that are installed later are noticed late: {text}");
                }
            }
        }
    }
}
