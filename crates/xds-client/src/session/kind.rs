// SPDX-License-Identifier: Apache-2.0
//! What is known of one type.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sluicegate_snapshot::ResourceType;

use super::{Accepted, Request};
use crate::Variant;

/// One type.
#[derive(Debug, Default)]
pub(super) struct Kind {
    /// The last good version of each resource.
    pub(super) accepted: BTreeMap<Arc<str>, Accepted>,
    /// What serves, where that is not what was accepted last.
    pub(super) serving: BTreeMap<Arc<str>, Accepted>,
    /// Version of the last response that was taken as a whole.
    pub(super) version: String,
    /// Nonce of the last response on this stream.
    pub(super) nonce: String,
    /// What was said against the last response.
    pub(super) refusal: Option<String>,
    /// Whether there ever was a response.
    pub(super) answered: bool,
    /// The names that the server of this stream knows we want; `None` before the first request.
    pub(super) asked: Option<BTreeSet<Arc<str>>>,
}

impl Kind {
    /// A request without names.
    pub(super) fn request(&self, resource_type: ResourceType, variant: Variant) -> Request {
        Request {
            resource_type,
            nonce: String::new(),
            refusal: None,
            version: match variant {
                Variant::StateOfTheWorld => self.version.clone(),
                Variant::Delta => String::new(),
            },
            names: Vec::new(),
            subscribe: Vec::new(),
            unsubscribe: Vec::new(),
            initial_versions: BTreeMap::new(),
        }
    }

    /// The server's version of everything that is here.
    pub(super) fn versions(&self) -> BTreeMap<String, String> {
        let known = self.accepted.iter();
        let known = known.filter(|(_, accepted)| !accepted.version.is_empty());
        known
            .map(|(name, accepted)| (name.to_string(), accepted.version.clone()))
            .collect()
    }
}
