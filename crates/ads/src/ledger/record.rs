// SPDX-License-Identifier: Apache-2.0
//! The record of one stream.
//!
//! In: what its stream tells. Out: plain data.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use sluicegate_snapshot::{ResourceType, Version};

use super::{Ledger, Refusal};
use crate::{
    GatewayName,
    session::{Held, Reply, Variant},
};

/// A node and how far it is.
#[derive(Debug, Clone)]
pub struct NodeRecord {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// The Gateway that it serves.
    pub gateway: GatewayName,
    /// Such as `envoy 1.40.0`.
    pub user_agent: String,
    /// Where it connects from.
    pub peer: String,
    /// Whether it uses the delta variant.
    pub delta: bool,
    /// When its stream opened.
    pub connected_at: SystemTime,
    /// When its stream ended; `None` while it is open.
    pub disconnected_at: Option<SystemTime>,
    /// By [`ResourceType`].
    pub types: [TypeRecord; 5],
}

/// How far a node is with one type.
#[derive(Debug, Clone, Default)]
pub struct TypeRecord {
    /// Whether it asked for the type.
    pub asked: bool,
    /// Whether it wants all of them.
    pub wildcard: bool,
    /// How many it wants by name.
    pub names: usize,
    /// Version of the newest response.
    pub sent: Option<(Version, SystemTime)>,
    /// Version of the newest response that it took.
    pub accepted: Option<(Version, SystemTime)>,
    /// Responses that it refused.
    pub nacks: u64,
    /// The last refusal.
    pub last_nack: Option<Nack>,
    /// Resources that are held back because it refused them, with their version and its words.
    pub refused: BTreeMap<Arc<str>, (Version, String)>,
}

/// A refused response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nack {
    /// Version of the response.
    pub version: Version,
    /// What the node said.
    pub text: String,
    /// When.
    pub at: SystemTime,
}

impl NodeRecord {
    /// A record of a stream that opens now.
    pub(crate) fn new(id: String, gateway: GatewayName, variant: Variant) -> Self {
        Self {
            id,
            gateway,
            cluster: String::new(),
            user_agent: String::new(),
            peer: String::new(),
            delta: variant == Variant::Delta,
            connected_at: SystemTime::now(),
            disconnected_at: None,
            types: Default::default(),
        }
    }

    /// Whether its stream is open.
    pub fn is_connected(&self) -> bool {
        self.disconnected_at.is_none()
    }

    /// Its record of one type.
    pub fn of(&self, resource_type: ResourceType) -> &TypeRecord {
        &self.types[resource_type as usize]
    }

    pub(super) fn refusals(&self) -> impl Iterator<Item = Refusal> {
        ResourceType::ALL
            .into_iter()
            .flat_map(move |resource_type| {
                let refused = self.of(resource_type).refused.iter();
                refused.map(move |(name, (version, text))| Refusal {
                    node: self.id.clone(),
                    gateway: self.gateway.clone(),
                    resource_type,
                    name: name.clone(),
                    version: *version,
                    text: text.clone(),
                })
            })
    }
}

/// The writing end of a record, which it closes when it goes.
pub(crate) struct Entry {
    ledger: Ledger,
    number: u64,
}

impl Entry {
    pub(super) fn new(ledger: Ledger, number: u64) -> Self {
        Self { ledger, number }
    }

    pub(crate) fn subscribed(&self, resource_type: ResourceType, wildcard: bool, names: usize) {
        self.change(resource_type, |record| {
            record.asked = true;
            record.wildcard = wildcard;
            record.names = names;
        });
    }

    pub(crate) fn sent(&self, reply: &Reply) {
        self.change(reply.resource_type, |record| {
            record.sent = Some((reply.version, SystemTime::now()));
        });
    }

    pub(crate) fn accepted(&self, resource_type: ResourceType, version: Version) {
        self.change(resource_type, |record| {
            record.accepted = Some((version, SystemTime::now()));
        });
    }

    pub(crate) fn refused(&self, resource_type: ResourceType, version: Version, text: &str) {
        self.change(resource_type, |record| {
            record.nacks += 1;
            record.last_nack = Some(Nack {
                version,
                text: text.to_owned(),
                at: SystemTime::now(),
            });
        });
    }

    pub(crate) fn held(&self, resource_type: ResourceType, held: &BTreeMap<Arc<str>, Held>) {
        let held = held.iter();
        let held = held.map(|(name, it)| (name.clone(), (it.version, it.text.clone())));
        let held = held.collect();
        self.change(resource_type, |record| record.refused = held);
        self.ledger.tell();
    }

    fn change(&self, resource_type: ResourceType, change: impl FnOnce(&mut TypeRecord)) {
        self.ledger.change(self.number, |record| {
            change(&mut record.types[resource_type as usize]);
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ledger.close(self.number);
    }
}
