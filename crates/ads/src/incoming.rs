// SPDX-License-Identifier: Apache-2.0
//! Connections that come in, with TLS where it is wanted.
//!
//! In: a listening socket. Out: connections whose handshake is done. A slow handshake delays nobody.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::codegen::tokio_stream::Stream;

use crate::tls::Tls;

/// Longest handshake. Ours.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at a time; who comes then waits in the socket's queue. Ours: a whole fleet that comes
/// back at once is served in a few rounds.
const HANDSHAKES: usize = 256;

/// The connections of a TLS port.
pub(crate) struct Incoming {
    listener: TcpListener,
    tls: Tls,
    handshakes: JoinSet<Option<TlsStream<TcpStream>>>,
}

impl Incoming {
    pub(crate) fn new(listener: TcpListener, tls: Tls) -> Self {
        Self {
            listener,
            tls,
            handshakes: JoinSet::new(),
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            while self.handshakes.len() < HANDSHAKES {
                match self.listener.poll_accept(cx) {
                    Poll::Ready(Ok((tcp, _))) => {
                        let acceptor = TlsAcceptor::from(self.tls.current());
                        self.handshakes.spawn(handshake(acceptor, tcp));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Pending => break,
                }
            }
            match self.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Some(stream)))) => return Poll::Ready(Some(Ok(stream))),
                // Whoever failed has made room for another one.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

async fn handshake(acceptor: TlsAcceptor, tcp: TcpStream) -> Option<TlsStream<TcpStream>> {
    let _ = tcp.set_nodelay(true);
    let peer = tcp.peer_addr().ok()?;
    match timeout(HANDSHAKE, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::warn!("TLS with {peer} for ADS: {error}");
            None
        }
        Err(_) => {
            tracing::warn!("TLS with {peer} for ADS: nothing came within {HANDSHAKE:?}");
            None
        }
    }
}
