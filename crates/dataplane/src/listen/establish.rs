// SPDX-License-Identifier: Apache-2.0
//! What happens on a client's connection before its filter chain serves it.
//!
//! In: an accepted socket. Out: a stream, with or without TLS, and the chain for it; or nothing, and
//! the reason in the listener's numbers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    Inspection, Pass, Presence, SocketId, canonical,
    inspect::{Beginning, Useless},
};
use crate::{
    io::Stream,
    log::{Account, Kind},
    plan::{FilterChain, ListenerPlan, Serves, Transport},
    tls::{DownstreamTls, Handshake, NoHello},
    worker::{Mark, Worker},
};

/// A connection that is ready to be served.
pub(crate) struct Established {
    /// Its stream.
    pub(crate) stream: Stream,
    /// What was read of it already.
    pub(crate) beginning: Vec<u8>,
    /// The chain that serves it.
    pub(crate) chain: Arc<FilterChain>,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// What it connected to, where that is not the socket's address.
    pub(crate) local: Option<SocketAddr>,
    /// The name that it asks for, where TLS does not end here.
    pub(crate) server_name: Option<Box<str>>,
    /// Its place under the chain's limit.
    pub(crate) pass: Option<Pass>,
    /// Its place in the listener's numbers.
    pub(crate) presence: Presence,
}

/// Gets a connection ready. A plain one costs nothing here.
pub(crate) async fn establish(
    worker: &Worker,
    mark: &Mark,
    mut tcp: TcpStream,
    mut peer: SocketAddr,
    socket: SocketId,
) -> Option<Established> {
    let listener = &*mark.listener;
    let mut local = None;
    let mut client = Client {
        worker,
        listener,
        socket,
        peer,
        local,
        number: mark.number,
        since: (!listener.logs.is_empty()).then(Instant::now),
        own: listener.logs.reads_ends[0]
            .then(|| tcp.local_addr().ok())
            .flatten(),
    };
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
                client.unserved(Account::default());
                return None;
            }
        }
    }
    (client.peer, client.local) = (peer, local);
    match listener.inspection {
        Some(inspection) => Box::pin(client.inspect(inspection, tcp)).await,
        None => {
            let chain = listener.chains.find(None, false)?.clone();
            client.plain(chain, tcp, Vec::new(), None).await
        }
    }
}

/// A connection and what it came to.
struct Client<'a> {
    worker: &'a Worker,
    listener: &'a ListenerPlan,
    socket: SocketId,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    /// Which connection it is.
    number: u64,
    /// Since when there is one, if the listener logs.
    since: Option<Instant>,
    /// The socket's own address, if the listener logs it.
    own: Option<SocketAddr>,
}

impl Client<'_> {
    /// Looks at what the client begins with.
    async fn inspect(&self, inspection: Inspection, mut tcp: TcpStream) -> Option<Established> {
        let stats = self.worker.listener_stats(&self.socket.stat_name());
        let inspector = &self.worker.inspector_stats;
        let read = inspection.read(&mut tcp, inspector);
        let Beginning { bytes, hello } = match within(self.listener.filters_timeout, read).await {
            Some(Ok(beginning)) => beginning,
            Some(Err(Useless::Closed)) => {
                stats.downstream_listener_filter_remote_close.inc();
                self.unserved(Account::default());
                return None;
            }
            Some(Err(Useless::NoTls)) => {
                stats.downstream_listener_filter_error.inc();
                self.unserved(Account::default());
                return None;
            }
            None => {
                stats.downstream_pre_cx_timeout.inc();
                self.unserved(Account::default());
                return None;
            }
        };
        let name = hello.as_ref().ok().and_then(Handshake::server_name);
        let Some(chain) = self.listener.chains.find(name.as_deref(), hello.is_ok()) else {
            stats.no_filter_chain_match.inc();
            self.unserved(Account {
                flags: "NR",
                details: "filter_chain_not_found",
                server_name: name.map(Into::into),
                ..Account::default()
            });
            return None;
        };
        match &chain.transport {
            Transport::Raw => self.plain(chain.clone(), tcp, bytes, name).await,
            Transport::Tls(tls) => self.encrypted(chain, tls, tcp, hello).await,
            Transport::TlsWithoutSecret => {
                tracing::debug!(listener = %self.listener.name, "a certificate is missing");
                drop(Presence::new(stats));
                self.failed("", name);
                None
            }
        }
    }

    /// A connection without TLS, or with TLS that is none of ours.
    async fn plain(
        &self,
        chain: Arc<FilterChain>,
        mut tcp: TcpStream,
        beginning: Vec<u8>,
        server_name: Option<String>,
    ) -> Option<Established> {
        let presence = self.presence();
        let pass = pass(self.worker, &chain);
        if pass.as_ref().is_some_and(|pass| !pass.is_within_limit()) {
            Box::pin(hold(&chain, &mut tcp)).await;
            self.failed("", server_name);
            return None;
        }
        Some(Established {
            stream: Stream::Tcp(tcp),
            beginning,
            chain,
            peer: self.peer,
            local: self.local,
            server_name: server_name.map(Into::into),
            pass,
            presence,
        })
    }

    /// A connection whose TLS ends here.
    async fn encrypted(
        &self,
        chain: &Arc<FilterChain>,
        tls: &DownstreamTls,
        tcp: TcpStream,
        hello: Result<Handshake, NoHello>,
    ) -> Option<Established> {
        let stats = self.worker.listener_ssl_stats(&self.socket.stat_name());
        let pass = pass(self.worker, chain);
        let presence = self.presence();
        let hello = match hello {
            Ok(hello) => hello,
            Err(NoHello { error, alert }) => {
                error.count(&stats);
                self.failed(error.reason(), None);
                // It is closed in any case.
                let _ = tcp.try_write(&alert);
                return None;
            }
        };
        if pass.as_ref().is_some_and(|pass| !pass.is_within_limit()) {
            sleep(delay(chain)).await;
            self.failed("", hello.server_name());
            return None;
        }
        let name = self.since.and_then(|_| hello.server_name());
        match timeout(chain.handshake_timeout, hello.finish(tcp, tls)).await {
            Ok(Ok(stream)) => {
                stream.count(&stats);
                Some(Established {
                    stream: Stream::Tls(Box::new(stream)),
                    beginning: Vec::new(),
                    chain: chain.clone(),
                    peer: self.peer,
                    local: self.local,
                    server_name: None,
                    pass,
                    presence,
                })
            }
            Ok(Err(error)) => {
                error.count(&stats);
                self.failed(error.reason(), name);
                None
            }
            Err(_) => {
                stats.connection_error.inc();
                self.unserved(Account {
                    termination: "transport socket timeout was reached",
                    server_name: name.map(Into::into),
                    ..Account::default()
                });
                None
            }
        }
    }

    /// Logs a connection that a filter chain would have served.
    fn failed(&self, tls_failure: &'static str, server_name: Option<String>) {
        self.unserved(Account {
            tls_failure,
            server_name: server_name.map(Into::into),
            ..Account::default()
        });
    }

    /// Logs a connection that is not served.
    fn unserved(&self, account: Account) {
        let account = Account {
            since: self.since,
            number: self.number,
            peer: Some(self.peer),
            local: self.local.or(self.own.map(canonical)),
            ..account
        };
        account.write(&self.listener.logs, Kind::Connection);
    }

    fn presence(&self) -> Presence {
        Presence::new(self.worker.listener_stats(&self.socket.stat_name()))
    }
}

/// Counts the connection, if the chain has a limit.
fn pass(worker: &Worker, chain: &FilterChain) -> Option<Pass> {
    let limit = chain.limit.as_ref()?;
    Some(limit.enter(worker.limit_stats(&limit.stat_prefix)))
}

/// How long a connection too many is kept open.
fn delay(chain: &FilterChain) -> Duration {
    let limit = chain.limit.as_ref();
    limit.map_or(Duration::ZERO, |limit| limit.delay)
}

/// Keeps a connection too many open for the limit's delay. Closing it resets it if its client has
/// sent something that was not read; only HTTP reads that while it waits.
async fn hold(chain: &FilterChain, tcp: &mut TcpStream) {
    let delay = delay(chain);
    match chain.serves {
        Serves::Http(_) if !delay.is_zero() => {
            let mut ignored = [0; 1024];
            let ignore = async { while matches!(tcp.read(&mut ignored).await, Ok(1..)) {} };
            let _ = timeout(delay, ignore).await;
        }
        _ => sleep(delay).await,
    }
}

/// `None` when it takes too long.
async fn within<T>(limit: Option<Duration>, what: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout(limit, what).await.ok(),
        None => Some(what.await),
    }
}
