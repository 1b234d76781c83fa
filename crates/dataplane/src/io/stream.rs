// SPDX-License-Identifier: Apache-2.0
//! A byte stream to a client or to an upstream.
//!
//! In: a connected socket, with or without TLS on it. Out: polled reads and writes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use crate::tls::TlsStream;

/// The transports.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS on TCP.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The socket.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Reads into `buffer`; 0 means that the peer closed.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(tcp) => {
                let mut buffer = ReadBuf::new(buffer);
                // Not `try_read`: only this one learns from a short read that the socket is
                // drained, which saves a system call per request.
                Pin::new(tcp)
                    .poll_read(cx, &mut buffer)
                    .map_ok(|()| buffer.filled().len())
            }
            Self::Tls(tls) => tls.poll_read(cx, buffer),
        }
    }

    /// Writes `head`, then `body`; returns how many bytes of the two were taken.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        head: &[u8],
        body: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tcp = match self {
            Self::Tcp(tcp) => Pin::new(tcp),
            Self::Tls(tls) => return tls.poll_write(cx, head, body),
        };
        if body.is_empty() {
            tcp.poll_write(cx, head)
        } else if head.is_empty() {
            tcp.poll_write(cx, body)
        } else {
            tcp.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
        }
    }

    /// Ready when the kernel has everything that was taken. Without TLS that is always so.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Ready when there is something to read or the peer closed.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(cx),
            Self::Tls(tls) => tls.poll_readable(cx),
        }
    }

    /// Whether an idle stream is still usable. Costs no system call unless something happened.
    pub(crate) fn quiet(&mut self) -> bool {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => return tls.quiet(),
        };
        let looked = tcp.try_io(Interest::READABLE, || Ok(()));
        if looked.is_err() {
            return true;
        }
        // Readiness may be left over from a read that filled its buffer: look for real.
        let mut byte = [0];
        matches!(tcp.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends FIN, after `close_notify` if there is TLS.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => tls.poll_shutdown(cx),
        }
    }
}
