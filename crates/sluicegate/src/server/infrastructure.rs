// SPDX-License-Identifier: Apache-2.0
//! What each Gateway gets in a cluster: a Service, and Envoys of its own where those carry the
//! traffic, as its EnvoyProxy wants them.
//!
//! In: a round. Out: objects in our namespace. Only there are the pods that a Service selects and the
//! Secret with which Envoys prove who they are, and rights to write stay within one namespace.
//!
//! A Gateway owns its objects where it is in that namespace, too. An owner in another namespace is not
//! allowed: there it is the GatewayClass, and we delete what has lost its Gateway.

mod deployment;
mod scaling;
mod service;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::{Value, json};
use sluicegate_attach::{Gateway, OF_GATEWAY, proxy_of_class, stable_hash};
use sluicegate_kube::{Kind, Mark, Objects, Owned};
use sluicegate_resource::ObjectRef;

pub use deployment::Envoys;
pub use service::{GatewayServices, Selector, ServiceType};

use crate::pipeline::Round;

/// What Gateways get.
#[derive(Clone)]
pub(super) struct Infrastructure {
    pub(super) services: Option<GatewayServices>,
    pub(super) envoys: Option<Envoys>,
    pub(super) objects: Arc<Objects>,
    /// Where our objects are.
    pub(super) namespace: String,
}

impl Infrastructure {
    /// Everything that should be there.
    pub(super) fn of(&self, round: &Round) -> Owned {
        let mut owned = Owned::default();
        for gateway in &round.graph.gateways {
            let name = name(gateway.object.reference());
            // Nothing that could be reached; what clients know by its address stays.
            let keeps = !serves(gateway) || self.stays(gateway, round);
            for kind in self.kinds() {
                let key = (kind.clone(), name.clone());
                if keeps {
                    owned.kept.insert(key);
                } else if let Some(manifest) = self.manifest(&kind, gateway, round) {
                    owned.wanted.insert(key, sealed(manifest));
                }
            }
        }
        // One that does not decode may be a slip of the pen, and its address would be lost.
        for gateway in self.objects.names(GATEWAY_API, "Gateway") {
            let reference = ObjectRef::new(GATEWAY_API, "Gateway", &gateway.0, &gateway.1);
            if !round.store.gateways.contains_key(&reference) {
                let kinds = self.kinds();
                let keys = kinds.map(|kind| (kind, name(&reference)));
                owned.kept.extend(keys);
            }
        }
        owned
    }

    /// What tells our objects from others.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            namespace: self.namespace.clone(),
            label: MARK,
            annotation: OF_GATEWAY,
            manager: MANAGER,
        }
    }

    /// The kinds that Gateways get.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let service = self.services.as_ref().map(|_| SERVICE);
        let of_envoys = self.envoys.as_ref().map(|_| OF_ENVOYS);
        service.into_iter().chain(of_envoys.into_iter().flatten())
    }

    /// What a Gateway gets of a kind.
    fn manifest(&self, kind: &Kind, gateway: &Gateway, round: &Round) -> Option<Value> {
        let metadata = self.metadata(gateway, round);
        match kind.name {
            "Service" => {
                let services = self.services.as_ref()?;
                Some(services.manifest(gateway, metadata, self.envoys.is_some()))
            }
            "Deployment" => Some(self.envoys.as_ref()?.manifest(gateway, metadata)),
            "HorizontalPodAutoscaler" => scaling::autoscaler(gateway, metadata),
            _ => scaling::disruption_budget(gateway, metadata),
        }
    }

    /// Whether the EnvoyProxy of a Gateway's class cannot be used: a slip of the pen there must not
    /// take settings away from Envoys that run.
    fn stays(&self, gateway: &Gateway, round: &Round) -> bool {
        if gateway.object.spec.parameters_ref.is_some() {
            return false;
        }
        let class = &gateway.object.spec.gateway_class_name;
        let class = ObjectRef::new(GATEWAY_API, "GatewayClass", "", class);
        let class = round.store.gateway_classes.get(&class);
        let unusable = class.is_some_and(|class| {
            let reference = class.spec.parameters_ref.as_ref();
            let is_proxy = reference.is_some_and(|it| it.kind == "EnvoyProxy");
            is_proxy && matches!(proxy_of_class(&class.spec, &round.store), Some(Err(_)))
        });
        let name = name(gateway.object.reference());
        let kind = (DEPLOYMENT.group, DEPLOYMENT.name);
        let there = || {
            let of = (self.namespace.as_str(), name.as_str());
            self.objects.read(kind, of, |_, _| ())
        };
        unusable && there().is_some()
    }

    fn metadata(&self, gateway: &Gateway, round: &Round) -> Value {
        let reference = gateway.object.reference();
        let spec = &gateway.object.spec;
        let mut annotations = spec.infrastructure_annotations.clone();
        let whole = format!("{}/{}", reference.namespace, reference.name);
        annotations.insert(OF_GATEWAY.to_owned(), whole);
        let mut metadata = json!({
            "name": name(reference),
            "labels": labels(gateway),
            "annotations": annotations,
        });
        if let Some(owner) = self.owner(gateway, round) {
            metadata["ownerReferences"] = json!([owner]);
        }
        metadata
    }

    fn owner(&self, gateway: &Gateway, round: &Round) -> Option<Value> {
        let reference = gateway.object.reference();
        let class = &gateway.object.spec.gateway_class_name;
        let class = ObjectRef::new(GATEWAY_API, "GatewayClass", "", class);
        let owner = if *reference.namespace == self.namespace {
            reference
        } else {
            let known = round.store.gateway_classes.contains_key(&class);
            known.then_some(&class)?
        };
        let uid = self.objects.read(
            (&owner.group, &owner.kind),
            (&owner.namespace, &owner.name),
            |object, _| object["metadata"]["uid"].clone(),
        )?;
        Some(json!({
            "apiVersion": format!("{GATEWAY_API}/v1"),
            "kind": &*owner.kind,
            "name": &*owner.name,
            "uid": uid,
        }))
    }
}

/// Whether a Gateway has a listener that serves.
fn serves(gateway: &Gateway) -> bool {
    let mut listeners = gateway.listeners.iter();
    gateway.accepted.is_ok() && listeners.any(|it| it.verdict.is_programmed())
}

/// Adds to labels or annotations, and leaves those alone that are there.
fn extend(object: &mut Value, more: &BTreeMap<String, String>) {
    let Value::Object(entries) = object else {
        return;
    };
    for (name, value) in more {
        entries.entry(name).or_insert_with(|| value.clone().into());
    }
}

/// Labels of everything that a Gateway has, its pods included.
fn labels(gateway: &Gateway) -> Value {
    let spec = &gateway.object.spec;
    let mut labels = spec.infrastructure_labels.clone();
    for (name, value) in [
        (MARK, MANAGER),
        (
            "gateway.networking.k8s.io/gateway-name",
            &gateway.object.reference().name,
        ),
        (
            "gateway.networking.k8s.io/gateway-class-name",
            &spec.gateway_class_name,
        ),
    ] {
        labels.insert(name.to_owned(), label(value));
    }
    json!(labels)
}

/// With a hash of it all: what is taken out of it again must be noticed, too.
fn sealed(mut manifest: Value) -> Value {
    let mut hasher = DefaultHasher::new();
    manifest.to_string().hash(&mut hasher);
    let hash = format!("{:016x}", hasher.finish());
    manifest["metadata"]["annotations"]["sluicegate.dev/applied"] = hash.into();
    manifest
}

/// The name of a Gateway's objects: readable, unique, and short enough for a Service and a label.
pub(super) fn name(gateway: &ObjectRef) -> String {
    let whole = format!("{}/{}", gateway.namespace, gateway.name);
    let plain = whole.replace(['/', '.'], "-");
    format!(
        "gateway-{}",
        shortened(&plain, &whole, 63 - "gateway-".len())
    )
}

/// A label's value.
fn label(value: &str) -> String {
    if value.len() <= 63 {
        return value.to_owned();
    }
    shortened(value, value, 63)
}

/// The beginning of `text`, and something that is different for each `whole`.
fn shortened(text: &str, whole: &str, most: usize) -> String {
    let hash = stable_hash(whole);
    let end = text.floor_char_boundary(most - 9);
    let beginning = text[..end].trim_end_matches(['-', '.', '_']);
    format!("{beginning}-{hash:08x}")
}

const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// Label of what is ours.
const MARK: &str = "app.kubernetes.io/managed-by";

/// Its value, which is our field manager too.
pub(super) const MANAGER: &str = "sluicegate";

/// Services, which are read, too.
pub(super) const SERVICE: Kind = Kind {
    group: "",
    name: "Service",
    versions: &["v1"],
};

/// Deployments of Envoys.
pub(super) const DEPLOYMENT: Kind = Kind {
    group: "apps",
    name: "Deployment",
    versions: &["v1"],
};

/// What Gateways with Envoys of their own get; these kinds are only written.
pub(super) const OF_ENVOYS: [Kind; 3] = [
    DEPLOYMENT,
    Kind {
        group: "autoscaling",
        name: "HorizontalPodAutoscaler",
        versions: &["v2"],
    },
    Kind {
        group: "policy",
        name: "PodDisruptionBudget",
        versions: &["v1"],
    },
];
