// SPDX-License-Identifier: Apache-2.0
//! The terms on which a connection was made.
//!
//! In: a request and its cluster. Out: what a connection must have been made for to serve it: a
//! host's pool keeps connections of different lanes apart.

use std::sync::Arc;

use crate::connect::Origin;

/// The terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    /// What is spoken.
    pub(crate) protocol: Protocol,
    /// Whose connection it is, where the upstream is told (PROXY protocol).
    pub(crate) origin: Option<Origin>,
    /// The name that TLS asks for, where requests decide it (`auto_sni`).
    pub(crate) server_name: Option<Arc<str>>,
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// HTTP/1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// What ALPN says, else HTTP/1 (`auto_config`).
    Negotiated,
    /// Bytes.
    Tcp,
}

impl Protocol {
    /// Whether its connections to a host are a pool for `max_connection_pools`, which is for
    /// requests.
    pub(super) fn is_limited_pool(self) -> bool {
        self != Self::Tcp
    }
}
