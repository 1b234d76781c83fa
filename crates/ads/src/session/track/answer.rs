// SPDX-License-Identifier: Apache-2.0
//! What a client's answer to a response means for what it has.
//!
//! In: the nonce, and the client's words if it refuses. Out: what is held back, and what is looked at
//! again.

use std::sync::Arc;

use sluicegate_snapshot::{Resource, Version};

use super::{
    super::flight::{Flight, Held, Known, Part},
    Track,
};
use crate::blame::accused;

/// What the answer to a response came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The client took it.
    Accepted(Version),
    /// The client refused it.
    Refused(Version),
    /// No such response is waiting: it was answered before, or never sent.
    Unknown,
}

impl Track {
    /// The client's answer to a response. What was sent before it counts as accepted.
    pub(crate) fn answer(&mut self, nonce: u64, refusal: Option<&str>) -> Answer {
        let Some(place) = self.flights.iter().position(|flight| flight.nonce == nonce) else {
            return Answer::Unknown;
        };
        let earlier: Vec<Flight> = self.flights.drain(..place).collect();
        earlier.iter().for_each(|flight| self.accept(flight));
        let Some(flight) = self.flights.pop_front() else {
            return Answer::Unknown;
        };
        match refusal {
            None => {
                self.accept(&flight);
                let done = self.pending.is_empty();
                self.batch = if done {
                    usize::MAX
                } else {
                    self.batch.saturating_mul(2)
                };
                Answer::Accepted(flight.version)
            }
            Some(text) => {
                let version = flight.version;
                self.refuse(flight, text);
                Answer::Refused(version)
            }
        }
    }

    fn accept(&mut self, flight: &Flight) {
        for part in &flight.parts {
            self.release(&part.sent.name);
        }
    }

    /// Holds back what is at fault, and sends the rest again: what of a refused response is in force
    /// is not known. When nothing can be accused, smaller responses will tell.
    fn refuse(&mut self, flight: Flight, text: &str) {
        let names = flight.parts.iter().map(|part| &part.sent.name);
        let guilty = match flight.parts.as_slice() {
            [only] => vec![only.sent.name.clone()],
            _ => accused(text, names),
        };
        // Its removals are not in force either. Without a part there is nothing to leave out.
        self.answer_due |= flight.whole && !flight.parts.is_empty();
        if guilty.is_empty() {
            self.batch = (flight.parts.len() / 2).max(1);
        }
        for Part { sent, before } in flight.parts {
            let name = sent.name.clone();
            if guilty.contains(&name) {
                let held = Held {
                    version: sent.version,
                    text: text.to_owned(),
                };
                self.held.insert(name.clone(), held);
                self.held_changed = true;
                self.go_back(&sent, before);
            } else {
                let resource = before.and_then(|before| before.resource);
                let sure = false;
                self.go_back(&sent, Some(Known { resource, sure }));
                self.look_at(name, true);
            }
        }
    }

    /// The client still has what it had `before` it was sent this. A later response says so too, if
    /// it is refused.
    fn go_back(&mut self, sent: &Arc<Resource>, before: Option<Known>) {
        if self.is_newest(sent) {
            match before {
                Some(before) => self.known.insert(sent.name.clone(), before),
                None => self.known.remove(&sent.name),
            };
            return;
        }
        let later = self.flights.iter_mut().flat_map(|flight| &mut flight.parts);
        for part in later.filter(|part| part.sent.name == sent.name) {
            if part.before.as_ref().is_some_and(|it| it.is_resource(sent)) {
                part.before = before.clone();
            }
        }
    }

    /// Whether `sent` is what was sent last under its name.
    pub(super) fn is_newest(&self, sent: &Arc<Resource>) -> bool {
        let known = self.known.get(&sent.name);
        known.is_some_and(|known| known.is_resource(sent))
    }
}
