// SPDX-License-Identifier: Apache-2.0
//! What people call things.
//!
//! In: a name as typed. Out: the backends, route or policy that it means, or a suggestion.

use std::sync::Arc;

use sluicegate_attach::{
    Backend, BackendKey,
    verdict::{PolicyVerdict, RouteVerdict, TrafficVerdict},
};
use sluicegate_manifest::nearest;
use sluicegate_translate::names;

use crate::{failure::Failure, pipeline::Round};

/// `namespace/name:port`, with a ServiceEntry's host in place of its name, and no port for a
/// Backend.
pub fn text(key: &BackendKey) -> String {
    let name = key.host.as_deref().unwrap_or(&key.object.name);
    match key.port {
        0 => format!("{}/{name}", key.object.namespace),
        port => format!("{}/{name}:{port}", key.object.namespace),
    }
}

/// The backends that `wanted` means: a cluster name, or `[namespace/]name[:port]`. Without a port
/// every port; without a namespace every namespace.
///
/// # Errors
/// When nothing has that name.
pub fn backends<'r>(round: &'r Round, wanted: &str) -> Result<Vec<&'r Arc<Backend>>, Failure> {
    let all = || round.graph.backends.values();
    let found: Vec<_> = all().filter(|it| means(&it.key, wanted)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let known: Vec<String> = all().map(|backend| text(&backend.key)).collect();
    let forms: Vec<String> = all().flat_map(|backend| forms(&backend.key)).collect();
    let candidates = forms.iter().map(String::as_str);
    Err(unknown(round, ("backend", wanted), candidates, &known))
}

fn means(key: &BackendKey, wanted: &str) -> bool {
    // Every form has one of the two names in it; of most backends no form has to be made.
    let mut names = std::iter::once(&*key.object.name).chain(key.host.as_deref());
    names.any(|name| wanted.contains(name)) && forms(key).iter().any(|form| form == wanted)
}

/// What a backend may be called; the nearest wrong name is suggested in the same form.
fn forms(key: &BackendKey) -> [String; 6] {
    let full = text(key);
    let (namespace, rest) = full.split_once('/').unwrap_or(("", full.as_str()));
    let (name, _) = rest.rsplit_once(':').unwrap_or((rest, ""));
    [
        names::cluster(key),
        full.clone(),
        rest.to_owned(),
        format!("{namespace}/{name}"),
        name.to_owned(),
        format!("{namespace}/{}", key.object.name),
    ]
}

/// The verdict on the route `[kind/][namespace/]name`.
///
/// # Errors
/// When no route of ours has that name, or routes of several kinds have it.
pub fn route<'r>(round: &'r Round, wanted: &str) -> Result<&'r RouteVerdict, Failure> {
    let all: Vec<&RouteVerdict> = round.graph.routes.iter().collect();
    let kind = |it: &RouteVerdict| it.route.reference().kind.clone();
    if let Some((wanted_kind, name)) = wanted.split_once('/') {
        let is_of = |it: &&RouteVerdict| kind(it).eq_ignore_ascii_case(wanted_kind);
        let of_kind: Vec<&RouteVerdict> = all.iter().copied().filter(is_of).collect();
        if !of_kind.is_empty() {
            return one_route(round, name, &of_kind);
        }
    }
    one_route(round, wanted, &all)
}

fn one_route<'r>(
    round: &Round,
    wanted: &str,
    all: &[&'r RouteVerdict],
) -> Result<&'r RouteVerdict, Failure> {
    let called = |it: &&&RouteVerdict| {
        let object = it.route.reference();
        *object.name == *wanted || format!("{}/{}", object.namespace, object.name) == wanted
    };
    let names = all.iter().filter(called).map(|it| {
        let object = it.route.reference();
        format!("{}/{}/{}", object.kind, object.namespace, object.name)
    });
    let names: Vec<String> = names.collect();
    if names.len() > 1 {
        let message = format!("{wanted} is ambiguous: {}", names.join(", "));
        return Err(Failure::Usage(message));
    }
    let found = one(round, ("route", wanted), all, |it| {
        (it.route.metadata.namespace(), it.route.metadata.name())
    });
    found.copied()
}

/// The verdict on the BackendConfigPolicy `[namespace/]name`.
///
/// # Errors
/// When no policy has that name.
pub fn policy<'r>(round: &'r Round, wanted: &str) -> Result<&'r PolicyVerdict, Failure> {
    let all = &round.graph.policies;
    one(round, ("policy", wanted), all, |it| {
        (it.policy.metadata.namespace(), it.policy.metadata.name())
    })
}

/// The verdict on the BackendTrafficPolicy `[namespace/]name`.
///
/// # Errors
/// When no policy has that name.
pub fn traffic_policy<'r>(round: &'r Round, wanted: &str) -> Result<&'r TrafficVerdict, Failure> {
    let all = &round.graph.traffic_policies;
    one(round, ("policy", wanted), all, |it| {
        (it.policy.metadata.namespace(), it.policy.metadata.name())
    })
}

fn one<'r, T>(
    round: &Round,
    (kind, wanted): (&str, &str),
    all: &'r [T],
    name: impl Fn(&T) -> (&str, &str),
) -> Result<&'r T, Failure> {
    let full = |it: &T| format!("{}/{}", name(it).0, name(it).1);
    let found: Vec<&T> = all
        .iter()
        .filter(|it| full(it) == wanted || name(it).1 == wanted)
        .collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let known: Vec<String> = all.iter().map(full).collect();
            let candidates = known.iter().map(String::as_str);
            Err(unknown(round, (kind, wanted), candidates, &known))
        }
        several => {
            let names: Vec<String> = several.iter().map(|it| full(it)).collect();
            let message = format!("{wanted} is ambiguous: {}", names.join(", "));
            Err(Failure::Usage(message))
        }
    }
}

fn unknown<'c>(
    round: &Round,
    (kind, wanted): (&str, &str),
    candidates: impl IntoIterator<Item = &'c str>,
    known: &[String],
) -> Failure {
    let mut message = format!("no {kind} {wanted}");
    if let Some(name) = nearest(wanted, candidates) {
        message.push_str(&format!("; did you mean {name}?"));
    }
    if !known.is_empty() {
        message.push_str("\nthere is:");
        for name in known.iter().take(MOST_LISTED) {
            message.push_str(&format!("\n  {name}"));
        }
        if known.len() > MOST_LISTED {
            message.push_str(&format!("\n  and {} more", known.len() - MOST_LISTED));
        }
    }
    if round.has_errors() {
        message.push_str("\nsome objects are refused: run `sluicegate check` on the same files");
    }
    Failure::Usage(message)
}

/// Longer lists help nobody.
const MOST_LISTED: usize = 20;
