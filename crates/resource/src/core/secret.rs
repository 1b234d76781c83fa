// SPDX-License-Identifier: Apache-2.0
//! `v1` Secret.

use std::{collections::BTreeMap, fmt};

/// A Secret with `data` decoded from base64 and `stringData` laid over it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret {
    /// `type`, default `Opaque`.
    pub secret_type: String,
    /// Contents by key.
    pub data: BTreeMap<String, Vec<u8>>,
}

/// Shows the keys, never the contents.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("type", &self.secret_type)
            .field("keys", &self.data.keys())
            .finish()
    }
}
