// SPDX-License-Identifier: Apache-2.0
//! An encrypted stream after its handshake.
//!
//! In: a finished handshake of either side. Out: the same polled reads and writes that a plain
//! socket has. A write may leave ciphertext behind; `poll_flush` says when the kernel has it all.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use rustls::ProtocolVersion;
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::count::count;
use crate::stats::SslStats;

/// The stream.
#[derive(Debug)]
pub(crate) struct TlsStream(tokio_rustls::TlsStream<TcpStream>);

/// What a handshake came to.
#[derive(Debug)]
pub(crate) struct TlsFacts {
    /// The version, in Envoy's words.
    pub(crate) version: Option<&'static str>,
    /// The name that the client asked for.
    pub(crate) server_name: Option<Box<str>>,
}

impl TlsStream {
    /// After a handshake of either side.
    pub(super) fn new(stream: impl Into<tokio_rustls::TlsStream<TcpStream>>) -> Self {
        Self(stream.into())
    }

    /// The socket.
    pub(crate) fn tcp(&self) -> &TcpStream {
        self.0.get_ref().0
    }

    /// Counts its handshake.
    pub(crate) fn count(&self, stats: &SslStats) {
        count(self.0.get_ref().1, stats);
    }

    /// What its handshake came to.
    pub(crate) fn facts(&self) -> TlsFacts {
        let server_name = match &self.0 {
            tokio_rustls::TlsStream::Server(server) => server.get_ref().1.server_name(),
            tokio_rustls::TlsStream::Client(_) => None,
        };
        TlsFacts {
            version: match self.0.get_ref().1.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                _ => None,
            },
            server_name: server_name.map(Into::into),
        }
    }

    /// What ALPN chose.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    /// Reads what has arrived, several records if they fit.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        loop {
            let before = buffer.filled().len();
            match Pin::new(&mut self.0).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                    if buffer.remaining() == 0 {
                        return Poll::Ready(Ok(buffer.filled().len()));
                    }
                }
                // The end, or the error, comes again at the next read.
                _ if before > 0 => return Poll::Ready(Ok(before)),
                other => return other.map_ok(|()| 0),
            }
        }
    }

    /// Takes bytes of `head`, then of `body`.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        head: &[u8],
        body: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
    }

    /// Ready when the kernel has everything that was written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    /// Ready when there is plaintext to read or the peer closed; session tickets are not that.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_fill_buf(cx).map_ok(|_| ())
    }

    /// Whether nothing has arrived on an idle stream, apart from session tickets.
    pub(crate) fn quiet(&mut self) -> bool {
        self.poll_readable(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    }

    /// Sends `close_notify` and FIN.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
