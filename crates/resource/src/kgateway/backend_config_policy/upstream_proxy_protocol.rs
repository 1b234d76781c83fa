// SPDX-License-Identifier: Apache-2.0
//! `upstreamProxyProtocol`.

/// PROXY protocol version, default `V1` (CRD default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocolVersion {
    /// Text.
    #[default]
    V1,
    /// Binary.
    V2,
}
