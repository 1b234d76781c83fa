// SPDX-License-Identifier: Apache-2.0
//! ListenerSets of a Gateway.
//!
//! In: a Gateway and the store. Out: the ListenerSets that name it, whether each may, and which of
//! their listeners can stand beside those that come before them.

use std::sync::Arc;

use sluicegate_resource::{Object, Store, gateway};

use crate::{
    AttachedListenerSet, Gateway, Listener,
    gateways::{conflict, lose},
    parents::from_allows,
    verdict::Outcome,
};

/// The ListenerSets that name `gateway`, oldest first: that is their order of precedence.
pub(crate) fn of(gateway: &Object<gateway::Gateway>, store: &Store) -> Vec<AttachedListenerSet> {
    let sets = store.listener_sets.values();
    let mut sets: Vec<_> = sets
        .filter(|set| set.spec.parent == *gateway.reference())
        .collect();
    sets.sort_by(|a, b| a.metadata.age_order().cmp(&b.metadata.age_order()));
    let attached = |set: &Arc<_>| AttachedListenerSet {
        object: Arc::clone(set),
        accepted: allowed(gateway, set, store),
    };
    sets.into_iter().map(attached).collect()
}

fn allowed(
    gateway: &Object<gateway::Gateway>,
    set: &Object<gateway::ListenerSet>,
    store: &Store,
) -> Outcome {
    let from = &gateway.spec.allowed_listeners;
    let (own, namespace) = (gateway.metadata.namespace(), set.metadata.namespace());
    if from_allows(store, from, own, namespace) {
        return Outcome::Ok;
    }
    let message = format!(
        "allowedListeners of {} does not allow namespace {namespace}",
        gateway.reference()
    );
    Outcome::No("NotAllowed", message)
}

/// Puts a listener of a ListenerSet behind those that come before it: these win.
pub(crate) fn add(mut listener: Listener, before: &mut Vec<Listener>) {
    let served = before.iter().filter(|it| it.verdict.accepted.is_ok());
    let reason = conflict(&listener.spec, served.map(|it| &it.spec));
    if let Some(reason) = reason.filter(|_| listener.verdict.accepted.is_ok()) {
        lose(&mut listener, reason);
    }
    before.push(listener);
}

/// The verdicts on ListenerSets, once those on the Gateway and on every listener are there.
pub(crate) fn judge(gateway: &mut Gateway) {
    let refused = match &gateway.accepted {
        Outcome::No(reason, message) if *reason != "ListenersNotValid" => Some(message.clone()),
        _ => None,
    };
    let serves = |set: &AttachedListenerSet| {
        let mut own = gateway.listeners.iter();
        own.any(|it| it.owner == *set.object.reference() && it.verdict.accepted.is_ok())
    };
    let judged = gateway.listener_sets.iter().map(|set| {
        if !set.accepted.is_ok() {
            return set.accepted.clone();
        }
        match &refused {
            Some(message) => Outcome::No("ParentNotAccepted", message.clone()),
            None if serves(set) => Outcome::Ok,
            None => Outcome::No("ListenersNotValid", "no listener is valid".to_owned()),
        }
    });
    let judged: Vec<Outcome> = judged.collect();
    for (set, accepted) in gateway.listener_sets.iter_mut().zip(judged) {
        set.accepted = accepted;
    }
}
