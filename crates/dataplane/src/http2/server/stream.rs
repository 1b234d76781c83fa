// SPDX-License-Identifier: Apache-2.0
//! The streams of a connection.
//!
//! In: numbers of streams, and what happens to them. Out: their states, in places that are used again
//! and again.

use std::task::{Context, Waker};

use super::flow::{Inbound, Outbound};
use crate::http::HeadError;

/// A stream that somebody serves.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Its number.
    pub(super) id: u32,
    /// Nothing more comes from the client.
    pub(super) received: bool,
    /// Our end was sent.
    pub(super) sent: bool,
    /// The head of the response was sent.
    pub(super) answered: bool,
    /// It ended before its time.
    pub(super) reset: Option<Reset>,
    /// It does not count as open any more.
    pub(super) closed: bool,
    /// Why its request is refused.
    pub(super) refused: Option<HeadError>,
    /// Body bytes that came, from `taken` on not consumed.
    pub(super) body: Vec<u8>,
    /// How many of them were consumed.
    pub(super) taken: usize,
    /// Bytes of body that have to come.
    pub(super) length: Option<u64>,
    /// Trailer lines that came.
    pub(super) trailers: Vec<u8>,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// It waits for its own window.
    pub(super) blocked: bool,
    /// It waits for the connection.
    pub(super) queued: bool,
    /// Of the task that serves it.
    pub(super) waker: Option<Waker>,
}

/// How a stream ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reset {
    /// By the end of the connection.
    Gone,
    /// Here; what still comes for it was under way.
    Local,
    /// By the client.
    Remote,
}

impl Stream {
    /// Body bytes that were not consumed.
    pub(super) fn pending(&self) -> usize {
        self.body.len() - self.taken
    }

    /// Both sides are done.
    pub(super) fn over(&self) -> bool {
        self.reset.is_some() || (self.received && self.sent)
    }

    /// The task is to be woken when something happens.
    pub(super) fn watch(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Something happened.
    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Its own window has changed.
    pub(super) fn unblock(&mut self) {
        if self.blocked && self.outbound.room() > 0 {
            self.blocked = false;
            self.wake();
        }
    }

    /// Content-Length has to match (RFC 9113 8.1.1). `ends` says that these were the last bytes.
    #[must_use]
    pub(super) fn count(&mut self, bytes: usize, ends: bool) -> bool {
        let Some(length) = &mut self.length else {
            return true;
        };
        match length.checked_sub(bytes as u64) {
            Some(rest) => {
                *length = rest;
                !ends || rest == 0
            }
            None => false,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Streams {
    places: Vec<Stream>,
    free: Vec<u32>,
    /// Number and place, in the order of their numbers.
    ids: Vec<(u32, u32)>,
}

impl Streams {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The place of a stream.
    pub(super) fn find(&self, id: u32) -> Option<u32> {
        let at = self.ids.binary_search_by_key(&id, |one| one.0).ok()?;
        self.ids.get(at).map(|one| one.1)
    }

    /// What is at a place.
    pub(super) fn at(&mut self, place: u32) -> &mut Stream {
        &mut self.places[place as usize]
    }

    /// The same, to look at.
    pub(super) fn look(&self, place: u32) -> &Stream {
        &self.places[place as usize]
    }

    /// Adds a stream, whose number is higher than all before.
    pub(super) fn add(&mut self, stream: Stream) -> u32 {
        let id = stream.id;
        let place = match self.free.pop() {
            Some(place) => {
                let kept = &mut self.places[place as usize];
                let body = std::mem::take(&mut kept.body);
                *kept = Stream { body, ..stream };
                place
            }
            None => {
                self.places.push(stream);
                (self.places.len() - 1) as u32
            }
        };
        self.ids.push((id, place));
        place
    }

    /// Nobody serves it any more.
    pub(super) fn remove(&mut self, place: u32) {
        let stream = &mut self.places[place as usize];
        let id = stream.id;
        let mut body = std::mem::take(&mut stream.body);
        body.clear();
        if body.capacity() > KEPT {
            body = Vec::new();
        }
        *stream = Stream {
            body,
            ..Stream::default()
        };
        self.free.push(place);
        if let Ok(at) = self.ids.binary_search_by_key(&id, |one| one.0) {
            self.ids.remove(at);
        }
        if self.ids.is_empty() {
            // An idle connection holds little.
            self.places.truncate(IDLE);
            self.free.retain(|place| (*place as usize) < IDLE);
        }
    }

    /// Each of them.
    pub(super) fn each(&mut self, mut visit: impl FnMut(&mut Stream)) {
        for (_, place) in &self.ids {
            visit(&mut self.places[*place as usize]);
        }
    }
}

/// Bytes of body that a free place keeps room for.
const KEPT: usize = 4096;
/// Places that an idle connection keeps.
const IDLE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut streams = Streams::default();
        let stream = |id| Stream {
            id,
            ..Stream::default()
        };
        let places: Vec<u32> = (0..100).map(|at| streams.add(stream(at * 2 + 1))).collect();
        assert_eq!(streams.find(21), Some(places[10]));
        assert_eq!(streams.find(22), None);
        streams.remove(places[10]);
        assert_eq!((streams.find(21), streams.len()), (None, 99));
        assert_eq!(streams.add(stream(1001)), places[10]);
        assert_eq!(streams.find(1001), Some(places[10]));
        for id in (1..200).step_by(2).filter(|id| *id != 21).chain([1001]) {
            let place = streams.find(id).expect("is there");
            streams.remove(place);
        }
        assert_eq!(streams.len(), 0);
        let place = streams.add(stream(2001));
        assert!((place as usize) < IDLE);
        assert_eq!(streams.look(place).id, 2001);
    }

    #[test]
    fn bodies_are_as_long_as_they_say() {
        let count = |length, bytes, ends| {
            Stream {
                length,
                ..Stream::default()
            }
            .count(bytes, ends)
        };
        assert!(count(None, 5, true) && count(Some(5), 5, true) && count(Some(5), 4, false));
        assert!(!count(Some(5), 4, true) && !count(Some(5), 6, false));
    }
}
