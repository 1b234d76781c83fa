// SPDX-License-Identifier: Apache-2.0
//! Publishing: the newest snapshot, and word that it changed.
//!
//! In: snapshots from the control side. Out: the current one for any thread, and an awaitable
//! change.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use crate::Snapshot;

/// Makes a channel that starts with an empty snapshot.
pub fn channel() -> (Publisher, Subscriber) {
    let (sender, receiver) = watch::channel(Arc::new(Snapshot::default()));
    let publisher = Publisher {
        sender,
        published: AtomicBool::new(false),
    };
    (publisher, Subscriber { receiver })
}

/// The writing end.
#[derive(Debug)]
pub struct Publisher {
    sender: watch::Sender<Arc<Snapshot>>,
    published: AtomicBool,
}

impl Publisher {
    /// Publishes `snapshot`, unless it has the content of the current one. Says whether it did. The
    /// first is always published: that there is nothing to serve is worth knowing too.
    pub fn publish(&self, snapshot: Arc<Snapshot>) -> bool {
        let first = !self.published.swap(true, Ordering::Relaxed);
        self.sender.send_if_modified(|current| {
            let differs = first || current.version() != snapshot.version();
            if differs {
                *current = snapshot;
            }
            differs
        })
    }
}

/// A reading end; clone it for every reader.
#[derive(Debug, Clone)]
pub struct Subscriber {
    receiver: watch::Receiver<Arc<Snapshot>>,
}

impl Subscriber {
    /// The newest snapshot.
    pub fn current(&self) -> Arc<Snapshot> {
        self.receiver.borrow().clone()
    }

    /// Waits for a snapshot that this reader has not seen; `None` when the publisher is gone.
    pub async fn changed(&mut self) -> Option<Arc<Snapshot>> {
        self.receiver.changed().await.ok()?;
        Some(self.receiver.borrow_and_update().clone())
    }
}
