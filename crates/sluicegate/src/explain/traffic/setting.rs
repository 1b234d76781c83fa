// SPDX-License-Identifier: Apache-2.0
//! What became of each setting of a BackendTrafficPolicy.
//!
//! In: the policy in force, the rule or the backend. Out: settings with value, line, Envoy field and
//! verdict.

use serde::Serialize;
use serde_json::Value as Json;
use sluicegate_attach::{
    Backend, BackendSide, ON_ROUTE, ResolvedRule, RowVerdict, Source, TrafficPolicy, Unit,
    all_without_effect, weigh, without_effect,
};
use sluicegate_manifest::Diagnostic;
use sluicegate_resource::{codes, gateway::Carried};
use sluicegate_translate::fields::envoy_field_of_traffic;

use crate::explain::{default_of, name::text, setting::below_spec};

/// What became of a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSetting {
    /// Path below `spec`, as written.
    pub field: String,
    /// The value, as written.
    pub value: Json,
    /// `file:line`.
    pub source: String,
    /// The policy that sets it.
    pub policy: String,
    /// The backend; none for what concerns the route.
    pub backend: Option<String>,
    /// The field of Envoy's Cluster or Route that it becomes.
    pub envoy_field: Option<&'static str>,
    /// `in force`, `lost`, `no effect` or `not enforced`.
    pub state: &'static str,
    /// Whom it beat or lost to, and by which rule; why it has no effect; what happens instead.
    pub detail: String,
}

impl TrafficSetting {
    /// Whether it holds.
    pub fn is_in_force(&self) -> bool {
        self.state == "in force"
    }

    /// The field of Envoy's that it becomes, for people: `-` for what becomes none.
    pub fn envoy_field_text(&self) -> &'static str {
        match self.is_in_force() {
            true => self.envoy_field.unwrap_or_default(),
            false => "-",
        }
    }
}

/// Settings of the route, and those that do nothing for what it carries.
pub(super) fn on_route(
    policy: &TrafficPolicy,
    rule: &ResolvedRule,
    carried: Carried,
) -> Vec<TrafficSetting> {
    let idle = all_without_effect(policy, carried);
    let here = ON_ROUTE
        .into_iter()
        .filter(|name| without_effect(name, carried).is_none());
    let here = here.filter_map(|name| {
        let source = policy.source(name)?;
        let verdict = match is_own(name, rule) {
            true => (
                "lost",
                "to the route itself, which is more specific".to_owned(),
            ),
            false => ("in force", String::new()),
        };
        Some(setting((name, &source), None, verdict))
    });
    let idle = idle.into_iter().filter_map(|(name, reason)| {
        let source = policy.source(name)?;
        Some(setting((name, &source), None, ("no effect", reason)))
    });
    here.chain(idle).collect()
}

/// Settings that are read and checked only.
pub(super) fn not_enforced(policy: &TrafficPolicy) -> impl Iterator<Item = TrafficSetting> {
    let own = &policy.own.policy.document.root;
    let policies = std::iter::once(&policy.own).chain(&policy.parent);
    let found = policies.flat_map(|by| by.policy.warnings().map(move |it| (by, it)));
    let found = found.filter(|(_, it)| it.code == codes::NOT_ENFORCED);
    let found = found.filter(move |(by, it)| {
        by.policy.reference() == policy.own.policy.reference() || own.at(&it.path).is_none()
    });
    found.map(|(by, it)| {
        let source = Source {
            by: by.clone(),
            path: it.path.clone(),
        };
        let verdict = ("not enforced", reason(it).to_owned());
        setting(("", &source), None, verdict)
    })
}

pub(super) fn on_backend(
    policy: &TrafficPolicy,
    backend: &Backend,
    carried: Carried,
) -> Vec<TrafficSetting> {
    let weighed = weigh(policy, backend, carried).into_iter();
    let settings = weighed.map(|it| {
        let rule = it.row.class().rule();
        let verdict = match &it.verdict {
            RowVerdict::InForce(None) => ("in force", String::new()),
            RowVerdict::InForce(Some(side)) => {
                ("in force", format!("beats {}: {rule}", shown(side)))
            }
            RowVerdict::Lost(side) => ("lost", format!("to {}: {rule}", shown(side))),
            RowVerdict::NoEffect(reason) => ("no effect", reason.clone()),
            RowVerdict::NotEnforced(instead) => {
                let why = why_not_enforced(policy, it.row.name());
                let instead = instead.as_ref().map_or_else(default_balancer, shown);
                ("not enforced", format!("{why}: {instead}"))
            }
        };
        // What nobody enforces becomes no field.
        let is_enforced = !matches!(it.verdict, RowVerdict::NotEnforced(_));
        let name = if is_enforced { it.row.name() } else { "" };
        let named = (name, &it.source);
        setting(named, Some(text(&backend.key)), verdict)
    });
    settings.collect()
}

/// The words of decoding about what is at or below `setting`.
fn why_not_enforced(policy: &TrafficPolicy, setting: &str) -> String {
    let mut policies = std::iter::once(&policy.own).chain(&policy.parent);
    let found = policies.find_map(|by| {
        let path = by.policy.written(setting)?;
        let mut warnings = by.policy.warnings();
        let below = |it: &&Diagnostic| it.path.segments().starts_with(path.segments());
        warnings.find(|it| it.code == codes::NOT_ENFORCED && below(it))
    });
    found.map_or_else(String::new, |it| reason(it).to_owned())
}

/// What happens instead of what is not enforced.
fn reason(warning: &Diagnostic) -> &str {
    warning.message.split_once(": ").unwrap_or_default().1
}

/// How a backend balances that no policy tells how.
fn default_balancer() -> String {
    let default = default_of(Unit::LoadBalancer, "");
    default.map_or_else(String::new, |(value, origin)| format!("{value} ({origin})"))
}

fn shown(side: &BackendSide) -> String {
    let value = side.policy.document.root.at(&side.path);
    let value = value.map_or(Json::Null, sluicegate_manifest::Node::to_json);
    format!(
        "{} ({}), which has {} {}",
        side.policy.reference(),
        side.policy.document.place(&side.path),
        below_spec(&side.path),
        words(&value),
    )
}

fn setting(
    (name, source): (&str, &Source),
    backend: Option<String>,
    (state, detail): (&'static str, String),
) -> TrafficSetting {
    let policy = &source.by.policy;
    let node = policy.document.root.at(&source.path);
    TrafficSetting {
        field: below_spec(&source.path),
        value: node.map_or(Json::Null, sluicegate_manifest::Node::to_json),
        source: policy.document.place(&source.path),
        policy: policy.reference().to_string(),
        backend,
        envoy_field: envoy_field_of_traffic(name),
        state,
        detail,
    }
}

/// A value as people read it.
pub(super) fn words(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) const REQUEST_TIMEOUT: &str = "timeout.http.requestTimeout";

/// Whether a route has a setting of its own, which is more specific than any policy.
pub(in crate::explain) fn is_own(setting: &str, rule: &ResolvedRule) -> bool {
    let rule = &rule.rule;
    match setting {
        REQUEST_TIMEOUT => {
            rule.timeouts.request.is_some()
                || rule.timeouts.backend_request.is_some() && rule.retry.is_none()
        }
        "retry" => rule.retry.is_some(),
        _ => false,
    }
}
