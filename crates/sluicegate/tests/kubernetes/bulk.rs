// SPDX-License-Identifier: Apache-2.0
//! Many objects at once, faster than `kubectl` would.
//!
//! In: a client and objects. Out: the same at the API server; and what its own counters say of
//! writes of status.

use std::time::{Duration, Instant};

use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value;
use sluicegate_testkit::patience;
use tokio::task::JoinSet;

use crate::support::ApiServer;

/// The objects of one kind in the namespace `default`.
#[derive(Clone)]
pub(crate) struct Bulk {
    api: Api<DynamicObject>,
}

impl Bulk {
    /// The kind `kind` of `group/v1…`, whose resources are called `plural`.
    pub(crate) fn new(
        client: &Client,
        group: &str,
        version: &str,
        kind: &str,
        plural: &str,
    ) -> Self {
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Self {
            api: Api::namespaced_with(client.clone(), "default", &resource),
        }
    }

    /// BackendConfigPolicies.
    pub(crate) fn policies(client: &Client) -> Self {
        let group = "gateway.kgateway.dev";
        Self::new(
            client,
            group,
            "v1alpha1",
            "BackendConfigPolicy",
            "backendconfigpolicies",
        )
    }

    /// Services.
    pub(crate) fn services(client: &Client) -> Self {
        Self::new(client, "", "v1", "Service", "services")
    }

    /// Creates all of them.
    pub(crate) async fn create(&self, objects: Vec<Value>) {
        self.each(objects, |api, object| async move {
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            api.create(&PostParams::default(), &object).await.map(drop)
        })
        .await;
    }

    /// Merges `patch` into all of them.
    pub(crate) async fn patch(&self, names: Vec<String>, patch: &Value) {
        let named = names.into_iter().map(|name| (name, patch.clone()));
        self.each(named.collect(), |api, (name, patch)| async move {
            let parameters = PatchParams::default();
            api.patch(&name, &parameters, &Patch::Merge(patch))
                .await
                .map(drop)
        })
        .await;
    }

    /// Deletes all of them.
    pub(crate) async fn delete(&self, names: Vec<String>) {
        self.each(names, |api, name| async move {
            api.delete(&name, &DeleteParams::default()).await.map(drop)
        })
        .await;
    }

    /// As they are now.
    pub(crate) async fn list(&self) -> Vec<DynamicObject> {
        self.api.list(&ListParams::default()).await.unwrap().items
    }

    /// Some at a time.
    async fn each<T, F>(&self, items: Vec<T>, act: impl Fn(Api<DynamicObject>, T) -> F)
    where
        F: Future<Output = kube::Result<()>> + Send + 'static,
    {
        let mut running: JoinSet<kube::Result<()>> = JoinSet::new();
        for item in items {
            if running.len() == AT_A_TIME {
                running.join_next().await.unwrap().unwrap().unwrap();
            }
            running.spawn(act(self.api.clone(), item));
        }
        while let Some(done) = running.join_next().await {
            done.unwrap().unwrap();
        }
    }
}

/// Waits until every policy has the status of its generation, as long as that gets on; how long it
/// took.
pub(crate) async fn settled(policies: &Bulk) -> Duration {
    let started = Instant::now();
    let (mut best, mut since) = (usize::MAX, Instant::now());
    loop {
        let open = policies
            .list()
            .await
            .into_iter()
            .filter(|it| !is_settled(it))
            .count();
        if open == 0 {
            return started.elapsed();
        }
        if open < best {
            (best, since) = (open, Instant::now());
        }
        assert!(
            since.elapsed() < 2 * patience(),
            "{open} policies without their status"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_settled(policy: &DynamicObject) -> bool {
    let conditions = &policy.data["status"]["ancestors"][0]["conditions"];
    let mut conditions = conditions.as_array().into_iter().flatten();
    let generation = policy.metadata.generation.unwrap();
    conditions.any(|it| it["type"] == "Accepted" && it["observedGeneration"] == generation)
}

/// Writes of status since the API server started: all of them, and those that were refused.
pub(crate) fn status_writes(api: &ApiServer) -> (u64, u64) {
    let metrics = api.kubectl(&["get", "--raw", "/metrics"]);
    let lines = metrics.lines().filter(|line| {
        let verbs = ["APPLY", "PATCH", "PUT"];
        line.starts_with("apiserver_request_total{")
            && line.contains("subresource=\"status\"")
            && verbs.iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
            // Its own controllers write status, too.
            && (line.contains("gateway.") || line.contains("envoyproxy"))
    });
    let (mut all, mut refused) = (0, 0);
    for line in lines {
        let (labels, count) = line.rsplit_once(' ').unwrap();
        let count = count.parse::<f64>().unwrap() as u64;
        all += count;
        if !labels.contains("code=\"200\"") {
            refused += count;
        }
    }
    (all, refused)
}

/// Server-side applies of a resource since the API server started.
pub(crate) fn applies(api: &ApiServer, resource: &str) -> u64 {
    let metrics = api.kubectl(&["get", "--raw", "/metrics"]);
    let resource = format!("resource=\"{resource}\"");
    let lines = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && line.contains(&resource)
            && line.contains("subresource=\"\"")
            && line.contains("verb=\"APPLY\"")
    });
    let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    counts.sum::<f64>() as u64
}

/// Requests at a time: what one small machine does without a queue.
const AT_A_TIME: usize = 8;
