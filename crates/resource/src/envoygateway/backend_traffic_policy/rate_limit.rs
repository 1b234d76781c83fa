// SPDX-License-Identifier: Apache-2.0
//! `rateLimit`.
//!
//! In: the block (`rule`, `selector`). Out: rules of limits that all gateways share, and of limits
//! that each keeps for itself.

mod rule;
mod selector;

pub use rule::{
    MetadataKey, RateLimitCost, RateLimitLimit, RateLimitRule, RateLimitUnit, XRateLimitHeaders,
};
pub use selector::{ClientSelector, SourceCidr, ValueMatch};

use sluicegate_manifest::Value;

use crate::{
    admission::{Block, Field},
    codes,
};

/// Rate limits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateLimit {
    /// `global.rules`, counted by a rate limit service. At most 256.
    pub global: Vec<RateLimitRule>,
    /// `local.rules`, counted by each gateway process. At most 16; at most one has no selectors.
    pub local: Vec<RateLimitRule>,
}

impl RateLimit {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let kind = block.optional("type");
        let kind = kind.and_then(|field| field.word(&["Global", "Local"]));
        let global = block.object("global", |block| rules(block, 256));
        let local = block.object("local", |block| {
            let rules = rules(block, 16);
            check_local(&rules);
            rules.into_iter().map(|(_, rule)| rule).collect()
        });
        let global: Option<Vec<RateLimitRule>> =
            global.map(|rules| rules.into_iter().map(|(_, rule)| rule).collect());
        for (name, member) in [("Global", "global"), ("Local", "local")] {
            let Some(kind) = &kind else { break };
            match block.optional(member) {
                None if kind == name => block.missing(member),
                Some(field) if kind != name => field.warn(
                    codes::NO_EFFECT,
                    format!("`{member}` has no effect with `type: {kind}`"),
                ),
                _ => {}
            }
        }
        let in_force = |name: &str| kind.as_deref().is_none_or(|kind| kind == name);
        Self {
            global: global.filter(|_| in_force("Global")).unwrap_or_default(),
            local: local.filter(|_| in_force("Local")).unwrap_or_default(),
        }
    }
}

fn rules<'d>(block: &Block<'d>, most: usize) -> Vec<(Field<'d>, RateLimitRule)> {
    let items = block.list("rules", 0..=most);
    let rules = items.into_iter().filter_map(|item| {
        let rule = item.object(RateLimitRule::decode).flatten()?;
        Some((item, rule))
    });
    rules.collect()
}

/// What a bucket in the gateway cannot do.
fn check_local(rules: &[(Field<'_>, RateLimitRule)]) {
    let mut defaults = rules
        .iter()
        .filter(|(_, rule)| rule.client_selectors.is_empty());
    let default = defaults.next();
    for (item, _) in defaults {
        item.reject_with(
            "at most one local rule may have no clientSelectors",
            "it is the limit of everything that no other rule matches",
        );
    }
    not_enforced(rules);
    for (item, rule) in rules {
        if rule.limit.requests == 0 {
            item.reject_with(
                "a local limit must allow at least 1 request: Envoy refuses an empty bucket",
                "write `requests: 1`, or answer with an error through another policy",
            );
        }
        for (block, name) in [("limit", "fromMetadata"), ("cost", "response")] {
            of_global_rules(item, block, name);
        }
        if let Some((_, default)) = default
            && rule.limit.unit.seconds() % default.limit.unit.seconds() != 0
        {
            item.reject_with(
                "the unit must be a multiple of the unit of the rule without clientSelectors",
                "use the same unit in both",
            );
        }
    }
}

/// Refuses a field that only global rules may have.
fn of_global_rules(rule: &Field<'_>, block: &'static str, name: &'static str) {
    let found = rule.node.get(block).map(|node| rule.child(block, node));
    let field = found.and_then(|block| Some(block.child(name, block.node.get(name)?)));
    if let Some(field) = field.filter(|it| it.node.value != Value::Null) {
        field.reject_with(
            format!("{block}.{name} may only be set in global rules"),
            format!("remove `{name}`"),
        );
    }
}

/// What changes nothing about local limits, each by its name.
fn not_enforced(rules: &[(Field<'_>, RateLimitRule)]) {
    let off = |rule: &RateLimitRule| rule.x_rate_limit_headers == Some(XRateLimitHeaders::Off);
    let silent = rules.iter().all(|(_, rule)| off(rule));
    for (item, rule) in rules {
        let by_metadata = matches!(rule.request_cost, Some(RateLimitCost::Metadata(_)));
        for (name, ignored, why) in [
            (
                "shared",
                rule.shared == Some(true),
                "each route counts for itself",
            ),
            ("cost", by_metadata, "a request counts once"),
            (
                "xRateLimitHeaders",
                off(rule) && !silent,
                "the headers are left out where every rule of the policy says so",
            ),
        ] {
            if let Some(node) = item.node.get(name).filter(|_| ignored) {
                item.child(name, node).warn(
                    codes::NOT_ENFORCED,
                    format!("`{name}` is read and checked, and changes no traffic yet: {why}"),
                );
            }
        }
    }
}
