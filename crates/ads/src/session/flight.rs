// SPDX-License-Identifier: Apache-2.0
//! What is on its way to a client, and what the client has.
//!
//! In: resources that are sent. Out: what to go back to when the client refuses them.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use sluicegate_snapshot::{Resource, Version};
use xxhash_rust::xxh64::Xxh64;

/// A response that the client has not answered.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) nonce: u64,
    pub(crate) sent_at: Instant,
    /// Whether it holds resources that are new to the client.
    pub(crate) adds: bool,
    pub(crate) version: Version,
    /// It was all that the client should have: what it lacks, it removes.
    pub(crate) whole: bool,
    pub(crate) parts: Vec<Part>,
}

/// A resource of a response, and what the client had before.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) sent: Arc<Resource>,
    pub(crate) before: Option<Known>,
}

/// What a client has under a name.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What it took last, as far as that is one of ours.
    pub(crate) resource: Option<Arc<Resource>>,
    /// False when it may have another version by now, or none: it refused a response without saying
    /// what of it is in force.
    pub(crate) sure: bool,
}

impl Known {
    /// It has this one.
    pub(crate) fn sure(resource: &Arc<Resource>) -> Self {
        Self {
            resource: Some(resource.clone()),
            sure: true,
        }
    }

    pub(crate) fn is_resource(&self, resource: &Arc<Resource>) -> bool {
        let mine = self.resource.as_ref();
        mine.is_some_and(|mine| Arc::ptr_eq(mine, resource))
    }

    pub(crate) fn is(&self, version: Version) -> bool {
        self.sure
            && self
                .resource
                .as_ref()
                .is_some_and(|it| it.version == version)
    }
}

/// A resource that the client refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The version that was refused.
    pub(crate) version: Version,
    /// The client's words.
    pub(crate) text: String,
}

/// The version of all that a client has.
pub(crate) fn version(known: &BTreeMap<Arc<str>, Known>) -> Version {
    let mut hash = Xxh64::new(0);
    for resource in known.values().filter_map(|it| it.resource.as_ref()) {
        hash.update(resource.name.as_bytes());
        hash.update(&resource.version.0.to_le_bytes());
    }
    Version(hash.digest())
}
