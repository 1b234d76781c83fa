// SPDX-License-Identifier: Apache-2.0
//! The same manifests, from files and from an API server.
//!
//! In: every golden case, as far as the API server takes it. Out: the same resources, verdicts and
//! conditions from either.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery::pinned_kind,
};
use serde_json::{Value, json};
use sluicegate::{input::kinds_of_cluster, pipeline::Stages};
use sluicegate_manifest::{Document, Node};
use tokio::task::JoinSet;

use crate::{
    crds::install,
    harness::{cases, documents, name_of, options, round, shown, texts},
    support::ApiServer,
};

/// Group, kind, namespace and name.
type Key = (String, String, String, String);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_and_files_come_to_the_same() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    install(&api).await;
    api.apply(include_str!("other_kinds.yaml"));
    api.definitions_served().await;
    let (client, _) = api.client().await;
    let mut bench = Bench {
        client,
        resources: BTreeMap::new(),
        namespaces: BTreeSet::from(["default".to_owned()]),
    };
    let (mut compared, mut refused, mut differences) = (0, 0, String::new());
    for case in cases() {
        let (all, _) = documents(&texts(&case));
        let (taken, objects) = bench.create(&all).await;
        refused += all.len() - taken.len();
        compared += taken.len();
        let listed = sluicegate_kube::list(&bench.client, &kinds_of_cluster()).await;
        let listed = of_case(&taken, listed.unwrap());
        bench.delete(objects).await;
        let from_files = shown(&round(&taken, options(&case)));
        let from_cluster = shown(&Stages::of_cluster(options(&case)).round(&listed));
        for (file, text) in &from_files {
            // Lines of files, and fields that an API server would not have taken.
            if file == "diagnostics.txt" {
                continue;
            }
            let other = from_cluster.get(file).map_or("", String::as_str);
            if text != other {
                let name = name_of(&case);
                differences.push_str(&format!("{name}/{file}:\n{}\n", parted(text, other)));
            }
        }
    }
    println!(
        "{compared} objects of the golden cases compared, {refused} refused by the API server"
    );
    assert!(differences.is_empty(), "{differences}");
    assert!(
        compared > 5 * refused,
        "{compared} compared, {refused} refused"
    );
}

/// An API server that gets one case after the other.
struct Bench {
    client: Client,
    resources: BTreeMap<(String, String), Option<ApiResource>>,
    namespaces: BTreeSet<String>,
}

impl Bench {
    /// Creates what the API server takes, the first of each name; those documents, and how to delete
    /// them.
    async fn create(
        &mut self,
        documents: &[Arc<Document>],
    ) -> (Vec<Arc<Document>>, Vec<(Api<DynamicObject>, String)>) {
        let (mut known, mut running) = (BTreeSet::new(), JoinSet::new());
        for (number, document) in documents.iter().enumerate() {
            let key = key(document);
            let Some(api) = self.api(document, &key).await else {
                continue;
            };
            if !known.insert(key.clone()) {
                continue;
            }
            let object = object(document, &key);
            running.spawn(async move {
                let parameters = PatchParams::apply("parity").force().validation_strict();
                let (name, patch) = (&key.3, Patch::Apply(&object));
                let taken = api.patch(name, &parameters, &patch).await.is_ok();
                (taken, number, key, api)
            });
        }
        let mut taken = running.join_all().await;
        taken.retain(|(taken, ..)| *taken);
        taken.sort_by_key(|(_, number, ..)| *number);
        let kept = taken
            .iter()
            .map(|(_, number, ..)| documents[*number].clone());
        let kept = kept.collect();
        // Without its controller no namespace ever goes.
        taken.retain(|(_, _, key, _)| key.1 != "Namespace");
        let objects = taken.into_iter().map(|(_, _, key, api)| (api, key.3));
        (kept, objects.collect())
    }

    async fn delete(&self, objects: Vec<(Api<DynamicObject>, String)>) {
        let mut running = JoinSet::new();
        for (api, name) in objects {
            running.spawn(async move {
                let now = DeleteParams::default().grace_period(0);
                api.delete(&name, &now).await.unwrap();
            });
        }
        running.join_all().await;
    }

    /// Where a document goes, in a namespace that is there; `None` for kinds that are not installed.
    async fn api(&mut self, document: &Document, key: &Key) -> Option<Api<DynamicObject>> {
        let (api_version, kind) = (document.api_version(), document.kind());
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let name = (api_version.to_owned(), kind.to_owned());
        if !self.resources.contains_key(&name) {
            let kind = GroupVersionKind::gvk(group, version, kind);
            let found = pinned_kind(&self.client, &kind).await.ok();
            self.resources.insert(name.clone(), found.map(|it| it.0));
        }
        let resource = self.resources[&name].clone()?;
        if key.2.is_empty() {
            return Some(Api::all_with(self.client.clone(), &resource));
        }
        if self.namespaces.insert(key.2.clone()) {
            let kind = GroupVersionKind::gvk("", "v1", "Namespace");
            let api = Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind));
            let namespace = DynamicObject::new(&key.2, &ApiResource::from_gvk(&kind));
            // A case may have created it.
            let _ = api.create(&Default::default(), &namespace).await;
        }
        Some(Api::namespaced_with(self.client.clone(), &key.2, &resource))
    }
}

fn text(root: &Node, path: &[&str]) -> String {
    let found = path.iter().try_fold(root, |node, name| node.get(name));
    found.and_then(Node::as_str).unwrap_or_default().to_owned()
}

fn key(document: &Document) -> Key {
    let group = document.api_version().split_once('/').map_or("", |it| it.0);
    let kind = document.kind();
    let namespace = match (kind, text(&document.root, &["metadata", "namespace"])) {
        ("Namespace" | "GatewayClass", _) => String::new(),
        (_, namespace) if namespace.is_empty() => "default".to_owned(),
        (_, namespace) => namespace,
    };
    let name = text(&document.root, &["metadata", "name"]);
    (group.to_owned(), kind.to_owned(), namespace, name)
}

/// A document as it is sent; an API server does not want to hear about status and times.
fn object(document: &Document, key: &Key) -> Value {
    let mut object = document.root.to_json();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for name in ["creationTimestamp", "generation", "uid", "resourceVersion"] {
        metadata.remove(name);
    }
    if !key.2.is_empty() {
        metadata.insert("namespace".into(), key.2.as_str().into());
    }
    object
}

/// The documents of a case as the API server has them, with the time and generation of the manifest.
fn of_case(case: &[Arc<Document>], listed: Vec<Arc<Document>>) -> Vec<Arc<Document>> {
    let written: BTreeMap<Key, Value> =
        case.iter().map(|it| (key(it), it.root.to_json())).collect();
    let listed = listed.into_iter().filter_map(|document| {
        let written = written.get(&key(&document))?;
        let mut object = document.root.to_json();
        let metadata = object["metadata"].as_object_mut()?;
        for name in ["creationTimestamp", "generation"] {
            match written["metadata"].get(name) {
                Some(value) => drop(metadata.insert(name.into(), value.clone())),
                None => drop(metadata.remove(name)),
            }
        }
        Some(Arc::new(Document {
            origin: document.origin.clone(),
            root: Node::from_json(json!(object)),
        }))
    });
    listed.collect()
}

/// Where two texts part.
fn parted(files: &str, cluster: &str) -> String {
    let (files, cluster): (Vec<&str>, Vec<&str>) =
        (files.lines().collect(), cluster.lines().collect());
    let at = files.iter().zip(&cluster).position(|(a, b)| a != b);
    let at = at.unwrap_or(files.len().min(cluster.len()));
    let part = |lines: &[&str]| {
        let lines = lines.iter().skip(at.saturating_sub(3)).take(8);
        lines.map(|line| format!("  {line}\n")).collect::<String>()
    };
    format!(" files:\n{} API server:\n{}", part(&files), part(&cluster))
}
