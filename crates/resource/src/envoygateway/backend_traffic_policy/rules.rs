// SPDX-License-Identifier: Apache-2.0
//! Rules over several blocks of a BackendTrafficPolicy.
//!
//! In: the block of the spec and what it decoded to. Out: errors and doubts in its report.

use super::{BackendTrafficPolicy, LoadBalancerAlgorithm, MergeType, RoutingType, TargetKind};
use crate::{admission::Block, codes};

pub(super) fn check(block: &Block<'_>, policy: &BackendTrafficPolicy) {
    targets(block);
    merge_type(block, policy);
    exclusions(block);
    admission_control(block, policy);
    predictive_preconnect(block, policy);
    routing_type(block, policy);
}

/// Where a policy applies must be said.
fn targets(block: &Block<'_>) {
    let lists = ["targetRefs", "targetSelectors"];
    let empty = |name| match block.optional(name) {
        Some(field) => {
            matches!(&field.node.value, sluicegate_manifest::Value::Sequence(items) if items.is_empty())
        }
        None => true,
    };
    if block.optional("targetRef").is_none() && lists.into_iter().all(empty) {
        block.field.reject_with(
            "one of the fields in [targetRef targetRefs targetSelectors] must be set",
            "name the route or Gateway that the policy applies to",
        );
    }
}

/// Kinds of all targets.
fn kinds(policy: &BackendTrafficPolicy) -> impl Iterator<Item = TargetKind> {
    let named = policy.targets.iter().map(|target| target.value.kind);
    let selected = policy.target_selectors.iter();
    named.chain(selected.map(|target| target.value.kind))
}

fn merge_type(block: &Block<'_>, policy: &BackendTrafficPolicy) {
    let merges = policy
        .merge_type
        .as_ref()
        .is_some_and(|written| written.value != MergeType::Replace);
    if let Some(field) = block.optional("mergeType")
        && merges
        && kinds(policy).any(|kind| !kind.is_route())
    {
        field.reject_with(
            "mergeType may only be set when every target is a route",
            "a policy of a Gateway has none below it to merge with: remove `mergeType`",
        );
    }
}

fn exclusions(block: &Block<'_>) {
    if let (Some(_), Some(older)) = (block.optional("compressor"), block.optional("compression")) {
        older.reject_with(
            "compression and compressor may not be set together",
            "keep `compressor`, which replaces `compression`",
        );
    }
    let upgrades = block.optional("httpUpgrade");
    let upgrades = upgrades.filter(|field| {
        matches!(&field.node.value, sluicegate_manifest::Value::Sequence(items) if !items.is_empty())
    });
    if let (Some(_), Some(buffer)) = (upgrades, block.optional("requestBuffer")) {
        buffer.reject_with(
            "requestBuffer and httpUpgrade may not be set together",
            "an upgraded connection cannot be buffered: keep one of the two",
        );
    }
}

fn admission_control(block: &Block<'_>, policy: &BackendTrafficPolicy) {
    if let Some(field) = block.optional("admissionControl")
        && kinds(policy).any(|kind| !kind.carries_http())
    {
        field.reject(
            "admissionControl may only be set when every target is a Gateway, ListenerSet, \
             HTTPRoute or GRPCRoute",
        );
    }
}

fn predictive_preconnect(block: &Block<'_>, policy: &BackendTrafficPolicy) {
    let connection = policy.connection.as_ref();
    let preconnect = connection.and_then(|written| written.value.preconnect);
    if preconnect.is_none_or(|preconnect| preconnect.predictive_percent.is_none()) {
        return;
    }
    let algorithm = policy.load_balancer.as_ref().map(|it| &it.value.algorithm);
    let known = matches!(
        algorithm,
        Some(LoadBalancerAlgorithm::Random | LoadBalancerAlgorithm::RoundRobin)
    );
    if !known && let Some(field) = block.optional("connection") {
        let preconnect = field.node.get("preconnect");
        let percent = preconnect.and_then(|node| node.get("predictivePercent"));
        let place = match (preconnect, percent) {
            (Some(preconnect), Some(percent)) => field
                .child("preconnect", preconnect)
                .child("predictivePercent", percent),
            _ => field,
        };
        place.reject_with(
            "predictivePercent needs loadBalancer.type Random or RoundRobin",
            "write `loadBalancer: {type: RoundRobin}`, or remove `predictivePercent`",
        );
    }
}

fn routing_type(block: &Block<'_>, policy: &BackendTrafficPolicy) {
    let service = policy
        .routing_type
        .as_ref()
        .is_some_and(|written| written.value == RoutingType::Service);
    if !service {
        return;
    }
    for name in ["loadBalancer", "healthCheck"] {
        if let Some(field) = block.optional(name) {
            field.warn(
                codes::DOUBTFUL_VALUE,
                format!("with `routingType: Service` the gateway sees one address: `{name}` can only ever act on that one"),
            );
        }
    }
}
