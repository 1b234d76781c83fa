// SPDX-License-Identifier: Apache-2.0
//! What became of HTTPListenerPolicies and EnvoyProxies.
//!
//! In: doubts by Gateway and object, collected while listeners were looked at. Out: an entry per
//! Gateway for each policy, and the doubts about each EnvoyProxy, which has no status of its own.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_resource::{Object, ObjectRef, Store, kgateway::HttpListenerPolicy};

use super::Verdicts;
use crate::{
    Gateway,
    grants::GATEWAY_API,
    verdict::{EnvoyProxyVerdict, ListenerPolicyAncestor, ListenerPolicyVerdict, Outcome, Warning},
};

/// Doubts by object and Gateway.
#[derive(Default)]
pub(super) struct Told(BTreeMap<(ObjectRef, ObjectRef), Vec<Warning>>);

impl Told {
    /// Listeners of one Gateway may give the same doubt.
    pub(super) fn warn(&mut self, gateway: &Gateway, about: &ObjectRef, warning: Warning) {
        let key = (about.clone(), gateway.object.reference().clone());
        let warnings = self.0.entry(key).or_default();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    pub(super) fn verdicts(self, store: &Store, gateways: &[Gateway]) -> Verdicts {
        let policies = store.http_listener_policies.values();
        let policies = policies.map(|policy| self.of_policy(policy, store, gateways));
        let proxies = store.envoy_proxies.values().filter_map(|proxy| {
            let about = proxy.reference();
            let mut warnings: Vec<Warning> = Vec::new();
            for ((object, _), found) in &self.0 {
                if object == about {
                    let new = found.iter().filter(|it| !warnings.contains(it));
                    let new: Vec<Warning> = new.cloned().collect();
                    warnings.extend(new);
                }
            }
            (!warnings.is_empty()).then(|| EnvoyProxyVerdict {
                proxy: proxy.clone(),
                warnings,
            })
        });
        (policies.collect(), proxies.collect())
    }

    fn of_policy(
        &self,
        policy: &Arc<Object<HttpListenerPolicy>>,
        store: &Store,
        gateways: &[Gateway],
    ) -> ListenerPolicyVerdict {
        let ancestors = policy.spec.targets.iter().filter_map(|target| {
            let namespace = policy.metadata.namespace();
            let gateway = ObjectRef::new(GATEWAY_API, "Gateway", namespace, &target.value.gateway);
            let ours = gateways.iter().find(|it| *it.object.reference() == gateway);
            if ours.is_none() && store.gateways.contains_key(&gateway) {
                // Somebody else's.
                return None;
            }
            let section = target.value.section_name.clone();
            let warnings = self.0.get(&(policy.reference().clone(), gateway.clone()));
            Some(ListenerPolicyAncestor {
                accepted: accepted(policy, &gateway, ours, section.as_deref()),
                ancestor: gateway,
                section,
                warnings: warnings.cloned().unwrap_or_default(),
                path: target.path.clone(),
            })
        });
        ListenerPolicyVerdict {
            ancestors: ancestors.collect(),
            policy: policy.clone(),
        }
    }
}

fn accepted(
    policy: &Object<HttpListenerPolicy>,
    target: &ObjectRef,
    gateway: Option<&Gateway>,
    section: Option<&str>,
) -> Outcome {
    if !policy.is_valid() {
        let errors: Vec<&str> = policy.errors().collect();
        return Outcome::No("Invalid", errors.join("; "));
    }
    let Some(gateway) = gateway else {
        return Outcome::No("TargetNotFound", format!("{target} does not exist"));
    };
    let mut listeners = gateway.listeners_of(target);
    match section {
        Some(name) if !listeners.any(|it| it.spec.name == name) => {
            let message = format!("{target} has no listener {name}");
            Outcome::No("TargetNotFound", message)
        }
        _ => Outcome::Ok,
    }
}
