// SPDX-License-Identifier: Apache-2.0
//! Findings about HTTPListenerPolicies, EnvoyProxies, and who names these.
//!
//! In: verdicts and references. Out: diagnostics at targets, settings and `parametersRef`. What
//! decoding found is not told again.

use std::collections::BTreeSet;

use sluicegate_attach::{
    proxy_of_class,
    verdict::{Outcome, Warning},
};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};
use sluicegate_resource::{Object, ObjectRef};

use super::{codes, place::about};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for verdict in &round.graph.listener_policies {
        for ancestor in &verdict.ancestors {
            if let Outcome::No(reason, message) = &ancestor.accepted
                && *reason != "Invalid"
            {
                let field = match message.contains(" has no listener ") {
                    true => "sectionName",
                    false => "name",
                };
                let words = (codes::of(reason), message.clone());
                let path = ancestor.path.field(field);
                found.push(about(&verdict.policy, &path, Severity::Error, words));
            }
            tell(&verdict.policy, &ancestor.warnings, found);
        }
    }
    for verdict in &round.graph.envoy_proxies {
        tell(&verdict.proxy, &verdict.warnings, found);
    }
    classes(round, found);
}

/// Two targets of a policy may give the same doubt.
fn tell<T>(object: &Object<T>, warnings: &[Warning], found: &mut Vec<Diagnostic>) {
    for warning in warnings {
        let words = (codes::of(warning.reason), warning.message.clone());
        let one = about(object, &warning.path, Severity::Warning, words);
        let known = |it: &Diagnostic| {
            (&it.object, &it.path, &it.message) == (&one.object, &one.path, &one.message)
        };
        if !found.iter().any(known) {
            found.push(one);
        }
    }
}

/// Classes of our Gateways whose parameters cannot be used.
fn classes(round: &Round, found: &mut Vec<Diagnostic>) {
    let gateways = round.graph.gateways.iter();
    let names: BTreeSet<&str> = gateways
        .map(|gateway| gateway.object.spec.gateway_class_name.as_str())
        .collect();
    for name in names {
        let class = ObjectRef::new("gateway.networking.k8s.io", "GatewayClass", "", name);
        let Some(class) = round.store.gateway_classes.get(&class) else {
            continue;
        };
        if let Some(Err(message)) = proxy_of_class(&class.spec, &round.store) {
            let words = (codes::of("InvalidParameters"), message);
            let path = FieldPath::dotted("spec.parametersRef");
            found.push(about(class, &path, Severity::Error, words));
        }
    }
}
