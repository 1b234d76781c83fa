// SPDX-License-Identifier: Apache-2.0
//! BackendTLSPolicies: which one secures which Service port.
//!
//! In: the store. Out: per target the policy in force (a port's own beats the Service's, then the
//! oldest), and what became of each.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_resource::{Object, ObjectRef, Store, gateway::BackendTlsPolicy};

use crate::{
    Backend, BackendKey, CaSource, Gateway,
    certificate::check_authorities,
    verdict::{Outcome, TlsAncestorVerdict, TlsPolicyVerdict},
};

/// A BackendTLSPolicy with its certificate authorities read.
#[derive(Debug)]
pub struct TlsPolicy {
    /// The policy.
    pub policy: Arc<Object<BackendTlsPolicy>>,
    /// Its authorities.
    pub ca: CaSource,
    /// Why it cannot be honoured: reason and sentence.
    pub error: Option<(&'static str, String)>,
    /// What is wrong with a reference, even if others are good.
    resolved_refs: Outcome,
}

impl PartialEq for TlsPolicy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy)
            && self.ca == other.ca
            && self.error == other.error
            && self.resolved_refs == other.resolved_refs
    }
}

type Target = (ObjectRef, Option<String>);

/// All BackendTLSPolicies by target and section, oldest first.
#[derive(Debug, Default)]
pub(crate) struct TlsPolicies {
    by_target: BTreeMap<Target, Vec<Arc<TlsPolicy>>>,
    all: Vec<Arc<TlsPolicy>>,
}

impl TlsPolicies {
    /// The policy in force for a target and port name.
    pub(crate) fn of(&self, object: &ObjectRef, port_name: &str) -> Option<&Arc<TlsPolicy>> {
        let section = (object.clone(), Some(port_name.to_owned()));
        let whole = (object.clone(), None);
        [section, whole]
            .iter()
            .find_map(|target| self.by_target.get(target)?.first())
    }
}

/// Reads every BackendTLSPolicy.
pub(crate) fn resolve(store: &Store) -> TlsPolicies {
    let mut policies = TlsPolicies::default();
    let mut sorted: Vec<_> = store.backend_tls_policies.values().collect();
    sorted.sort_by(|a, b| a.metadata.age_order().cmp(&b.metadata.age_order()));
    for object in sorted {
        let policy = Arc::new(read(object, store));
        for target in targets(object) {
            policies
                .by_target
                .entry(target)
                .or_default()
                .push(policy.clone());
        }
        policies.all.push(policy);
    }
    policies
}

fn targets(policy: &Object<BackendTlsPolicy>) -> impl Iterator<Item = Target> {
    let namespace = policy.metadata.namespace();
    policy.spec.target_refs.iter().map(move |target| {
        let object = ObjectRef::new(&target.group, &target.kind, namespace, &target.name);
        (object, target.section_name.clone())
    })
}

fn read(policy: &Arc<Object<BackendTlsPolicy>>, store: &Store) -> TlsPolicy {
    let validation = &policy.spec.validation;
    let mut read = TlsPolicy {
        policy: policy.clone(),
        ca: CaSource::None,
        error: None,
        resolved_refs: Outcome::Ok,
    };
    match validation.well_known_ca_certificates.as_deref() {
        Some("System") => {
            read.ca = CaSource::System;
            return read;
        }
        Some(other) => {
            let message = format!("wellKnownCACertificates {other} is not supported; use System");
            read.error = Some(("Invalid", message));
            return read;
        }
        None => {}
    }
    let mut bundle = String::new();
    for reference in &validation.ca_certificate_refs {
        match authorities(store, policy.metadata.namespace(), reference) {
            Ok(pem) => {
                bundle.push_str(pem.trim());
                bundle.push('\n');
            }
            Err((reason, message)) => read.resolved_refs = Outcome::No(reason, message),
        }
    }
    if bundle.is_empty() {
        let message = match &read.resolved_refs {
            Outcome::No(_, message) => message.clone(),
            Outcome::Ok => "no caCertificateRefs".to_owned(),
        };
        read.error = Some(("NoValidCACertificate", message));
    } else {
        read.ca = CaSource::Inline(bundle);
    }
    read
}

fn authorities(
    store: &Store,
    namespace: &str,
    reference: &sluicegate_resource::gateway::CaCertificateRef,
) -> Result<String, (&'static str, String)> {
    let object = ObjectRef::new(
        &reference.group,
        &reference.kind,
        namespace,
        &reference.name,
    );
    let data = match (reference.group.as_str(), reference.kind.as_str()) {
        ("", "ConfigMap") => store.config_maps.get(&object).map(|found| &found.spec.data),
        ("", "Secret") => store.secrets.get(&object).map(|found| &found.spec.data),
        _ => {
            let message =
                format!("{object}: only ConfigMap and Secret hold certificate authorities");
            return Err(("InvalidKind", message));
        }
    };
    let bad = |message: String| ("InvalidCACertificateRef", message);
    let data = data.ok_or_else(|| bad(format!("{object} does not exist")))?;
    let pem = data
        .get("ca.crt")
        .ok_or_else(|| bad(format!("{object} has no key ca.crt")))?;
    let pem = std::str::from_utf8(pem).map_err(|_| bad(format!("{object}: ca.crt is not text")))?;
    check_authorities(pem).map_err(|error| bad(format!("{object}: ca.crt: {error}")))?;
    Ok(pem.to_owned())
}

/// What became of each policy, in the order of references.
pub(crate) fn verdicts(
    store: &Store,
    policies: &TlsPolicies,
    gateways: &[Gateway],
    backends: &BTreeMap<BackendKey, Arc<Backend>>,
) -> Vec<TlsPolicyVerdict> {
    let used = used_by(gateways);
    let mut verdicts: Vec<_> = policies
        .all
        .iter()
        .map(|policy| verdict(policy, store, policies, &used, backends))
        .collect();
    verdicts.sort_by(|a, b| a.policy.reference().cmp(b.policy.reference()));
    verdicts
}

/// The Gateways whose routes use each object.
fn used_by(gateways: &[Gateway]) -> BTreeMap<ObjectRef, Vec<ObjectRef>> {
    let mut used: BTreeMap<ObjectRef, Vec<ObjectRef>> = BTreeMap::new();
    for gateway in gateways {
        let routes = gateway
            .listeners
            .iter()
            .flat_map(|listener| &listener.routes);
        for rule in routes.flat_map(|route| route.rules.iter()) {
            let backends = rule
                .backends
                .iter()
                .filter_map(|backend| backend.key.as_ref());
            let mirrors = rule.mirrors.iter().map(|mirror| &mirror.key);
            for key in backends.chain(mirrors) {
                let gateways = used.entry(key.object.clone()).or_default();
                if !gateways.contains(gateway.object.reference()) {
                    gateways.push(gateway.object.reference().clone());
                }
            }
        }
    }
    used
}

fn verdict(
    policy: &Arc<TlsPolicy>,
    store: &Store,
    policies: &TlsPolicies,
    used: &BTreeMap<ObjectRef, Vec<ObjectRef>>,
    backends: &BTreeMap<BackendKey, Arc<Backend>>,
) -> TlsPolicyVerdict {
    let mut ancestors: BTreeMap<ObjectRef, Outcome> = BTreeMap::new();
    let mut accepted = Outcome::Ok;
    for target in targets(&policy.policy) {
        let exists = store.services.contains_key(&target.0)
            || backends.keys().any(|key| key.object == target.0);
        let here = at_target(policy, policies, &target, exists);
        let found = used
            .get(&target.0)
            .cloned()
            .unwrap_or_else(|| vec![target.0.clone()]);
        for ancestor in found {
            first_no(ancestors.entry(ancestor).or_default(), &here);
        }
        first_no(&mut accepted, &here);
    }
    let ancestors = ancestors.into_iter();
    TlsPolicyVerdict {
        policy: policy.policy.clone(),
        ancestors: ancestors
            .map(|(ancestor, accepted)| TlsAncestorVerdict { ancestor, accepted })
            .collect(),
        accepted,
        resolved_refs: policy.resolved_refs.clone(),
    }
}

fn first_no(outcome: &mut Outcome, next: &Outcome) {
    if outcome.is_ok() {
        *outcome = next.clone();
    }
}

/// What became of `policy` on one target.
fn at_target(
    policy: &Arc<TlsPolicy>,
    policies: &TlsPolicies,
    target: &Target,
    exists: bool,
) -> Outcome {
    if !exists {
        return Outcome::No("TargetNotFound", format!("{} does not exist", target.0));
    }
    let winner = policies
        .by_target
        .get(target)
        .and_then(|list| list.first())
        .filter(|winner| !Arc::ptr_eq(winner, policy));
    match (winner, &policy.error) {
        (Some(winner), _) => {
            let message = format!(
                "{} is older and targets {} too",
                winner.policy.reference(),
                target.0
            );
            Outcome::No("Conflicted", message)
        }
        (None, Some((reason, message))) => Outcome::No(reason, message.clone()),
        (None, None) => Outcome::Ok,
    }
}
