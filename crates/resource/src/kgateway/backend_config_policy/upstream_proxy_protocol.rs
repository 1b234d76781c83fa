// SPDX-License-Identifier: Apache-2.0
//! `upstreamProxyProtocol`.
//!
//! In: the block, which may be empty. Out: the version.

use crate::admission::Block;

/// PROXY protocol version, default `V1` (CRD default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocolVersion {
    /// Text.
    #[default]
    V1,
    /// Binary.
    V2,
}

impl ProxyProtocolVersion {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let version = block.optional("version");
        version
            .and_then(|field| field.choice(&[("V1", Self::V1), ("V2", Self::V2)]))
            .unwrap_or_default()
    }
}
