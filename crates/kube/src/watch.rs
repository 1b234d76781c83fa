// SPDX-License-Identifier: Apache-2.0
//! The watch of one kind, for as long as the process lives.
//!
//! In: a kind and a client. Out: events into [`Objects`]. Lost connections, restarts and expired
//! versions end in a new list; until it is complete, what was seen before stays.

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::sync::watch;

use crate::{
    Kind, Objects,
    backoff::Pauses,
    discover::{discover, is_not_found},
};

/// Keeps `objects` up to date with one kind, of one namespace if there is one. `installed` tells when
/// definitions have changed.
pub(crate) async fn follow(
    client: &Client,
    (kind, namespace): (&Kind, Option<&str>),
    objects: &Objects,
    mut installed: watch::Receiver<u64>,
) {
    let mut absences = 0;
    loop {
        installed.mark_unchanged();
        match discover(client, kind).await {
            Ok(Some(resource)) => {
                absences = 0;
                tracing::debug!("watching {kind} as {}", resource.api_version);
                let api = match namespace {
                    Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                    None => Api::all_with(client.clone(), &resource),
                };
                read(api, kind, &resource, objects).await;
            }
            Ok(None) => {
                absences += 1;
                // One that was there goes only when a second look agrees.
                let known = objects
                    .states()
                    .iter()
                    .any(|it| it.kind == *kind && it.objects > 0);
                if absences > 1 || !known {
                    objects.absent(kind);
                }
                let pause = if known { AGAIN } else { LOOK };
                let _ = tokio::time::timeout(pause, installed.changed()).await;
                continue;
            }
            Err(error) => tell(objects, kind, &explained(&error)),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Lists and watches until the kind is not served any more.
async fn read(api: Api<DynamicObject>, kind: &Kind, resource: &ApiResource, objects: &Objects) {
    let config = watcher::Config::default();
    let mut events = pin!(watcher::watcher(api, config).backoff(Pauses::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => objects.begin(kind, resource),
            Ok(Event::InitApply(object)) => objects.listed(kind, resource, object),
            Ok(Event::InitDone) => objects.complete(kind),
            Ok(Event::Apply(object)) => objects.applied(kind, resource, object),
            Ok(Event::Delete(object)) => objects.deleted(kind, &object),
            Err(
                watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error),
            ) if is_not_found(&error) => {
                return;
            }
            Err(error) => tell(objects, kind, &watch_problem(&error)),
        }
    }
}

/// Why a watch does not go on.
pub(crate) fn watch_problem(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => explained(error),
        watcher::Error::WatchError(status) => format!("{} ({})", status.message, status.code),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

/// An error in words for people.
pub(crate) fn explained(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            // It names verb, resource, group and the account already.
            format!("{}; its role lacks that verb", status.message)
        }
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                text = cause.to_string();
                source = cause.source();
            }
            text
        }
    }
}

/// Logs a problem once, not at every attempt.
fn tell(objects: &Objects, kind: &Kind, problem: &str) {
    if objects.troubled(kind, problem.to_owned()) {
        tracing::warn!("{kind} cannot be read, what was seen last stays: {problem}");
    }
}

/// Until an attempt that failed is repeated. Ours.
const AGAIN: Duration = Duration::from_secs(1);

/// Until a kind that is not installed is looked for once more, if definitions cannot be watched.
/// Ours.
const LOOK: Duration = Duration::from_secs(10);
