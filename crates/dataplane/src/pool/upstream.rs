// SPDX-License-Identifier: Apache-2.0
//! A connection to an upstream host.
//!
//! In: a connected stream, or a place on a connection of HTTP/2. Out: the stream, for one request at
//! a time.

use std::rc::Rc;

use tokio::time::Instant;

use super::{Closed, Lane, Lease, http2::Place};
use crate::{
    cluster::Host,
    failure::Failure,
    http2::{Message, Opened},
    io::Stream,
};

/// The connection.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The stream.
    pub(crate) stream: Stream,
    /// What goes out in front of the first request.
    pub(crate) preface: Vec<u8>,
    /// Requests put on it so far.
    pub(crate) requests: u32,
    /// When it was established.
    pub(crate) opened: Instant,
    /// Since when it has been idle.
    pub(crate) idle_since: Instant,
    lease: Option<Lease>,
    /// Of a connection that is shared; dropped after the stream.
    place: Option<Place>,
}

impl Upstream {
    /// A new connection.
    pub(super) fn new(stream: Stream, lease: Lease, now: Instant) -> Self {
        Self {
            stream,
            preface: Vec::new(),
            requests: 0,
            opened: now,
            idle_since: now,
            lease: Some(lease),
            place: None,
        }
    }

    /// A place on a connection of HTTP/2.
    pub(super) fn shared(place: Place) -> Self {
        let now = Instant::now();
        Self {
            stream: Stream::Gone,
            preface: Vec::new(),
            requests: 0,
            opened: now,
            idle_since: now,
            lease: None,
            place: Some(place),
        }
    }

    /// Whether it was made for requests like this.
    pub(super) fn fits(&self, lane: &Lane) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.lane() == lane)
    }

    /// Whether other requests use the connection as well.
    pub(crate) fn is_shared(&self) -> bool {
        self.place.is_some()
    }

    /// Sends a request's head on a shared connection.
    pub(crate) fn open(&mut self, opened: &Opened<'_>) -> Result<(), Failure> {
        let place = self.place.as_ref().ok_or(Failure::Terminated)?;
        self.stream = Stream::Http2(Message::Call(Box::new(place.open(opened)?)));
        Ok(())
    }

    /// The host it leads to.
    pub(crate) fn host(&self) -> Option<Rc<Host>> {
        let host = self.lease.as_ref().map(Lease::host);
        host.or(self.place.as_ref().map(Place::host)).cloned()
    }

    /// Closes it and counts how that came about.
    pub(crate) fn close(mut self, by: Closed) {
        if let Some(lease) = self.take_lease() {
            lease.close(by);
        }
        // Only the stream of a shared connection ends.
        if let (Some(message), Closed::LocalBusy) = (self.stream.message(), by) {
            message.reset();
            if let Some(place) = &self.place {
                place.host().cluster_stats.http2_tx_reset.inc();
            }
        }
    }

    /// What must be given up when it closes. Its lifetime is recorded.
    pub(super) fn take_lease(&mut self) -> Option<Lease> {
        let lease = self.lease.take()?;
        let length = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        lease
            .host()
            .cluster_stats
            .upstream_cx_length_ms
            .record(length);
        Some(lease)
    }
}
