// SPDX-License-Identifier: Apache-2.0
//! The way of spans from workers to the control side.
//!
//! In: spans that are over, from any thread. Out: the same, in a bounded queue. Who adds never waits:
//! a span that finds no room is dropped and counted.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use sluicegate_xds::otlp::{KeyValue, Span};
use tokio::sync::{mpsc, oneshot};

/// Where spans go, and what they are called there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Collector {
    /// `grpc_service.envoy_grpc.cluster_name`; empty: spans go nowhere.
    pub(crate) cluster: String,
    /// `envoy_grpc.authority`, else the cluster's name.
    pub(crate) authority: String,
    /// `initial_metadata`.
    pub(crate) metadata: Vec<(String, String)>,
    /// `grpc_service.timeout`.
    pub(crate) timeout: Option<Duration>,
    /// What this process is.
    pub(crate) resource: Vec<KeyValue>,
    /// `set_instrumentation_scope`: the library is named.
    pub(crate) scope: bool,
    /// `max_cache_size`: spans that wait at most. Envoy's default is 1024.
    pub(crate) capacity: usize,
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct Tracer {
    /// Where spans go.
    pub(crate) collector: Collector,
    queue: mpsc::Sender<Item>,
    /// Until somebody exports.
    waiting: Mutex<Option<mpsc::Receiver<Item>>>,
    /// Spans that found no room, and were not counted yet.
    dropped: AtomicU64,
}

/// What is in the queue.
#[derive(Debug)]
pub(super) enum Item {
    /// Everything before it is to be sent now; who asks is told when that is done.
    Flush(oneshot::Sender<()>),
    /// A span.
    Span(Box<Span>),
}

impl Tracer {
    /// A tracer that nobody exports for yet.
    pub(crate) fn new(collector: Collector) -> Self {
        let (queue, waiting) = mpsc::channel(collector.capacity.max(1));
        Self {
            collector,
            queue,
            waiting: Mutex::new(Some(waiting)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Adds a span.
    pub(crate) fn add(&self, span: Span) {
        if self.queue.try_send(Item::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Has everything sent that is there, and waits for it.
    pub(crate) async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        if self.queue.send(Item::Flush(done)).await.is_ok() {
            // Told or gone: nothing more can be sent.
            let _ = sent.await;
        }
    }

    /// Spans that found no room since this was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Relaxed)
    }

    /// The receiving end, for the first who asks.
    pub(super) fn take(&self) -> Option<mpsc::Receiver<Item>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let tracer = Tracer::new(Collector {
            cluster: "c".to_owned(),
            authority: "c".to_owned(),
            metadata: Vec::new(),
            timeout: None,
            resource: Vec::new(),
            scope: true,
            capacity: 2,
        });
        for _ in 0..5 {
            tracer.add(Span::default());
        }
        assert_eq!([tracer.take_dropped(), tracer.take_dropped()], [3, 0]);
        let mut queue = tracer.take().unwrap();
        assert!(tracer.take().is_none(), "one exporter");
        assert!(matches!(queue.try_recv(), Ok(Item::Span(_))));
        tracer.add(Span::default());
        assert_eq!(tracer.take_dropped(), 0);
    }
}
