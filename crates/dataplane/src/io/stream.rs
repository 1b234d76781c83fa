// SPDX-License-Identifier: Apache-2.0
//! A byte stream to a client or to an upstream.
//!
//! In: a connected socket, with or without TLS on it, or one stream of an HTTP/2 connection. Out:
//! polled reads and writes.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::socket;
use crate::{http2::Message, tls::TlsStream};

/// The transports.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Nothing: the HTTP/2 codec took the socket over.
    Gone,
    /// One stream of an HTTP/2 connection.
    Http2(Message),
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS on TCP.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The socket's own address.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
            Self::Gone | Self::Http2(_) => return None,
        };
        tcp.local_addr().ok()
    }

    /// Has the connection end with a reset, once it is dropped.
    pub(crate) fn reset_on_close(&self) {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
            Self::Gone | Self::Http2(_) => return,
        };
        // Of a connection that is gone there is nothing to reset.
        let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
    }

    /// Whether it is a socket without TLS: an error is then a reset by the peer.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Reads into `buffer`; 0 means that the peer closed.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => return tls.poll_read(cx, buffer),
            Self::Http2(message) => return message.poll_read(cx, buffer),
            Self::Gone => return Poll::Ready(Ok(0)),
        };
        socket::poll_read(tcp, cx, buffer)
    }

    /// Reads into a buffer that need not be initialised.
    pub(crate) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Self::Tcp(tcp) = self {
            let before = buffer.filled().len();
            let polled = Pin::new(tcp).poll_read(cx, buffer);
            return polled.map_ok(|()| buffer.filled().len() - before);
        }
        let polled = self.poll_read(cx, buffer.initialize_unfilled());
        polled.map_ok(|count| {
            buffer.advance(count);
            count
        })
    }

    /// Writes `head`, then `body`; returns how many bytes of the two were taken.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        head: &[u8],
        body: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_last(cx, head, body, false)
    }

    /// As `poll_write`; `last` says that nothing follows these bytes, which HTTP/2 can say along
    /// with them.
    pub(crate) fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        head: &[u8],
        body: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => return tls.poll_write(cx, head, body),
            Self::Http2(message) => return message.poll_write(cx, [head, body], last),
            Self::Gone => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        if body.is_empty() {
            socket::poll_write(tcp, cx, head)
        } else if head.is_empty() {
            socket::poll_write(tcp, cx, body)
        } else {
            Pin::new(tcp).poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
        }
    }

    /// The HTTP/2 stream, if it is one.
    pub(crate) fn message(&mut self) -> Option<&mut Message> {
        match self {
            Self::Http2(message) => Some(message),
            _ => None,
        }
    }

    /// Whether it is an HTTP/2 stream.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Whether ALPN chose HTTP/2.
    pub(crate) fn negotiated_http2(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.protocol() == Some(b"h2"))
    }

    /// Ready when the kernel has everything that was taken. Without TLS that is always so.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(tls) => tls.poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ready when there is something to read or the peer closed.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(cx).map(|_| ()),
            Self::Tls(tls) => tls.poll_readable(cx).map(|_| ()),
            Self::Http2(message) => message.poll_readable(cx),
            Self::Gone => Poll::Ready(()),
        }
    }

    /// Whether an idle stream is still usable. Costs no system call unless something happened.
    pub(crate) fn quiet(&mut self) -> bool {
        let tcp = match self {
            Self::Tcp(tcp) => tcp,
            Self::Tls(tls) => return tls.quiet(),
            _ => return true,
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
            _ => Poll::Ready(Ok(())),
        }
    }
}
