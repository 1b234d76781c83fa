// SPDX-License-Identifier: Apache-2.0
//! `v1` ConfigMap.

use std::collections::BTreeMap;

/// A ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigMap {
    /// `data` and `binaryData` (decoded).
    pub data: BTreeMap<String, Vec<u8>>,
}
