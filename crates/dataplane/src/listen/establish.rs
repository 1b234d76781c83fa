// SPDX-License-Identifier: Apache-2.0
//! What happens on a client's connection before HTTP.
//!
//! In: an accepted socket. Out: a stream that HTTP is spoken on, with the filter chain that serves
//! it; or nothing, and the reason in the listener's numbers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{Pass, SocketId};
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
    /// Its place under the chain's limit.
    pub(crate) pass: Option<Pass>,
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
        match Box::pin(within(listener.filters_timeout, proxy.read(&mut tcp))).await {
            Some(Ok(None)) => {}
            Some(Ok(Some(origin))) => {
                peer = origin.source;
                local = Some(origin.destination);
            }
            refused => {
                let stats = worker.listener_stats(&socket.stat_name());
                stats.downstream_cx_total.inc();
                stats.downstream_cx_destroy.inc();
                if refused.is_none() {
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
    let pass = pass(worker, &chain);
    if let Some(pass) = &pass
        && !pass.is_within_limit()
    {
        let stats = worker.listener_stats(&socket.stat_name());
        stats.downstream_cx_total.inc();
        Box::pin(hold(&chain, &mut tcp)).await;
        stats.downstream_cx_destroy.inc();
        return None;
    }
    let stream = Stream::Tcp(tcp);
    Some(Established {
        stream,
        chain,
        peer,
        local,
        pass,
    })
}

/// Counts the connection, if the chain has a limit.
fn pass(worker: &Worker, chain: &FilterChain) -> Option<Pass> {
    let limit = chain.limit.as_ref()?;
    Some(limit.enter(worker.limit_stats(&limit.stat_prefix)))
}

/// Keeps a connection too many open for the limit's delay. Without one, closing it resets it if its
/// client has sent something.
async fn hold(chain: &FilterChain, tcp: &mut TcpStream) {
    let delay = chain
        .limit
        .as_ref()
        .map_or(Duration::ZERO, |limit| limit.delay);
    if !delay.is_zero() {
        let mut ignored = [0; 1024];
        let ignore = async { while matches!(tcp.read(&mut ignored).await, Ok(1..)) {} };
        let _ = timeout(delay, ignore).await;
    }
}

async fn tls(
    worker: &Worker,
    listener: &ListenerPlan,
    tcp: TcpStream,
    peer: SocketAddr,
    prefix: &str,
) -> Option<Established> {
    let stats = worker.listener_ssl_stats(prefix);
    let hello = match within(listener.filters_timeout, Handshake::begin(tcp)).await {
        Some(Ok(hello)) => hello,
        Some(Err(error)) => {
            error.count(&stats);
            return None;
        }
        None => {
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
    let pass = pass(worker, chain);
    if pass.as_ref().is_some_and(|pass| !pass.is_within_limit()) {
        let delay = chain
            .limit
            .as_ref()
            .map_or(Duration::ZERO, |limit| limit.delay);
        sleep(delay).await;
        return None;
    }
    match timeout(chain.handshake_timeout, hello.finish(tls)).await {
        Ok(Ok(stream)) => {
            stream.count(&stats);
            Some(Established {
                stream: Stream::Tls(Box::new(stream)),
                chain: chain.clone(),
                peer,
                local: None,
                pass,
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

/// `None` when it takes too long.
async fn within<T>(limit: Option<Duration>, what: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout(limit, what).await.ok(),
        None => Some(what.await),
    }
}
