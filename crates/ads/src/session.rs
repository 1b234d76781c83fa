// SPDX-License-Identifier: Apache-2.0
//! The state of one stream, without its socket.
//!
//! In: requests, snapshots, the time. Out: the response to send next, computed only when the client
//! takes one: a client that does not read costs nothing, and then gets the newest.
//!
//! The order is make-before-break: clusters, their endpoints, listeners, routes, certificates; then
//! removals, the referring types first. Listeners and routes wait until new clusters are answered,
//! which Envoy does when they are warm.

mod flight;
mod subscription;
#[cfg(test)]
mod tests;
mod track;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};

use crate::eds::endpoints_of;
pub(crate) use flight::Held;
pub(crate) use track::Answer;
use track::{Draft, Track};

/// Longest wait for an answer before what depends on it goes on. Ours: short beside the 15 s that
/// Envoy waits for endpoints, so that one cluster that does not get warm delays no other change for
/// long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The variant of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Changes only, each resource with its version.
    Delta,
    /// Listeners and clusters as a whole.
    StateOfTheWorld,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Session {
    variant: Variant,
    snapshot: Arc<Snapshot>,
    tracks: [Track; 5],
    last_nonce: u64,
    /// Nonce of the newest response of each type.
    newest: [Option<u64>; 5],
    /// Endpoints of the clusters that were sent last: Envoy may ask for them again.
    rewarmed: BTreeSet<String>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) resource_type: ResourceType,
    pub(crate) version: Version,
    pub(crate) nonce: u64,
    /// What to send: changes, or everything.
    pub(crate) resources: Vec<Arc<Resource>>,
    /// Names to drop; delta only.
    pub(crate) removed: Vec<Arc<str>>,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this.
    Reply(Reply),
    /// Wait for news, or until then.
    Wait(Option<Instant>),
}

/// The parts of a state-of-the-world request.
#[derive(Debug, Default)]
pub(crate) struct WorldRequest<'r> {
    pub(crate) names: &'r [String],
    pub(crate) version_info: &'r str,
    pub(crate) nonce: &'r str,
    pub(crate) refusal: Option<&'r str>,
}

/// The parts of a delta request.
#[derive(Debug)]
pub(crate) struct DeltaRequest<'r> {
    pub(crate) subscribe: &'r [String],
    pub(crate) unsubscribe: &'r [String],
    pub(crate) initial_versions: &'r std::collections::HashMap<String, String>,
    pub(crate) nonce: &'r str,
    pub(crate) refusal: Option<&'r str>,
}

impl Session {
    pub(crate) fn new(variant: Variant, snapshot: Arc<Snapshot>) -> Self {
        Self {
            variant,
            snapshot,
            tracks: ResourceType::ALL.map(Track::new),
            last_nonce: 0,
            newest: [None; 5],
            rewarmed: BTreeSet::new(),
        }
    }

    /// Takes the newest snapshot.
    pub(crate) fn update(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.version() == self.snapshot.version() {
            return;
        }
        self.snapshot = snapshot;
        for track in self.tracks.iter_mut().filter(|track| track.asked) {
            track.observe(&self.snapshot);
        }
    }

    /// A request of the state-of-the-world variant. `None` when it answers nothing.
    pub(crate) fn world_request(
        &mut self,
        resource_type: ResourceType,
        request: &WorldRequest<'_>,
    ) -> Option<Answer> {
        let index = resource_type as usize;
        let track = &mut self.tracks[index];
        let answer = answer(track, request.nonce, request.refusal);
        let newest = request.nonce.parse().ok() == self.newest[index];
        if !request.nonce.is_empty() && !newest {
            // The client will say what it wants when it answers the newest.
            return answer;
        }
        let first = !track.asked;
        track.asked = true;
        let whole = is_whole(resource_type);
        let change = track.subscription.replace(request.names, whole);
        if first || !change.is_empty() {
            // A list of clusters or listeners also says what does not exist.
            track.answer_due |= whole;
            track.resubscribe(&change, &self.snapshot);
        } else if resource_type == ResourceType::Endpoint && answer == Some(Answer::Unknown) {
            // Nothing new and nothing to answer: a cluster is warming and asks again.
            if !track.is_pending() {
                for name in std::mem::take(&mut self.rewarmed) {
                    track.send_again(&name);
                }
            }
        }
        if first && whole && !request.version_info.is_empty() {
            track.take_over_all(request.version_info, &self.snapshot);
        }
        answer
    }

    /// A request of the delta variant. `None` when it answers nothing.
    pub(crate) fn delta_request(
        &mut self,
        resource_type: ResourceType,
        request: &DeltaRequest<'_>,
    ) -> Option<Answer> {
        let track = &mut self.tracks[resource_type as usize];
        let answer = answer(track, request.nonce, request.refusal);
        let first = !track.asked;
        track.asked = true;
        let change = track.subscription.update(
            request.subscribe,
            request.unsubscribe,
            first && is_whole(resource_type),
        );
        track.resubscribe(&change, &self.snapshot);
        if first {
            track.take_over(request.initial_versions.iter(), &self.snapshot);
            // A new client waits for an answer, even if there is nothing.
            track.answer_due |=
                change.wildcard == Some(true) && request.initial_versions.is_empty();
        }
        answer
    }

    /// The next response, if one is due.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        let mut until: Option<Instant> = None;
        for resource_type in ResourceType::ALL {
            let index = resource_type as usize;
            if !self.tracks[index].asked || !self.tracks[index].is_pending() {
                continue;
            }
            if matches!(resource_type, ResourceType::Listener | ResourceType::Route) {
                if self.track(ResourceType::Cluster).is_pending() {
                    continue;
                }
                let clusters = self.track(ResourceType::Cluster).flights();
                let unanswered = clusters.filter(|flight| flight.adds).map(|it| it.sent_at);
                if let Some(end) = end_of_patience(unanswered, now) {
                    until = earlier(until, end);
                    continue;
                }
            }
            let track = &mut self.tracks[index];
            if !track.may_send() {
                continue;
            }
            if let Some(draft) = track.draft(&self.snapshot, self.variant == Variant::Delta) {
                return Step::Reply(self.reply(resource_type, draft, now));
            }
        }
        if self
            .tracks
            .iter()
            .any(|track| track.asked && track.is_pending())
        {
            return Step::Wait(until);
        }
        self.next_removal(now)
    }

    /// Removals, when all else is said.
    fn next_removal(&mut self, now: Instant) -> Step {
        let mut until = None;
        for resource_type in REMOVAL_ORDER {
            let index = resource_type as usize;
            if !self.tracks[index].has_removals() || !self.tracks[index].may_send() {
                continue;
            }
            if matches!(
                resource_type,
                ResourceType::Cluster | ResourceType::Endpoint
            ) {
                let referring = [ResourceType::Listener, ResourceType::Route];
                let flights = referring.iter().flat_map(|it| self.track(*it).flights());
                if let Some(end) = end_of_patience(flights.map(|it| it.sent_at), now) {
                    until = earlier(until, end);
                    continue;
                }
            }
            let Some(draft) = self.tracks[index].removals(&self.snapshot) else {
                continue;
            };
            // In the state of the world, only a whole list can say that something is gone.
            if self.variant == Variant::Delta || is_whole(resource_type) {
                return Step::Reply(self.reply(resource_type, draft, now));
            }
        }
        Step::Wait(until)
    }

    fn reply(&mut self, resource_type: ResourceType, mut draft: Draft, now: Instant) -> Reply {
        let index = resource_type as usize;
        self.last_nonce += 1;
        let nonce = self.last_nonce;
        self.newest[index] = Some(nonce);
        let whole = self.variant == Variant::StateOfTheWorld && is_whole(resource_type);
        if whole {
            self.tracks[index].complete(&mut draft);
        }
        if resource_type == ResourceType::Cluster && !draft.resources.is_empty() {
            self.answer_endpoints_again(&draft.resources);
        }
        let track = &mut self.tracks[index];
        let version = track.take_off(&draft, nonce, now, whole);
        let resources = if whole { track.all() } else { draft.resources };
        Reply {
            resource_type,
            version,
            nonce,
            resources,
            removed: draft.removed,
        }
    }

    /// Envoy warms a changed cluster as if it were new and waits for its endpoints, though they did
    /// not change.
    fn answer_endpoints_again(&mut self, clusters: &[Arc<Resource>]) {
        let endpoints = &mut self.tracks[ResourceType::Endpoint as usize];
        self.rewarmed = clusters.iter().filter_map(|it| endpoints_of(it)).collect();
        self.rewarmed.retain(|name| endpoints.send_again(name));
    }

    fn track(&self, resource_type: ResourceType) -> &Track {
        &self.tracks[resource_type as usize]
    }

    /// What is held back of a type.
    pub(crate) fn held(
        &self,
        resource_type: ResourceType,
    ) -> &std::collections::BTreeMap<Arc<str>, Held> {
        self.track(resource_type).held()
    }

    /// Whether that changed since the last call.
    pub(crate) fn take_held_changed(&mut self, resource_type: ResourceType) -> bool {
        self.tracks[resource_type as usize].take_held_changed()
    }

    /// Whether everything of a type is wanted, and how many names.
    pub(crate) fn subscribed(&self, resource_type: ResourceType) -> (bool, usize) {
        let subscription = &self.track(resource_type).subscription;
        (subscription.wildcard, subscription.names.len())
    }
}

/// Who refers comes before what it refers to.
const REMOVAL_ORDER: [ResourceType; 5] = [
    ResourceType::Listener,
    ResourceType::Route,
    ResourceType::Cluster,
    ResourceType::Endpoint,
    ResourceType::Secret,
];

/// Clusters and listeners: a list of them is the whole truth, and an empty request means all.
fn is_whole(resource_type: ResourceType) -> bool {
    matches!(
        resource_type,
        ResourceType::Cluster | ResourceType::Listener
    )
}

fn answer(track: &mut Track, nonce: &str, refusal: Option<&str>) -> Option<Answer> {
    if nonce.is_empty() {
        return None;
    }
    // A nonce that is no number is none of ours.
    let nonce = nonce.parse().ok();
    Some(nonce.map_or(Answer::Unknown, |nonce| track.answer(nonce, refusal)))
}

/// When the last of the waits that began then is over; `None` when all are.
fn end_of_patience(began: impl Iterator<Item = Instant>, now: Instant) -> Option<Instant> {
    let end = began.map(|began| began + PATIENCE).max()?;
    (end > now).then_some(end)
}

fn earlier(one: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(one.map_or(other, |one| one.min(other)))
}
