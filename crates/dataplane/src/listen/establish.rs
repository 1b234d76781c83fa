// SPDX-License-Identifier: Apache-2.0
//! What happens on a client's connection before HTTP.
//!
//! In: an accepted socket. Out: a stream that HTTP is spoken on, with the filter chain that serves
//! it; or nothing, and the reason in the listener's numbers.

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpStream, time::timeout};

use super::SocketId;
use crate::{
    io::Stream,
    plan::{FilterChain, ListenerPlan, Transport},
    tls::Handshake,
    worker::Worker,
};

/// A connection that is ready for HTTP.
pub(crate) struct Established {
    /// Its stream.
    pub(crate) stream: Stream,
    /// The chain that serves it.
    pub(crate) chain: Arc<FilterChain>,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// What it connected to, where that is not the socket's address.
    pub(crate) local: Option<SocketAddr>,
}

/// Gets a connection ready. A plain one costs nothing here.
pub(crate) async fn establish(
    worker: &Worker,
    listener: &ListenerPlan,
    mut tcp: TcpStream,
    mut peer: SocketAddr,
    socket: SocketId,
) -> Option<Established> {
    let mut local = None;
    if let Some(proxy) = listener.proxy_protocol {
        match Box::pin(timeout(HELLO, proxy.read(&mut tcp))).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(origin))) => {
                peer = origin.source;
                local = Some(origin.destination);
            }
            refused => {
                let stats = worker.listener_stats(&socket.stat_name());
                stats.downstream_cx_total.inc();
                stats.downstream_cx_destroy.inc();
                if refused.is_err() {
                    stats.downstream_pre_cx_timeout.inc();
                }
                return None;
            }
        }
    }
    if listener.chains.tls {
        let prefix = socket.stat_name();
        let established = Box::pin(tls(worker, listener, tcp, peer, &prefix)).await;
        if established.is_none() {
            let stats = worker.listener_stats(&prefix);
            stats.downstream_cx_total.inc();
            stats.downstream_cx_destroy.inc();
        }
        return established.map(|one| Established { peer, local, ..one });
    }
    let chain = listener.chains.find(None)?.clone();
    let stream = Stream::Tcp(tcp);
    Some(Established {
        stream,
        chain,
        peer,
        local,
    })
}

async fn tls(
    worker: &Worker,
    listener: &ListenerPlan,
    tcp: TcpStream,
    peer: SocketAddr,
    prefix: &str,
) -> Option<Established> {
    let stats = worker.listener_ssl_stats(prefix);
    let hello = match timeout(HELLO, Handshake::begin(tcp)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => {
            error.count(&stats);
            return None;
        }
        Err(_) => {
            worker
                .listener_stats(prefix)
                .downstream_pre_cx_timeout
                .inc();
            return None;
        }
    };
    let Some(chain) = listener.chains.find(hello.server_name().as_deref()) else {
        worker.listener_stats(prefix).no_filter_chain_match.inc();
        return None;
    };
    let Transport::Tls(tls) = &chain.transport else {
        tracing::debug!(listener = %listener.name, "a certificate is missing");
        return None;
    };
    match timeout(chain.handshake_timeout, hello.finish(tls)).await {
        Ok(Ok(stream)) => {
            stream.count(&stats);
            Some(Established {
                stream: Stream::Tls(Box::new(stream)),
                chain: chain.clone(),
                peer,
                local: None,
            })
        }
        Ok(Err(error)) => {
            error.count(&stats);
            None
        }
        Err(_) => {
            stats.connection_error.inc();
            None
        }
    }
}

/// Envoy default of `listener_filters_timeout`.
const HELLO: std::time::Duration = std::time::Duration::from_secs(15);
