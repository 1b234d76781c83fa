// SPDX-License-Identifier: Apache-2.0
//! Binding BackendConfigPolicies to backends, and what became of them.
//!
//! In: the store and the target index. Out: per backend the policies in order of precedence; per
//! policy a verdict on each of its targets.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Object, ObjectRef, Store,
    kgateway::{BackendConfigPolicy, backend_config_policy::TargetKind},
};

use crate::{
    Backend, BackendKey, Options, TlsMaterial, Unit,
    targets::Targets,
    tls,
    verdict::{AncestorVerdict, Attachment, Outcome, PolicyVerdict, Warning},
};

/// A policy with its targets found.
#[derive(Debug)]
pub(crate) struct BoundPolicy {
    pub(crate) policy: Arc<Object<BackendConfigPolicy>>,
    /// Why it contributes nothing; empty when it is valid.
    pub(crate) errors: Vec<String>,
    /// Certificates of its `tls`.
    pub(crate) tls: Option<Arc<TlsMaterial>>,
    /// Target objects with their backends; `None` when the object is missing.
    targets: BTreeMap<ObjectRef, Option<Vec<BackendKey>>>,
    unmatched_selectors: Vec<FieldPath>,
}

/// All bound policies.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    policies: Vec<BoundPolicy>,
    /// Indices into `policies`, in order of precedence.
    by_backend: BTreeMap<BackendKey, Vec<usize>>,
}

impl Bound {
    /// The policies of a backend, in order of precedence.
    pub(crate) fn of(&self, key: &BackendKey) -> impl Iterator<Item = &BoundPolicy> {
        self.by_backend
            .get(&key.base())
            .into_iter()
            .flatten()
            .map(|index| &self.policies[*index])
    }
}

/// Finds the targets of every policy.
pub(crate) fn bind(store: &Store, targets: &Targets, options: &Options) -> Bound {
    let mut policies: Vec<BoundPolicy> = store
        .backend_config_policies
        .values()
        .map(|policy| bind_one(policy, store, targets, options))
        .collect();
    policies.sort_by_cached_key(|bound| precedence(&bound.policy));
    let mut by_backend: BTreeMap<BackendKey, Vec<usize>> = BTreeMap::new();
    for (index, bound) in policies.iter().enumerate() {
        for key in bound.targets.values().flatten().flatten() {
            by_backend.entry(key.clone()).or_default().push(index);
        }
    }
    for indices in by_backend.values_mut() {
        indices.dedup();
    }
    Bound {
        policies,
        by_backend,
    }
}

/// Weight, then age, then reference as text (spec 4.5).
fn precedence(policy: &Object<BackendConfigPolicy>) -> (Reverse<i64>, Option<i128>, String) {
    let ObjectRef {
        group,
        kind,
        namespace,
        name,
    } = policy.reference();
    let text = format!("{group}/{kind}/{namespace}/{name}");
    (
        Reverse(policy.spec.weight),
        policy.metadata.creation_timestamp,
        text,
    )
}

fn bind_one(
    policy: &Arc<Object<BackendConfigPolicy>>,
    store: &Store,
    targets: &Targets,
    options: &Options,
) -> BoundPolicy {
    let mut bound = BoundPolicy {
        policy: policy.clone(),
        errors: policy.errors().map(str::to_owned).collect(),
        tls: None,
        targets: BTreeMap::new(),
        unmatched_selectors: Vec::new(),
    };
    if bound.errors.is_empty() && policy.spec.tls.is_some() {
        match tls::resolve(policy, store) {
            Ok(material) => bound.tls = material.map(Arc::new),
            Err(error) => bound.errors.push(error),
        }
    }
    let namespace = policy.metadata.namespace();
    for target in &policy.spec.target_refs {
        let found = targets.named(namespace, &target.value);
        if found.is_empty() {
            let missing = missing_reference(namespace, target.value.kind, &target.value.name);
            bound.targets.entry(missing).or_insert(None);
        }
        bound.add(found);
    }
    let global = options.global_policy_namespace.as_deref() == Some(namespace);
    for selector in &policy.spec.target_selectors {
        let scope = (!global).then_some(namespace);
        let found = targets.selected(store, scope, &selector.value);
        if found.is_empty() {
            bound.unmatched_selectors.push(selector.path.clone());
        }
        bound.add(found);
    }
    bound
}

impl BoundPolicy {
    fn add(&mut self, found: Vec<(ObjectRef, Vec<BackendKey>)>) {
        for (object, keys) in found {
            let known = self
                .targets
                .entry(object)
                .or_insert_with(|| Some(Vec::new()));
            let known = known.get_or_insert_default();
            known.extend(keys);
            known.sort();
            known.dedup();
        }
    }
}

fn missing_reference(namespace: &str, kind: TargetKind, name: &str) -> ObjectRef {
    let (group, kind) = match kind {
        TargetKind::Backend => ("gateway.kgateway.dev", "Backend"),
        TargetKind::Hostname => ("networking.istio.io", "Hostname"),
        TargetKind::Service => ("", "Service"),
    };
    ObjectRef::new(group, kind, namespace, name)
}

/// What became of each policy, in the order of references.
pub(crate) fn verdicts(
    bound: &Bound,
    backends: &BTreeMap<BackendKey, Arc<Backend>>,
) -> Vec<PolicyVerdict> {
    let mut verdicts: Vec<PolicyVerdict> = bound
        .policies
        .iter()
        .map(|bound| PolicyVerdict {
            policy: bound.policy.clone(),
            ancestors: bound
                .targets
                .iter()
                .map(|(object, keys)| ancestor(bound, object, keys.as_deref(), backends))
                .collect(),
            unmatched_selectors: bound.unmatched_selectors.clone(),
            errors: bound.errors.clone(),
        })
        .collect();
    verdicts.sort_by(|a, b| a.policy.reference().cmp(b.policy.reference()));
    verdicts
}

fn ancestor(
    bound: &BoundPolicy,
    object: &ObjectRef,
    keys: Option<&[BackendKey]>,
    backends: &BTreeMap<BackendKey, Arc<Backend>>,
) -> AncestorVerdict {
    let mut verdict = AncestorVerdict {
        ancestor: object.clone(),
        exists: keys.is_some(),
        accepted: Outcome::Ok,
        attachment: Attachment::Pending,
        overridden_by: None,
        warnings: Vec::new(),
    };
    if !bound.errors.is_empty() {
        verdict.accepted = Outcome::No("Invalid", bound.errors.join("; "));
        return verdict;
    }
    let Some(keys) = keys else {
        verdict.accepted = Outcome::No("TargetNotFound", format!("{object} does not exist"));
        return verdict;
    };
    let of_grpc = |key: &BackendKey| backends.get(&key.of_grpc());
    let both = |key| backends.get(key).into_iter().chain(of_grpc(key));
    let found: Vec<&Arc<Backend>> = keys.iter().flat_map(both).collect();
    verdict.attachment = attachment(bound, &found);
    for backend in found {
        let other = match backend.key.grpc {
            true => backends.get(&backend.key.base()),
            false => of_grpc(&backend.key),
        };
        add_backend(&mut verdict, bound, backend, other);
    }
    verdict
}

/// Compares what the policy sets with what it won, over all ports of the target.
fn attachment(bound: &BoundPolicy, backends: &[&Arc<Backend>]) -> Attachment {
    let (mut won, mut lost) = (0, 0);
    for backend in backends {
        for (_, winner) in backend.policy.all() {
            if Arc::ptr_eq(&winner.policy, &bound.policy) {
                won += 1;
            }
            lost += winner
                .beaten
                .iter()
                .filter(|beaten| Arc::ptr_eq(&beaten.policy, &bound.policy))
                .count();
        }
    }
    match (won, lost) {
        (_, 0) => Attachment::Attached,
        (0, _) => Attachment::Overridden,
        _ => Attachment::Merged,
    }
}

/// What has an effect on the `other` cluster of the same backend has an effect.
fn add_backend(
    verdict: &mut AncestorVerdict,
    bound: &BoundPolicy,
    backend: &Backend,
    other: Option<&Arc<Backend>>,
) {
    let mine = |winner: &crate::Winner| Arc::ptr_eq(&winner.policy, &bound.policy);
    if bound.policy.spec.tls.is_some() {
        let winner = backend
            .tls_policy
            .as_ref()
            .filter(|policy| policy.error.is_none());
        if let Some(winner) = winner {
            let metadata = &winner.policy.metadata;
            verdict.overridden_by = Some(format!("{}/{}", metadata.namespace(), metadata.name()));
        }
    }
    for (unit, (winner, reason)) in &backend.policy.without_effect {
        let in_vain = other.is_none_or(|it| it.policy.without_effect.contains_key(unit));
        if mine(winner) && *unit != Unit::Tls && in_vain {
            push(
                &mut verdict.warnings,
                "NoEffect",
                reason.clone(),
                &winner.path,
            );
        }
    }
    for (unit, warning) in &backend.policy.warnings {
        if backend.policy.winner(*unit).is_some_and(mine) {
            push(
                &mut verdict.warnings,
                warning.reason,
                warning.message.clone(),
                &warning.path,
            );
        }
    }
}

fn push(warnings: &mut Vec<Warning>, reason: &'static str, message: String, path: &FieldPath) {
    let warning = Warning {
        reason,
        message,
        path: path.clone(),
    };
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}
