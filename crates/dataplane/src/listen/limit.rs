// SPDX-License-Identifier: Apache-2.0
//! Limits on the number of client connections.
//!
//! In: a connection that was accepted. Out: a pass that is kept as long as the connection lives, or
//! none. Workers share the counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::stats::ConnectionLimitStats;

/// A number of places.
#[derive(Debug)]
pub(crate) struct Places {
    free: AtomicU64,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

/// `envoy.filters.network.connection_limit`.
#[derive(Debug)]
pub(crate) struct ConnectionLimit {
    /// Stats go under `connection_limit.<stat_prefix>.`.
    pub(crate) stat_prefix: String,
    /// How long a connection too many is kept open, so that its client does not come back at once.
    pub(crate) delay: Duration,
    places: Arc<Places>,
}

/// A connection that the filter knows of, until this is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    place: Option<Place>,
    stats: Arc<ConnectionLimitStats>,
}

impl Places {
    /// As many as this.
    pub(crate) fn new(count: u64) -> Arc<Self> {
        Arc::new(Self {
            free: AtomicU64::new(count),
        })
    }

    /// Takes one, if there is one.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let take = |free: u64| free.checked_sub(1);
        let taken = self.free.fetch_update(Relaxed, Relaxed, take);
        taken.is_ok().then(|| Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Relaxed);
    }
}

impl ConnectionLimit {
    /// A limit that nothing counts towards yet.
    pub(crate) fn new(stat_prefix: String, connections: u64, delay: Duration) -> Self {
        Self {
            stat_prefix,
            delay,
            places: Places::new(connections),
        }
    }

    /// Counts a connection.
    pub(crate) fn enter(&self, stats: Arc<ConnectionLimitStats>) -> Pass {
        let place = self.places.take();
        stats.active_connections.add(1);
        if place.is_none() {
            stats.limited_connections.inc();
        }
        Pass { place, stats }
    }
}

impl Pass {
    /// Whether the connection may be served.
    pub(crate) fn is_within_limit(&self) -> bool {
        self.place.is_some()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.stats.active_connections.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let places = Places::new(2);
        let first = places.take();
        let second = places.take();
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
        assert!(Places::new(0).take().is_none());
    }
}
