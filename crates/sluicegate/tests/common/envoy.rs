// SPDX-License-Identifier: Apache-2.0
//! A real Envoy as the judge of resources.
//!
//! In: resources as JSON. Out: nothing, or what Envoy says against them. It runs in validate mode:
//! everything is built as for serving, and nothing is bound or dialled.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use sluicegate_snapshot::{ResourceType, Snapshot};

use crate::harness::{messages, repository};

/// Where Envoy is, when there is one to ask.
pub(crate) struct Envoy {
    binary: PathBuf,
}

impl Envoy {
    /// The Envoy of [`sluicegate_testkit::envoy_binary`].
    pub(crate) fn find() -> Option<Self> {
        let binary = sluicegate_testkit::envoy_binary()?;
        Some(Self { binary })
    }

    /// `envoy --version`.
    pub(crate) fn version(&self) -> String {
        let output = Command::new(&self.binary)
            .arg("--version")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Whether Envoy takes the resources.
    pub(crate) fn accepts(&self, resources: &Resources) -> Result<(), String> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = directory.join(format!("envoy-{}-{run}.json", std::process::id()));
        let bootstrap = resources.bootstrap();
        fs::write(&path, serde_json::to_string_pretty(&bootstrap).unwrap()).unwrap();
        let output = Command::new(&self.binary)
            .args([
                "--mode",
                "validate",
                "--log-level",
                "error",
                "--concurrency",
                "1",
            ])
            .arg("--config-path")
            .arg(&path)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() {
            fs::remove_file(&path).unwrap();
            Ok(())
        } else {
            Err(format!("{said}\n(bootstrap: {})", path.display()))
        }
    }
}

/// What goes into a bootstrap.
#[derive(Default, Clone)]
pub(crate) struct Resources {
    /// As emitted: endpoints over ADS.
    pub(crate) clusters: Vec<Value>,
    /// Become the inline endpoints of clusters of their own.
    pub(crate) endpoints: Vec<Value>,
    /// As emitted, with routes over ADS; secrets are those of the bootstrap, so that Envoy reads
    /// them.
    pub(crate) listeners: Vec<Value>,
    /// Become inline routes of listeners of their own.
    pub(crate) routes: Vec<Value>,
    /// As emitted.
    pub(crate) secrets: Vec<Value>,
}

impl Resources {
    /// Everything in a snapshot. Files that are not here are replaced by files that are: a path is
    /// the proxy's business.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let of = |resource_type| {
            let mut values: Vec<Value> = messages(snapshot, resource_type)
                .into_iter()
                .map(|(_, value)| value)
                .collect();
            values.iter_mut().for_each(substitute_files);
            values
        };
        let mut listeners = of(ResourceType::Listener);
        listeners.iter_mut().for_each(secrets_from_bootstrap);
        Self {
            clusters: of(ResourceType::Cluster),
            endpoints: of(ResourceType::Endpoint),
            listeners,
            routes: of(ResourceType::Route),
            secrets: of(ResourceType::Secret),
        }
    }

    /// One cluster.
    pub(crate) fn cluster(cluster: Value) -> Self {
        Self {
            clusters: vec![cluster],
            ..Self::default()
        }
    }

    /// Each resource alone, with its type and name.
    pub(crate) fn each(&self) -> Vec<(String, Self)> {
        let mut each = Vec::new();
        type Place = fn(&mut Resources) -> &mut Vec<Value>;
        let kinds: [(&str, &Vec<Value>, Place); 4] = [
            ("cluster", &self.clusters, |all| &mut all.clusters),
            ("endpoints", &self.endpoints, |all| &mut all.endpoints),
            ("listener", &self.listeners, |all| &mut all.listeners),
            ("routes", &self.routes, |all| &mut all.routes),
        ];
        for (kind, values, place) in kinds {
            for value in values {
                let name = value.get("name").or(value.get("cluster_name"));
                let mut alone = Self {
                    secrets: self.secrets.clone(),
                    ..Self::default()
                };
                place(&mut alone).push(value.clone());
                each.push((format!("{kind} {}", name.unwrap_or(&Value::Null)), alone));
            }
        }
        each
    }

    fn bootstrap(&self) -> Value {
        let mut clusters = vec![ads_cluster()];
        clusters.extend(self.clusters.iter().cloned());
        clusters.extend(self.endpoints.iter().enumerate().map(inline_endpoints));
        let mut listeners = self.listeners.clone();
        listeners.extend(self.routes.iter().enumerate().map(inline_routes));
        let ads = json!({
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [{ "envoy_grpc": { "cluster_name": "ads" } }],
        });
        json!({
            "node": { "id": "test", "cluster": "test" },
            "dynamic_resources": { "ads_config": ads },
            "static_resources": {
                "clusters": clusters,
                "listeners": listeners,
                "secrets": self.secrets,
            },
        })
    }
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The server that `ads: {}` means; nobody dials it here.
fn ads_cluster() -> Value {
    let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 1 } });
    json!({
        "name": "ads",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "load_assignment": {
            "cluster_name": "ads",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    })
}

fn inline_endpoints((index, endpoints): (usize, &Value)) -> Value {
    let name = format!("endpoints-{index}");
    let mut endpoints = endpoints.clone();
    endpoints["cluster_name"] = name.clone().into();
    json!({ "name": name, "type": "STATIC", "load_assignment": endpoints })
}

fn inline_routes((index, routes): (usize, &Value)) -> Value {
    let mut routes = routes.clone();
    // Over RDS, a route may name a cluster that is not there.
    routes["validate_clusters"] = false.into();
    let manager =
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    json!({
        "name": format!("routes-{index}"),
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 1000 + index } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("type.googleapis.com/{manager}"),
                "stat_prefix": "routes",
                "route_config": routes,
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    },
                }],
            },
        }] }],
    })
}

/// A secret without a source is one of the bootstrap.
fn secrets_from_bootstrap(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(secrets_from_bootstrap),
        Value::Object(fields) => {
            fields.shift_remove("sds_config");
            fields.values_mut().for_each(secrets_from_bootstrap);
        }
        _ => {}
    }
}

/// Certificates under the names of the messages that may read them from a file.
fn substitute_files(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(substitute_files),
        Value::Object(fields) => {
            let kind = fields.get("@type").and_then(Value::as_str);
            if kind.is_some_and(|kind| kind.ends_with(".FileAccessLog")) {
                fields.insert("path".to_owned(), "/dev/null".into());
            }
            for (name, field) in fields.iter_mut() {
                let file = match name.as_str() {
                    "certificate_chain" => "tls.crt",
                    "private_key" => "tls.key",
                    "trusted_ca" => "ca.crt",
                    _ => {
                        substitute_files(field);
                        continue;
                    }
                };
                let path = field.get("filename").and_then(Value::as_str);
                if path.is_some_and(|path| !PathBuf::from(path).exists()) {
                    let here = repository().join("tests/certificates").join(file);
                    field["filename"] = here.display().to_string().into();
                }
            }
        }
        _ => {}
    }
}
