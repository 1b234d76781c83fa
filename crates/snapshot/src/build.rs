// SPDX-License-Identifier: Apache-2.0
//! Building a snapshot.
//!
//! In: resources in any order. Out: a snapshot whose version depends on content only.

use std::{collections::BTreeMap, sync::Arc};

use xxhash_rust::xxh64::{Xxh64, xxh64};

use crate::{Resource, ResourceType, Snapshot, Version};

/// Collects resources. Of two with one type and name, the first stays.
#[derive(Debug, Default)]
pub struct Builder {
    resources: [BTreeMap<Arc<str>, Arc<Resource>>; 5],
}

impl Builder {
    /// Adds a resource.
    pub fn add(&mut self, resource: Arc<Resource>) {
        self.resources[resource.resource_type as usize]
            .entry(resource.name.clone())
            .or_insert(resource);
    }

    /// The finished set.
    pub fn build(self) -> Snapshot {
        let mut hash = Xxh64::new(0);
        for resource in self.resources.iter().flat_map(BTreeMap::values) {
            hash.update(&[resource.resource_type as u8]);
            hash.update(resource.name.as_bytes());
            hash.update(&resource.version.0.to_le_bytes());
        }
        Snapshot {
            version: Version(hash.digest()),
            resources: self.resources,
        }
    }
}

impl Resource {
    /// A resource whose version is the hash of `body`, mixed with `depends_on` (0 for nothing).
    pub fn new(
        resource_type: ResourceType,
        name: &str,
        body: Vec<u8>,
        depends_on: Version,
    ) -> Self {
        let version = Version(xxh64(&body, depends_on.0));
        Self {
            resource_type,
            name: name.into(),
            version,
            body: body.into(),
        }
    }
}
