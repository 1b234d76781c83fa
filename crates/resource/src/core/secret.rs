// SPDX-License-Identifier: Apache-2.0
//! `v1` Secret.
//!
//! In: a document. Out: its contents as bytes, never shown.

use std::{collections::BTreeMap, fmt};

use super::config_map::{binary, text};
use crate::{Metadata, admission::Block, decode::Body};

/// A Secret with `data` decoded from base64 and `stringData` laid over it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret {
    /// `type`, default `Opaque`.
    pub secret_type: String,
    /// Contents by key.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl Body for Secret {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        root.accept(&["immutable"]);
        let mut data = root
            .optional("data")
            .map(|field| binary(&field))
            .unwrap_or_default();
        let texts = root.optional("stringData").map(|field| text(&field));
        data.extend(texts.unwrap_or_default());
        Self {
            secret_type: root.string("type").unwrap_or("Opaque").to_owned(),
            data,
        }
    }
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
