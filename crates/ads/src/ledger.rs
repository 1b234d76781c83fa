// SPDX-License-Identifier: Apache-2.0
//! What each node was sent, what it took, and what it refused.
//!
//! In: events of the streams. Out: a record for every node that is connected or was lately, for the
//! admin API, status and people. Nothing here influences what is sent.

mod record;
mod show;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use sluicegate_snapshot::{ResourceType, Version};
use tokio::sync::watch;

use crate::GatewayName;
pub(crate) use record::Entry;
pub use record::{Nack, NodeRecord, TypeRecord};

/// Nodes that are gone and still remembered. Ours: enough to see what a fleet lost overnight.
const REMEMBERED: usize = 256;
/// Refused nodes that are remembered.
const REFUSED: usize = 32;

/// The ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    book: Mutex<Book>,
    /// Counts every change of what is refused or connected.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Book {
    next: u64,
    /// By stream, oldest first.
    nodes: BTreeMap<u64, NodeRecord>,
    refused: Vec<RefusedNode>,
}

/// A node that named no Gateway.
#[derive(Debug, Clone)]
pub struct RefusedNode {
    /// `node.id`, or nothing.
    pub id: String,
    /// Where it connected from.
    pub peer: String,
    /// Why it is not served.
    pub reason: String,
    /// When it was told last.
    pub at: SystemTime,
}

/// A resource that a connected node refuses, with the node's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The node's id.
    pub node: String,
    /// The Gateway that it serves.
    pub gateway: GatewayName,
    /// Type of the resource.
    pub resource_type: ResourceType,
    /// Name of the resource.
    pub name: Arc<str>,
    /// The version that it refuses.
    pub version: Version,
    /// What it said.
    pub text: String,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                book: Mutex::default(),
                changes: watch::channel(0).0,
            }),
        }
    }
}

impl Ledger {
    /// Every node that is connected or was lately, oldest stream first.
    pub fn nodes(&self) -> Vec<NodeRecord> {
        self.book().nodes.values().cloned().collect()
    }

    /// What connected nodes refuse, by type and name, then by node.
    pub fn refusals(&self) -> Vec<Refusal> {
        let book = self.book();
        let connected = book.nodes.values().filter(|node| node.is_connected());
        let mut refusals: Vec<Refusal> = connected.flat_map(NodeRecord::refusals).collect();
        let key = |it: &Refusal| (it.resource_type, it.name.clone(), it.node.clone());
        refusals.sort_by_key(key);
        refusals
    }

    /// Counts up whenever a node comes or goes, or what it refuses changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Opens the record of a stream.
    pub(crate) fn open(&self, record: NodeRecord) -> Entry {
        let mut book = self.book();
        // What an earlier stream of this node left behind is history now.
        let id = record.id.clone();
        book.nodes
            .retain(|_, old| old.is_connected() || old.id != id);
        book.next += 1;
        let number = book.next;
        book.nodes.insert(number, record);
        drop(book);
        self.tell();
        Entry::new(self.clone(), number)
    }

    /// Notes a node that was refused.
    pub(crate) fn refuse(&self, node: RefusedNode) {
        let mut book = self.book();
        book.refused.retain(|old| old.id != node.id);
        if book.refused.len() == REFUSED {
            book.refused.remove(0);
        }
        book.refused.push(node);
    }

    /// Nodes that were refused, of each id the last time.
    pub fn refused(&self) -> Vec<RefusedNode> {
        self.book().refused.clone()
    }

    /// Changes the record of a stream.
    fn change(&self, number: u64, change: impl FnOnce(&mut NodeRecord)) {
        if let Some(record) = self.book().nodes.get_mut(&number) {
            change(record);
        }
    }

    /// Closes the record of a stream, and forgets the oldest ones that are closed.
    fn close(&self, number: u64) {
        let mut book = self.book();
        if let Some(record) = book.nodes.get_mut(&number) {
            record.disconnected_at = Some(SystemTime::now());
        }
        let closed = book.nodes.iter().filter(|(_, node)| !node.is_connected());
        let closed: Vec<u64> = closed.map(|(number, _)| *number).collect();
        for number in &closed[..closed.len().saturating_sub(REMEMBERED)] {
            book.nodes.remove(number);
        }
        drop(book);
        self.tell();
    }

    fn tell(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.shared
            .book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
