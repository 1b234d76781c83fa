// SPDX-License-Identifier: Apache-2.0
//! Custom resource definitions.
//!
//! In: nothing. Out: the kinds of policies, of Backends and of EnvoyProxies for an API server:
//! everything that our decoders read, in both spellings, with the rules that can be said in a schema. They have every
//! field of the upstreams' definitions of the same kinds; values that Envoy refuses they refuse.

mod admission_policy;
mod backend;
mod backend_config_policy;
mod backend_traffic_policy;
mod envoy_proxy;
mod http2;
mod http_listener_policy;
mod installed;
mod schema;
mod status;
mod telemetry;

use serde_json::{Value, json};

pub use admission_policy::{Action, binding, policy};
pub use installed::{lost, warnings};
use schema::{Schema, object, string};

/// A custom resource definition.
#[derive(Debug)]
pub struct Definition {
    /// API group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
    category: &'static str,
    /// How a policy spreads, as the Gateway API calls it; `None` is no policy.
    policy: Option<&'static str>,
    says: &'static str,
    columns: &'static [Column],
    spec: fn() -> Schema,
    status: fn() -> Schema,
}

/// A column of `kubectl get`: name, type, path.
type Column = (&'static str, &'static str, &'static str);

/// Columns of policies. The path names every ancestor; kubectl shows the first.
const OF_POLICIES: &[Column] = &[
    (
        "Accepted",
        "string",
        ".status.ancestors[*].conditions[?(@.type==\"Accepted\")].status",
    ),
    (
        "Attached",
        "string",
        ".status.ancestors[*].conditions[?(@.type==\"Attached\")].status",
    ),
    AGE,
];

/// The version of every one of them.
const VERSION: &str = "v1alpha1";

const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");

/// Every definition, in the order in which they are printed.
pub const ALL: &[Definition] = &[
    Definition {
        group: "gateway.kgateway.dev",
        kind: "BackendConfigPolicy",
        plural: "backendconfigpolicies",
        singular: "backendconfigpolicy",
        short: &[],
        category: "kgateway",
        policy: Some("Direct"),
        says: "How the gateway talks to a backend: connections, protocols, TLS, balancing, health.",
        columns: OF_POLICIES,
        spec: backend_config_policy::spec,
        status: status::policy,
    },
    Definition {
        group: "gateway.kgateway.dev",
        kind: "Backend",
        plural: "backends",
        singular: "backend",
        short: &[],
        category: "kgateway",
        policy: None,
        says: "Hosts that are no Service of the cluster.",
        columns: &[
            ("Type", "string", ".spec.type"),
            (
                "Accepted",
                "string",
                ".status.conditions[?(@.type==\"Accepted\")].status",
            ),
            AGE,
        ],
        spec: backend::spec,
        status: status::plain,
    },
    Definition {
        group: "gateway.envoyproxy.io",
        kind: "BackendTrafficPolicy",
        plural: "backendtrafficpolicies",
        singular: "backendtrafficpolicy",
        short: &["btp"],
        category: "envoy-gateway",
        policy: Some("Inherited"),
        says: "How the gateway treats the traffic of a route or a Gateway towards its backends.",
        columns: OF_POLICIES,
        spec: backend_traffic_policy::spec,
        status: status::policy,
    },
    Definition {
        group: "gateway.kgateway.dev",
        kind: "HTTPListenerPolicy",
        plural: "httplistenerpolicies",
        singular: "httplistenerpolicy",
        short: &[],
        category: "kgateway",
        policy: Some("Direct"),
        says: "What listeners of HTTP write and trace.",
        columns: OF_POLICIES,
        spec: http_listener_policy::spec,
        status: status::policy,
    },
    Definition {
        group: "gateway.envoyproxy.io",
        kind: "EnvoyProxy",
        plural: "envoyproxies",
        singular: "envoyproxy",
        short: &["eproxy"],
        category: "envoy-gateway",
        policy: None,
        says: "How the proxies of a Gateway are.",
        columns: &[AGE],
        spec: envoy_proxy::spec,
        status: status::policy,
    },
];

impl Definition {
    /// Name of the definition.
    pub fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Whether `word` names it: kind, plural, short name or full name.
    pub fn is_called(&self, word: &str) -> bool {
        let names = [self.kind, self.plural, self.singular];
        let mut names = names.iter().chain(self.short);
        names.any(|name| name.eq_ignore_ascii_case(word)) || self.name() == word
    }

    /// The manifest.
    pub fn manifest(&self) -> Value {
        let mut metadata = json!({ "name": self.name() });
        if let Some(policy) = self.policy {
            metadata["labels"] = json!({ "gateway.networking.k8s.io/policy": policy });
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {
                "group": self.group,
                "names": {
                    "kind": self.kind,
                    "listKind": format!("{}List", self.kind),
                    "plural": self.plural,
                    "singular": self.singular,
                    "shortNames": self.short,
                    "categories": [self.category],
                },
                "scope": "Namespaced",
                "versions": [self.version()],
            },
        })
    }

    fn version(&self) -> Value {
        let column =
            |(name, kind, path): &Column| json!({ "name": name, "type": kind, "jsonPath": path });
        let columns: Vec<Value> = self.columns.iter().map(column).collect();
        json!({
            "name": VERSION,
            "served": true,
            "storage": true,
            "subresources": { "status": {} },
            "additionalPrinterColumns": columns,
            "schema": { "openAPIV3Schema": Value::from(self.schema()) },
        })
    }

    /// Schema of the whole object.
    fn schema(&self) -> Schema {
        object([
            ("apiVersion", string()),
            ("kind", string()),
            // The API server knows it.
            ("metadata", object([])),
            ("spec", (self.spec)()),
            ("status", (self.status)()),
        ])
        .says(self.says)
        .required(&["spec"])
    }
}
