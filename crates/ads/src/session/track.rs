// SPDX-License-Identifier: Apache-2.0
//! One type of resource on one stream.
//!
//! In: the newest snapshot, the subscription, answers of the client. Out: drafts of responses. What
//! the client refused is held back until it changes; what came with it is sent again without it.

mod answer;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
    time::Instant,
};

use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};

use super::{
    flight::{Flight, Held, Known, Part, version},
    subscription::{Change, Subscription},
};
pub(crate) use answer::Answer;

/// Responses that may wait for the client's answer. Ours: enough to go on while Envoy keeps an
/// answer back until clusters are warm, and a bound for a client that never answers.
const FLIGHTS: usize = 8;

/// One type of resource on one stream.
#[derive(Debug)]
pub(crate) struct Track {
    resource_type: ResourceType,
    /// The client has asked for this type.
    pub(crate) asked: bool,
    pub(crate) subscription: Subscription,
    /// What the client has when it accepts all that was sent.
    known: BTreeMap<Arc<str>, Known>,
    /// Names to look at; `true` for those that must be sent even if the client has them.
    pending: BTreeMap<Arc<str>, bool>,
    /// Known to the client, no longer in the snapshot.
    gone: BTreeSet<Arc<str>>,
    /// A response is due even if it is empty.
    pub(crate) answer_due: bool,
    flights: VecDeque<Flight>,
    held: BTreeMap<Arc<str>, Held>,
    held_changed: bool,
    /// Most resources in a response; small while looking for the one that is at fault.
    batch: usize,
}

/// Resources to send, and names that do not exist.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) resources: Vec<Arc<Resource>>,
    pub(crate) removed: Vec<Arc<str>>,
}

impl Draft {
    fn has(&self, resource: &Arc<Resource>) -> bool {
        let mut resources = self.resources.iter();
        resources.any(|it| Arc::ptr_eq(it, resource))
    }
}

impl Track {
    pub(crate) fn new(resource_type: ResourceType) -> Self {
        Self {
            resource_type,
            asked: false,
            subscription: Subscription::default(),
            known: BTreeMap::new(),
            pending: BTreeMap::new(),
            gone: BTreeSet::new(),
            answer_due: false,
            flights: VecDeque::new(),
            held: BTreeMap::new(),
            held_changed: false,
            batch: usize::MAX,
        }
    }

    /// Looks at everything that differs from `snapshot`.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot) {
        let current = snapshot.resources(self.resource_type);
        let mut changed: Vec<Arc<str>> = Vec::new();
        if self.subscription.wildcard {
            let differs = |name: &Arc<str>, resource: &Arc<Resource>| {
                let known = self.known.get(name);
                !known.is_some_and(|known| known.is(resource.version))
            };
            let names = current.iter().filter(|(name, it)| differs(name, it));
            changed.extend(names.map(|(name, _)| name.clone()));
        } else {
            changed.extend(self.subscription.names.iter().cloned());
        }
        let known = self.known.keys();
        changed.extend(known.filter(|name| !current.contains_key(*name)).cloned());
        changed.extend(self.held.keys().cloned());
        for name in changed {
            self.look_at(name, false);
        }
    }

    /// Looks at what a change of the subscription means.
    pub(crate) fn resubscribe(&mut self, change: &Change, snapshot: &Snapshot) {
        for name in &change.added {
            self.look_at(name.clone(), true);
            // Whoever asks for it by name is to have it again.
            self.release(name);
        }
        match change.wildcard {
            Some(true) => self.observe(snapshot),
            Some(false) => self.forget_uncovered(),
            None => {}
        }
        for name in &change.removed {
            if self.subscription.wildcard {
                // Still covered: the client learns what it is now.
                self.look_at(name.clone(), true);
            } else {
                self.forget(name);
            }
        }
    }

    /// Takes over what a client has from an earlier stream: names with versions as we print them.
    pub(crate) fn take_over<'v>(
        &mut self,
        versions: impl Iterator<Item = (&'v String, &'v String)>,
        snapshot: &Snapshot,
    ) {
        for (name, version) in versions {
            if !self.subscription.covers(name) {
                continue;
            }
            let current = snapshot.get(self.resource_type, name);
            let same = current.filter(|current| current.version.to_string() == *version);
            let name: Arc<str> = Arc::from(name.as_str());
            match same {
                Some(same) => {
                    self.pending.remove(&name);
                    self.known.insert(name, Known::sure(same));
                }
                None => {
                    let other = Known {
                        resource: None,
                        sure: true,
                    };
                    self.known.insert(name.clone(), other);
                    self.look_at(name, false);
                }
            }
        }
    }

    /// Takes over all that is wanted, when it is what the client says it has.
    pub(crate) fn take_over_all(&mut self, version_info: &str, snapshot: &Snapshot) {
        let resources = snapshot.resources(self.resource_type);
        let wanted = resources
            .iter()
            .filter(|(name, _)| self.subscription.covers(name));
        let wanted: BTreeMap<_, _> = wanted
            .map(|(name, resource)| (name.clone(), Known::sure(resource)))
            .collect();
        if version(&wanted).to_string() == version_info {
            self.known = wanted;
            self.pending.clear();
            self.answer_due = false;
        }
    }

    /// Sends `name` again, if the client has it or asked for it.
    pub(crate) fn send_again(&mut self, name: &str) -> bool {
        let again = self.subscription.covers(name);
        if again {
            self.look_at(Arc::from(name), true);
        }
        again
    }

    pub(crate) fn may_send(&self) -> bool {
        let most = if self.batch == usize::MAX { FLIGHTS } else { 1 };
        self.asked && self.flights.len() < most
    }

    /// Whether anything but removals is left to send.
    pub(crate) fn is_pending(&self) -> bool {
        self.answer_due || !self.pending.is_empty()
    }

    pub(crate) fn has_removals(&self) -> bool {
        !self.gone.is_empty()
    }

    pub(crate) fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter()
    }

    /// What is new for the client; `None` when there is nothing to say. Removals wait for
    /// [`removals`](Self::removals), except names that never existed, which only an `incremental`
    /// response can tell.
    pub(crate) fn draft(&mut self, snapshot: &Snapshot, incremental: bool) -> Option<Draft> {
        let mut draft = Draft::default();
        for (name, again) in mem::take(&mut self.pending) {
            if !self.subscription.covers(&name) {
                continue;
            }
            let Some(current) = snapshot.get(self.resource_type, &name) else {
                self.release(&name);
                if let Some(known) = self.known.get_mut(&name) {
                    // Should it come back unchanged, it is still to be sent again.
                    known.sure &= !again;
                    self.gone.insert(name);
                } else if again && incremental {
                    draft.removed.push(name);
                }
                continue;
            };
            self.gone.remove(&name);
            let known = self.known.get(&name);
            let has = known.is_some_and(|known| known.is(current.version));
            if has {
                self.release(&name);
            }
            let refused = self
                .held
                .get(&name)
                .is_some_and(|it| it.version == current.version);
            if refused || (has && !again) {
                continue;
            }
            if draft.resources.len() < self.batch {
                draft.resources.push(current.clone());
            } else {
                self.pending.insert(name, again);
            }
        }
        if !draft.resources.is_empty() {
            // By themselves, so that a client that refuses these has heard of them.
            let absent = mem::take(&mut draft.removed).into_iter();
            self.pending.extend(absent.map(|name| (name, true)));
        }
        let due = mem::take(&mut self.answer_due);
        (due || !draft.resources.is_empty() || !draft.removed.is_empty()).then_some(draft)
    }

    /// What the client has to drop.
    pub(crate) fn removals(&mut self, snapshot: &Snapshot) -> Option<Draft> {
        let mut draft = Draft::default();
        for name in mem::take(&mut self.gone) {
            if snapshot.get(self.resource_type, &name).is_some() {
                self.look_at(name, false);
            } else if self.known.remove(&name).is_some() {
                draft.removed.push(name);
            }
        }
        (!draft.removed.is_empty()).then_some(draft)
    }

    /// Adds what a whole list says beside the news: what the client has after all, where that is not
    /// sure.
    pub(crate) fn complete(&mut self, draft: &mut Draft) {
        let news: BTreeSet<Arc<str>> = draft.resources.iter().map(|it| it.name.clone()).collect();
        self.known.retain(|name, known| {
            if known.sure || news.contains(name) {
                return true;
            }
            draft.resources.extend(known.resource.clone());
            known.resource.is_some()
        });
    }

    /// Notes that `draft` is on its way, by itself or with all that the client has (`whole`). The
    /// version is that of all the client then has.
    pub(crate) fn take_off(
        &mut self,
        draft: &Draft,
        nonce: u64,
        now: Instant,
        whole: bool,
    ) -> Version {
        let mut adds = false;
        let mut parts = Vec::new();
        for sent in &draft.resources {
            let before = self.known.insert(sent.name.clone(), Known::sure(sent));
            adds |= before.is_none();
            let sent = sent.clone();
            parts.push(Part { sent, before });
        }
        if whole {
            // What the client has not answered yet is in this response, too, and may be its fault.
            let unanswered = self.flights.iter().flat_map(|flight| &flight.parts);
            let still =
                unanswered.filter(|part| self.is_newest(&part.sent) && !draft.has(&part.sent));
            parts.extend(still.cloned().collect::<Vec<_>>());
        }
        let version = version(&self.known);
        self.flights.push_back(Flight {
            nonce,
            sent_at: now,
            adds,
            version,
            whole,
            parts,
        });
        version
    }

    /// All that the client has, for types that are sent as a whole.
    pub(crate) fn all(&self) -> Vec<Arc<Resource>> {
        let known = self.known.values();
        known.filter_map(|it| it.resource.clone()).collect()
    }

    /// What is held back.
    pub(crate) fn held(&self) -> &BTreeMap<Arc<str>, Held> {
        &self.held
    }

    /// Whether that changed since the last call.
    pub(crate) fn take_held_changed(&mut self) -> bool {
        mem::take(&mut self.held_changed)
    }

    fn look_at(&mut self, name: Arc<str>, again: bool) {
        *self.pending.entry(name).or_default() |= again;
    }

    fn release(&mut self, name: &str) {
        self.held_changed |= self.held.remove(name).is_some();
    }

    fn forget(&mut self, name: &str) {
        self.known.remove(name);
        self.pending.remove(name);
        self.gone.remove(name);
        self.release(name);
    }

    fn forget_uncovered(&mut self) {
        let subscription = &self.subscription;
        let covers = |name: &Arc<str>| subscription.covers(name);
        self.known.retain(|name, _| covers(name));
        self.pending.retain(|name, _| covers(name));
        self.gone.retain(covers);
        let before = self.held.len();
        self.held.retain(|name, _| covers(name));
        self.held_changed |= self.held.len() != before;
    }
}
