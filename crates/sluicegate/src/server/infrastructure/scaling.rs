// SPDX-License-Identifier: Apache-2.0
//! How many Envoys a Gateway has, where its EnvoyProxy says so: an autoscaler, and a bound on how many
//! may go at a time.
//!
//! In: a Gateway. Out: objects about its Deployment, or none.

use serde_json::{Value, json};
use sluicegate_attach::Gateway;

use super::{deployment::selector, name};

/// `envoyHpa`.
pub(super) fn autoscaler(gateway: &Gateway, metadata: Value) -> Option<Value> {
    let proxy = gateway.proxy.as_ref()?;
    let settings = proxy.spec.provider.autoscaler.as_ref()?;
    let mut spec = json!({
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": name(gateway.object.reference()),
        },
        "maxReplicas": settings.max_replicas,
        "metrics": settings.metrics,
    });
    if settings.metrics.is_empty() {
        // Envoy Gateway default.
        let target = json!({ "type": "Utilization", "averageUtilization": 80 });
        let resource = json!({ "name": "cpu", "target": target });
        spec["metrics"] = json!([{ "type": "Resource", "resource": resource }]);
    }
    if let Some(least) = settings.min_replicas {
        spec["minReplicas"] = least.into();
    }
    if let Some(behavior) = &settings.behavior {
        spec["behavior"] = behavior.clone();
    }
    Some(json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": spec,
    }))
}

/// `envoyPDB`.
pub(super) fn disruption_budget(gateway: &Gateway, metadata: Value) -> Option<Value> {
    let proxy = gateway.proxy.as_ref()?;
    let (bound, value) = proxy.spec.provider.disruption_budget.as_ref()?;
    Some(json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": { *bound: value, "selector": { "matchLabels": selector(gateway) } },
    }))
}
