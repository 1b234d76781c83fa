// SPDX-License-Identifier: Apache-2.0
//! What is left of the policy of a rule where it meets the policies of the backends.
//!
//! In: the policy in force, the backends of the rule. Out: facts: settings that lose, that have no
//! effect, or that do something else than their author may have meant.

use sluicegate_manifest::{Document, FieldPath, Value};
use sluicegate_resource::gateway::Carried;

use super::{Candidate, On, Round, What};
use crate::{
    Backend, ResolvedRule,
    suitability::{ejects_nobody, endpoint_count},
    traffic::{
        BackendSide, Row, RowVerdict, Source, TrafficPolicy, Weighed, all_without_effect, weigh,
        weigh::limited_twice,
    },
};

impl Round<'_> {
    /// What the policies of the rule's backends leave of it.
    pub(super) fn weigh(
        &mut self,
        on: On<'_>,
        (winner, parent): (Candidate, Option<Candidate>),
        policy: &TrafficPolicy,
        (rule, carried): (&ResolvedRule, Carried),
    ) {
        let backends = self.backends;
        let keys = rule
            .backends
            .iter()
            .filter_map(|backend| backend.key.as_ref());
        for backend in keys.filter_map(|key| backends.get(key)) {
            for weighed in weigh(policy, backend, carried) {
                if let Some(doubt) = never_ejects(&weighed, policy, backend) {
                    self.warn(winner.index, on, doubt, weighed.source.path.clone());
                }
                let index = setter(&weighed.source, (winner, parent));
                let path = weighed.source.path;
                match weighed.verdict {
                    // Decoding has told what is not enforced.
                    RowVerdict::InForce(_) | RowVerdict::NotEnforced(_) => {}
                    RowVerdict::NoEffect(reason) => {
                        self.warn(index, on, ("NoEffect", reason), path);
                    }
                    RowVerdict::Lost(side) => {
                        let message = format!(
                            "{path}{} loses to {} of {} on {} ({})",
                            shown(&self.bound.policies[index].policy.document, &path),
                            value(&side),
                            side.policy.reference(),
                            backend.key,
                            weighed.row.class().rule(),
                        );
                        self.note(index, on, What::Overridden(message));
                    }
                }
            }
        }
        self.doubts(on, (winner, parent), policy, carried);
    }

    fn doubts(
        &mut self,
        on: On<'_>,
        (winner, parent): (Candidate, Option<Candidate>),
        policy: &TrafficPolicy,
        carried: Carried,
    ) {
        if limited_twice(policy) {
            let message = "circuitBreaker.maxConnections and connection.connectionLimit.value are \
                           both set; the smaller one counts";
            if let Some(source) = policy.source("connection.connectionLimit.value") {
                let doubt = ("SmallerLimitUsed", message.to_owned());
                self.warn(winner.index, on, doubt, source.path);
            }
        }
        if let Some(source) = policy.source("telemetry.tracing")
            && carried.is_requests()
            && !on.traced
        {
            let reason = format!(
                "listener {} makes no spans: an EnvoyProxy or an HTTPListenerPolicy says where \
                 they go",
                on.listener
            );
            let index = setter(&source, (winner, parent));
            self.warn(index, on, ("NoEffect", reason), source.path);
        }
        for (setting, reason) in all_without_effect(policy, carried) {
            if let Some(source) = policy.source(setting) {
                let index = setter(&source, (winner, parent));
                self.warn(index, on, ("NoEffect", reason), source.path);
            }
        }
    }
}

/// The policy that a setting is from, by index.
fn setter(source: &Source, (winner, parent): (Candidate, Option<Candidate>)) -> usize {
    match parent {
        Some(parent) if source.by.rank == parent.rank => parent.index,
        _ => winner.index,
    }
}

/// A share of hosts that is less than one of them.
fn never_ejects(
    weighed: &Weighed,
    policy: &TrafficPolicy,
    backend: &Backend,
) -> Option<(&'static str, String)> {
    let health = policy.spec.health_check.as_ref()?;
    let passive = health
        .value
        .passive
        .as_ref()
        .filter(|_| weighed.row == Row::PassiveHealthCheck && weighed.is_in_force())?;
    // Envoy's default.
    let percent = passive.value.max_ejection_percent.unwrap_or(10) as usize;
    let endpoints = endpoint_count(&backend.source);
    let always = passive.value.always_eject_one_endpoint == Some(true);
    (ejects_nobody(percent, endpoints) && !always).then(|| {
        let message = format!(
            "maxEjectionPercent {percent} of {endpoints} endpoint(s) of {} is less than one: \
             nothing is ever ejected; set it higher, or alwaysEjectOneEndpoint: true",
            backend.key
        );
        ("NeverEjects", message)
    })
}

/// ` 2048`, for a value that is one word.
fn shown(document: &Document, path: &FieldPath) -> String {
    match document.root.at(path).map(|node| (&node.value, node)) {
        None | Some((Value::Mapping(_) | Value::Sequence(_), _)) => String::new(),
        Some((Value::String(text), _)) => format!(" {text}"),
        Some((_, node)) => format!(" {}", node.to_json()),
    }
}

fn value(side: &BackendSide) -> String {
    format!("{}{}", side.path, shown(&side.policy.document, &side.path))
}
