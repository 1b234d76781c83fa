// SPDX-License-Identifier: Apache-2.0
//! Every kind of an API server, listed once.
//!
//! In: a client and kinds. Out: the documents that a watch would give now. Nothing is watched, and
//! nothing written.

use std::sync::Arc;

use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use sluicegate_manifest::Document;
use tokio::task::JoinSet;

use crate::{Kind, Objects, discover::discover, watch::explained};

/// Why a kind cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The API server refuses.
    #[error("{kind} cannot be listed: {reason}")]
    Refused {
        /// What was asked for.
        kind: Kind,
        /// The API server's words.
        reason: String,
    },
    /// Nobody answers, or somebody who is no API server.
    #[error("no answer of an API server: {0}; check --kubeconfig and --context")]
    NoAnswer(String),
    /// A bug: the list was not carried through.
    #[error("the list of a kind ended early: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Every document, by kind, namespace and name; kinds that are not installed have none.
///
/// # Errors
/// When one of the kinds cannot be listed: half of a configuration would be another one.
pub async fn list(client: &Client, kinds: &[Kind]) -> Result<Vec<Arc<Document>>, ListError> {
    let objects = Arc::new(Objects::new(kinds, &[]));
    let mut running = JoinSet::new();
    for kind in kinds {
        let (client, kind, objects) = (client.clone(), kind.clone(), objects.clone());
        running.spawn(async move {
            let listed = list_kind(&client, &kind, &objects).await;
            listed.map_err(|error| refused(kind, &error))
        });
    }
    while let Some(listed) = running.join_next().await {
        listed??;
    }
    Ok(objects.documents().unwrap_or_default())
}

async fn list_kind(client: &Client, kind: &Kind, objects: &Objects) -> Result<(), kube::Error> {
    let Some(resource) = discover(client, kind).await? else {
        objects.absent(kind);
        return Ok(());
    };
    let mut attempts = ATTEMPTS;
    loop {
        objects.begin(kind, &resource);
        match pages(client, kind, &resource, objects).await {
            // The next page of a list that took too long.
            Err(error) if is_expired(&error) && attempts > 1 => attempts -= 1,
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    objects.complete(kind);
    Ok(())
}

async fn pages(
    client: &Client,
    kind: &Kind,
    resource: &ApiResource,
    objects: &Objects,
) -> Result<(), kube::Error> {
    let api = Api::<DynamicObject>::all_with(client.clone(), resource);
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&parameters).await?;
        for object in page.items {
            objects.listed(kind, resource, object);
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => {
                parameters = parameters.continue_token(&token);
            }
            _ => return Ok(()),
        }
    }
}

fn refused(kind: Kind, error: &kube::Error) -> ListError {
    let reason = explained(error);
    match error {
        kube::Error::Api(_) => ListError::Refused { kind, reason },
        _ => ListError::NoAnswer(reason),
    }
}

fn is_expired(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 410)
}

/// Objects of a page, as `kubectl` asks for them.
const PAGE: u32 = 500;

/// How often a list is begun. Ours.
const ATTEMPTS: u32 = 3;
