// SPDX-License-Identifier: Apache-2.0
//! What a client begins with (`envoy.filters.listener.tls_inspector`).
//!
//! In: an accepted socket. Out: the client's hello, if it speaks TLS, and the bytes that were read,
//! which belong to whoever serves the connection.

use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    stats::InspectorStats,
    tls::{Handshake, Hello, NoHello, TlsError},
};

/// The setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// `max_client_hello_size`: bytes that are read to find a hello. Envoy's default is 16 KiB.
    pub(crate) longest: usize,
    /// `close_connection_on_client_hello_parsing_errors`: only TLS is served.
    pub(crate) strict: bool,
    /// It is a filter of the listener, and counts. Else a chain alone wants a handshake.
    pub(crate) counted: bool,
}

/// What was read.
pub(super) struct Beginning {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// What it is.
    pub(super) hello: Result<Handshake, NoHello>,
}

/// The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Useless {
    /// The client closed it before there was enough.
    Closed,
    /// It does not speak TLS.
    NoTls,
}

impl Default for Inspection {
    fn default() -> Self {
        Self {
            longest: LONGEST,
            strict: false,
            counted: true,
        }
    }
}

impl Inspection {
    /// For a listener without the filter.
    pub(crate) fn uncounted() -> Self {
        Self {
            counted: false,
            ..Self::default()
        }
    }

    /// Reads until it is clear what the client speaks.
    pub(super) async fn read(
        self,
        tcp: &mut TcpStream,
        stats: &InspectorStats,
    ) -> Result<Beginning, Useless> {
        let mut bytes = Vec::new();
        let mut hello = Hello::default();
        let said = loop {
            let mut piece = [0; PIECE];
            let room = PIECE.min(self.longest - bytes.len());
            let count = match tcp.read(&mut piece[..room]).await {
                Ok(count) if count > 0 => count,
                _ => return Err(Useless::Closed),
            };
            bytes.extend_from_slice(&piece[..count]);
            match hello.read(&piece[..count]) {
                Ok(None) if bytes.len() < self.longest => {}
                Ok(Some(hello)) => break Ok(hello),
                Err(no_hello) => break Err(no_hello),
                Ok(None) => {
                    self.count(|| stats.client_hello_too_large.inc());
                    break Err(NoHello {
                        error: TlsError::Other,
                        alert: Vec::new(),
                    });
                }
            }
        };
        self.count(|| count(stats, &said));
        if said.is_err() && self.strict {
            return Err(Useless::NoTls);
        }
        Ok(Beginning { bytes, hello: said })
    }

    fn count(self, count: impl FnOnce()) {
        if self.counted {
            count();
        }
    }
}

fn count(stats: &InspectorStats, hello: &Result<Handshake, NoHello>) {
    let Ok(hello) = hello else {
        stats.tls_not_found.inc();
        return;
    };
    stats.tls_found.inc();
    if hello.server_name().is_some() {
        stats.sni_found.inc();
    } else {
        stats.sni_not_found.inc();
    }
    if hello.has_alpn() {
        stats.alpn_found.inc();
    } else {
        stats.alpn_not_found.inc();
    }
}

/// Envoy's default.
const LONGEST: usize = 16 * 1024;
/// Ours: a usual hello at once. The TLS library takes as much in one go.
const PIECE: usize = 4096;
