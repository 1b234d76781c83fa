// SPDX-License-Identifier: Apache-2.0
//! What the client says about itself.
//!
//! In: its events. Out: values for the admin API.

use std::sync::{Arc, Mutex, PoisonError};

use sluicegate_snapshot::ResourceType;

/// Where the client stands.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The server that is, or was last, connected to.
    pub server: String,
    /// Whether it is there.
    pub connected: bool,
    /// Why it is not.
    pub error: String,
    /// Each type, in the order of [`ResourceType::ALL`].
    pub types: [TypeStatus; 5],
}

/// One type.
#[derive(Debug, Clone, Default)]
pub struct TypeStatus {
    /// The server's version of the last response that was taken as a whole.
    pub version: String,
    /// Resources that were accepted.
    pub accepted: usize,
    /// What was said against the last response; empty if it was taken as a whole.
    pub refusal: String,
}

impl Status {
    /// The status of one type.
    pub fn of(&self, resource_type: ResourceType) -> &TypeStatus {
        &self.types[resource_type as usize]
    }
}

/// The status as the client changes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Status>>);

impl Board {
    pub(crate) fn read(&self) -> Status {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
