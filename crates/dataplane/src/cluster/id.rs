// SPDX-License-Identifier: Apache-2.0
//! The number that stands for a cluster name.

/// Position of a cluster in plans and in workers' tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClusterId(u32);

impl ClusterId {
    /// From a position.
    pub(crate) fn new(at: usize) -> Self {
        Self(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// The position.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}
