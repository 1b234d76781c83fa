// SPDX-License-Identifier: Apache-2.0
//! A connection to an upstream host.
//!
//! In: a connected stream. Out: the stream, for one request at a time.

use std::rc::Rc;

use tokio::time::Instant;

use super::{Closed, Lease};
use crate::{cluster::Host, connect::Origin, io::Stream};

/// The connection.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The stream.
    pub(crate) stream: Stream,
    /// Whose connection it is, if it announced that; it serves no other.
    pub(crate) origin: Option<Origin>,
    /// What goes out in front of the first request.
    pub(crate) preface: Vec<u8>,
    /// Requests put on it so far.
    pub(crate) requests: u32,
    /// When it was established.
    pub(crate) opened: Instant,
    /// Since when it has been idle.
    pub(crate) idle_since: Instant,
    lease: Option<Lease>,
}

impl Upstream {
    /// A new connection.
    pub(super) fn new(stream: Stream, lease: Lease, now: Instant) -> Self {
        Self {
            stream,
            origin: lease.origin(),
            preface: Vec::new(),
            requests: 0,
            opened: now,
            idle_since: now,
            lease: Some(lease),
        }
    }

    /// The host it leads to.
    pub(crate) fn host(&self) -> Option<Rc<Host>> {
        Some(self.lease.as_ref()?.host().clone())
    }

    /// Closes it and counts how that came about.
    pub(crate) fn close(mut self, by: Closed) {
        if let Some(lease) = self.take_lease() {
            lease.close(by);
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
