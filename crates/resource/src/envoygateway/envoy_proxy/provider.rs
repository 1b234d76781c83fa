// SPDX-License-Identifier: Apache-2.0
//! `provider.kubernetes` of an EnvoyProxy: what a Gateway gets in a cluster.
//!
//! In: the block. Out: settings of its Deployment, Service, autoscaler and disruption budget; what is
//! not implemented is reported by name. Parts of Kubernetes' own kinds are kept as they are written:
//! an API server knows them better.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    admission::{Block, Field, I32_MAX},
    codes,
};

/// Fields of a Kubernetes object, as they are written.
pub type Verbatim = Map<String, Value>;

/// `provider.kubernetes`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KubernetesProvider {
    /// `envoyDeployment`.
    pub deployment: DeploymentSettings,
    /// `envoyService`.
    pub service: ServiceSettings,
    /// `envoyHpa`.
    pub autoscaler: Option<Autoscaler>,
    /// `envoyPDB`: `minAvailable` or `maxUnavailable`.
    pub disruption_budget: Option<(&'static str, Value)>,
}

/// `envoyDeployment`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeploymentSettings {
    /// `replicas`.
    pub replicas: Option<u32>,
    /// `container.image`.
    pub image: Option<String>,
    /// `container.resources`.
    pub resources: Option<Value>,
    /// `pod.labels`.
    pub labels: BTreeMap<String, String>,
    /// `pod.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The other fields of `pod`.
    pub pod: Verbatim,
}

/// `envoyService`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceSettings {
    /// `labels`.
    pub labels: BTreeMap<String, String>,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The other fields: those of a Service's `spec`.
    pub spec: Verbatim,
}

/// `envoyHpa`.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoscaler {
    /// `minReplicas`. Absent: 1 (Kubernetes default).
    pub min_replicas: Option<u32>,
    /// `maxReplicas`.
    pub max_replicas: u32,
    /// `metrics`; none: 80 percent of the requested CPU (Envoy Gateway default).
    pub metrics: Vec<Value>,
    /// `behavior`.
    pub behavior: Option<Value>,
}

/// Reads a field that is kept as it is written.
type Read = fn(&Field<'_>) -> Option<Value>;

/// Fields of `envoyService` that only a load balancer has.
const OF_LOAD_BALANCERS: [(&str, Read); 4] = [
    ("allocateLoadBalancerNodePorts", |field| {
        Some(field.boolean()?.into())
    }),
    ("loadBalancerClass", text),
    ("loadBalancerIP", text),
    ("loadBalancerSourceRanges", |field| {
        Some(field.strings(0..=usize::MAX).into())
    }),
];

/// Reads `provider`.
pub(super) fn decode(block: &Block<'_>) -> Option<KubernetesProvider> {
    block.unsupported(&["host"]);
    let field = block.required("type")?;
    let kind = field.word(&["Kubernetes", "Host"])?;
    if kind == "Host" {
        field.warn(
            codes::UNSUPPORTED_FIELD,
            "provider `Host` is accepted but not implemented: nothing is started for a Gateway",
        );
    }
    block.object("kubernetes", kubernetes)
}

fn kubernetes(block: &Block<'_>) -> KubernetesProvider {
    block.field.advise(
        codes::NO_EFFECT,
        format!(
            "`{}` says what a Gateway gets in a cluster",
            block.field.path()
        ),
        "`envoyService` needs `run --kubernetes` with `--gateway-services` or `--fleet-address`, \
         the others need `--fleet-address`"
            .to_owned(),
    );
    block.unsupported(&[
        "envoyDaemonSet",
        "envoyServiceAccount",
        "useListenerPortAsContainerPort",
    ]);
    KubernetesProvider {
        deployment: block
            .object("envoyDeployment", deployment)
            .unwrap_or_default(),
        service: block.object("envoyService", service).unwrap_or_default(),
        autoscaler: block.object("envoyHpa", autoscaler).flatten(),
        disruption_budget: block.object("envoyPDB", disruption_budget).flatten(),
    }
}

fn deployment(block: &Block<'_>) -> DeploymentSettings {
    block.unsupported(&["initContainers", "name", "patch", "strategy"]);
    let mut settings = DeploymentSettings {
        replicas: block.u32("replicas", 0..=I32_MAX),
        ..DeploymentSettings::default()
    };
    block.object("container", |block| {
        block.unsupported(&["env", "imageRepository", "securityContext", "volumeMounts"]);
        let image = block
            .optional("image")
            .and_then(|field| field.text(usize::MAX));
        settings.image = image.map(str::to_owned);
        settings.resources = block.optional("resources").and_then(|it| object(&it));
    });
    block.object("pod", |block| {
        block.unsupported(&["securityContext", "volumes"]);
        settings.labels = string_map(block, "labels");
        settings.annotations = string_map(block, "annotations");
        let mut add = |name: &'static str, read: Read| {
            let value = block.optional(name).and_then(|field| read(&field));
            settings
                .pod
                .extend(value.map(|value| (name.to_owned(), value)));
        };
        add("affinity", object);
        add("imagePullSecrets", objects);
        add("nodeSelector", strings_by_name);
        add("priorityClassName", text);
        add("tolerations", objects);
        add("topologySpreadConstraints", objects);
    });
    settings
}

fn service(block: &Block<'_>) -> ServiceSettings {
    block.unsupported(&["name", "patch"]);
    let mut settings = ServiceSettings {
        labels: string_map(block, "labels"),
        annotations: string_map(block, "annotations"),
        spec: Verbatim::new(),
    };
    let mut add = |name: &'static str, read: Read| {
        let value = block.optional(name).and_then(|field| read(&field));
        settings
            .spec
            .extend(value.map(|value| (name.to_owned(), value)));
    };
    add("type", |field| {
        let kind = field.word(&["ClusterIP", "LoadBalancer", "NodePort"])?;
        Some(kind.into())
    });
    add("externalTrafficPolicy", |field| {
        Some(field.word(&["Local", "Cluster"])?.into())
    });
    for (name, read) in OF_LOAD_BALANCERS {
        add(name, read);
    }
    let kind = settings.spec.get("type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "LoadBalancer") {
        let written = OF_LOAD_BALANCERS.iter();
        for field in written.filter_map(|(name, _)| block.optional(name)) {
            field.reject("may only be set when type is LoadBalancer");
        }
    }
    settings
}

fn autoscaler(block: &Block<'_>) -> Option<Autoscaler> {
    block.unsupported(&["name", "patch"]);
    let min_replicas = block.u32("minReplicas", 1..=I32_MAX);
    let max_replicas = block.required("maxReplicas")?.u32(1..=I32_MAX)?;
    if min_replicas.is_some_and(|least| least > max_replicas) {
        block
            .field
            .reject("maxReplicas cannot be less than minReplicas");
    }
    let metrics = block.list("metrics", 0..=usize::MAX);
    Some(Autoscaler {
        min_replicas,
        max_replicas,
        metrics: metrics.iter().filter_map(object).collect(),
        behavior: block.optional("behavior").and_then(|it| object(&it)),
    })
}

fn disruption_budget(block: &Block<'_>) -> Option<(&'static str, Value)> {
    block.unsupported(&["name", "patch"]);
    let bound = |name: &'static str| {
        let field = block.optional(name)?;
        match &field.node.to_json() {
            value @ Value::String(_) => Some((name, value.clone())),
            _ => Some((name, field.u32(0..=I32_MAX)?.into())),
        }
    };
    let (least, most) = (bound("minAvailable"), bound("maxUnavailable"));
    if least.is_some() && most.is_some() {
        block
            .field
            .reject("only one of minAvailable or maxUnavailable can be specified");
    }
    least.or(most)
}

fn string_map(block: &Block<'_>, name: &'static str) -> BTreeMap<String, String> {
    let map = block.optional(name).map(|field| field.string_map());
    map.unwrap_or_default()
}

fn strings_by_name(field: &Field<'_>) -> Option<Value> {
    Some(Value::from_iter(field.string_map()))
}

fn text(field: &Field<'_>) -> Option<Value> {
    Some(field.text(usize::MAX)?.into())
}

/// A block as it is written.
fn object(field: &Field<'_>) -> Option<Value> {
    match field.node.to_json() {
        value @ Value::Object(_) => Some(value),
        _ => field.wrong_type("object"),
    }
}

/// A list of blocks as they are written.
fn objects(field: &Field<'_>) -> Option<Value> {
    let items = field.items(0..=usize::MAX);
    Some(items.iter().filter_map(object).collect())
}
