// SPDX-License-Identifier: Apache-2.0
//! What one management server and we have told each other, without sockets and clocks.
//!
//! In: responses, new streams. Out: requests, in the order in which they must be sent: subscriptions
//! follow from what listeners and clusters refer to, and are made in make-before-break order.

mod accept;
mod compose;
mod kind;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use prost::bytes::Bytes;
use sluicegate_snapshot::{Resource, ResourceType, Snapshot};

use crate::Variant;
use kind::Kind;

/// Says why a resource cannot be used.
#[derive(Clone)]
pub struct Judge(pub Arc<Judgement>);

/// Judges one resource.
pub type Judgement = dyn Fn(&Resource) -> Result<(), String> + Send + Sync;

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// A request of either variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) resource_type: ResourceType,
    /// Of the response that this answers; empty for a request of our own in delta.
    pub(crate) nonce: String,
    /// Why something in that response is refused.
    pub(crate) refusal: Option<String>,
    /// State of the world: the last version that was accepted.
    pub(crate) version: String,
    /// State of the world: everything that is wanted; empty is everything there is.
    pub(crate) names: Vec<String>,
    /// Delta: wanted from now on.
    pub(crate) subscribe: Vec<String>,
    /// Delta: not wanted any more.
    pub(crate) unsubscribe: Vec<String>,
    /// Delta: what we have, at the start of a stream.
    pub(crate) initial_versions: BTreeMap<String, String>,
}

/// A response of either variant.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) resource_type: ResourceType,
    pub(crate) resources: Vec<Received>,
    pub(crate) version: String,
    pub(crate) nonce: String,
    /// Delta: names that do not exist any more.
    pub(crate) removed: Vec<String>,
}

/// A resource as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) name: String,
    /// Delta: its version.
    pub(crate) version: String,
    /// The message, or why there is none.
    pub(crate) body: Result<Bytes, String>,
}

/// A resource that was accepted.
#[derive(Debug, Clone)]
struct Accepted {
    resource: Arc<Resource>,
    /// The server's version, for delta; empty once the server has taken it back.
    version: String,
    /// What it needs before it can serve.
    wants: Arc<[Want]>,
    /// When it came.
    since: Instant,
}

type Want = (ResourceType, Arc<str>);

/// The session; it outlives streams.
#[derive(Debug)]
pub(crate) struct Session {
    variant: Variant,
    judge: Judge,
    /// Resources of the bootstrap. They go before others of the same name, as in Envoy.
    fixed: Arc<Snapshot>,
    /// What those refer to.
    fixed_wants: Vec<Want>,
    kinds: [Kind; 5],
    published: Option<Arc<Snapshot>>,
    started: Instant,
    /// `initial_fetch_timeout`.
    patience: Duration,
}

/// Subscriptions in make-before-break order.
const ORDER: [ResourceType; 5] = [
    ResourceType::Cluster,
    ResourceType::Endpoint,
    ResourceType::Listener,
    ResourceType::Route,
    ResourceType::Secret,
];

impl Session {
    /// A session that has heard nothing.
    pub(crate) fn new(
        variant: Variant,
        fixed: Arc<Snapshot>,
        judge: Judge,
        patience: Duration,
        now: Instant,
    ) -> Self {
        let fixed_wants = ResourceType::ALL
            .iter()
            .flat_map(|kind| fixed.resources(*kind).values())
            .flat_map(|resource| accept::wants(resource, &fixed).unwrap_or_default())
            .collect();
        Self {
            variant,
            judge,
            fixed,
            fixed_wants,
            kinds: Default::default(),
            published: None,
            started: now,
            patience,
        }
    }

    /// A new stream: nothing is known to the server.
    pub(crate) fn begin(&mut self) -> Vec<Request> {
        for kind in &mut self.kinds {
            kind.asked = None;
            kind.nonce.clear();
        }
        self.ask()
    }

    /// Takes a response in, and answers it.
    pub(crate) fn hear(&mut self, response: Response, now: Instant) -> Vec<Request> {
        let resource_type = response.resource_type;
        let nonce = response.nonce.clone();
        let refusal = self.take(response, now);
        let kind = &mut self.kinds[resource_type as usize];
        kind.answered = true;
        kind.nonce.clone_from(&nonce);
        kind.refusal.clone_from(&refusal);
        let mut requests = vec![Request {
            nonce,
            refusal,
            names: match kind.asked.as_ref().filter(|_| self.variant == WORLD) {
                Some(asked) => asked.iter().map(ToString::to_string).collect(),
                None => Vec::new(),
            },
            ..kind.request(resource_type, self.variant)
        }];
        requests.extend(self.ask());
        requests
    }

    /// Accepted resources, the last version, and what was said against the last response.
    pub(crate) fn state(&self, resource_type: ResourceType) -> (usize, &str, &str) {
        let kind = &self.kinds[resource_type as usize];
        let refusal = kind.refusal.as_deref().unwrap_or_default();
        (kind.accepted.len(), &kind.version, refusal)
    }

    /// Requests for whatever is wanted and not asked for, and the other way round.
    fn ask(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        for resource_type in ORDER {
            let wanted = (!is_wildcard(resource_type)).then(|| self.wanted(resource_type));
            let kind = &mut self.kinds[resource_type as usize];
            if let Some(wanted) = &wanted {
                kind.accepted.retain(|name, _| wanted.contains(name));
            }
            let wanted = wanted.unwrap_or_default();
            let first = kind.asked.is_none();
            let nothing = wanted.is_empty() && !is_wildcard(resource_type);
            if kind.asked.as_ref() == Some(&wanted) || first && nothing {
                continue;
            }
            let mut request = kind.request(resource_type, self.variant);
            match self.variant {
                Variant::StateOfTheWorld => {
                    request.nonce.clone_from(&kind.nonce);
                    request.names = wanted.iter().map(ToString::to_string).collect();
                }
                Variant::Delta => {
                    let asked = kind.asked.clone().unwrap_or_default();
                    let names = |a: &BTreeSet<Arc<str>>, b: &BTreeSet<Arc<str>>| {
                        a.difference(b).map(ToString::to_string).collect()
                    };
                    request.subscribe = names(&wanted, &asked);
                    request.unsubscribe = names(&asked, &wanted);
                    if first {
                        request.initial_versions = kind.versions();
                    }
                }
            }
            kind.asked = Some(wanted);
            requests.push(request);
        }
        requests
    }

    /// Names that are referred to and that the bootstrap does not have.
    fn wanted(&self, resource_type: ResourceType) -> BTreeSet<Arc<str>> {
        let accepted = self.kinds.iter().flat_map(|kind| kind.accepted.values());
        accepted
            .flat_map(|accepted| accepted.wants.iter())
            .chain(&self.fixed_wants)
            .filter(|(kind, _)| *kind == resource_type)
            .map(|(_, name)| name.clone())
            .collect()
    }
}

/// Of these, everything that there is is wanted.
fn is_wildcard(resource_type: ResourceType) -> bool {
    matches!(
        resource_type,
        ResourceType::Cluster | ResourceType::Listener
    )
}

const WORLD: Variant = Variant::StateOfTheWorld;

#[cfg(test)]
mod tests;
