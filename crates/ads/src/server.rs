// SPDX-License-Identifier: Apache-2.0
//! The listening server.
//!
//! In: an address, TLS files, catalogs. Out: streams served until the handle is stopped or dropped.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tonic::transport::{self, server::TcpIncoming};

use crate::{
    gateways::Subscriber,
    incoming::Incoming,
    ledger::Ledger,
    service::Service,
    stats::Stats,
    stream::{Shared, stopped},
    tls::{Tls, TlsError, TlsFiles},
};

/// How often an idle connection is asked whether it lives, and how long it may take to answer. Ours:
/// a node that vanished without a word is noticed within a minute.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// Longest wait for streams to end.
const GOODBYE: Duration = Duration::from_secs(1);

/// Largest request. Ours: names and versions of some 100,000 resources.
const MAX_REQUEST: usize = 16 << 20;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub address: SocketAddr,
    /// TLS; plain text without it, which only loopback addresses may have.
    pub tls: Option<TlsFiles>,
    /// Starts though another process has the address, and takes it when that process leaves it.
    pub wait_for_address: bool,
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Trying again helps when another process has the address and goes.
    #[error("binding ADS to {address}: {error}; is another instance running?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The port may not be opened like this.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running server. It stops when this is dropped.
pub struct Server {
    address: SocketAddr,
    ledger: Ledger,
    running: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Binds and serves.
    ///
    /// # Errors
    /// When the address cannot be bound, or may not be without TLS, or a TLS file is no good.
    pub async fn start(
        options: Options,
        gateways: Subscriber,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let tls = Tls::of_ads(options.address, options.tls)?;
        let server = transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1));
        let address = options.address;
        let bind = |error| StartError::Bind { address, error };
        let (address, listener) = match TcpListener::bind(address).await {
            Ok(listener) => (listener.local_addr().map_err(bind)?, Some(listener)),
            Err(error) if options.wait_for_address && is_taken(&error) => (address, None),
            Err(error) => return Err(bind(error)),
        };
        let ledger = Ledger::default();
        let (running, runs) = watch::channel(true);
        let shared = Arc::new(Shared {
            ledger: ledger.clone(),
            stats: Stats::new(registry),
            running: runs.clone(),
        });
        let service = AggregatedDiscoveryServiceServer::new(Service { shared, gateways })
            .max_decoding_message_size(MAX_REQUEST);
        let task = tokio::spawn(async move {
            let listener = match listener {
                Some(listener) => listener,
                None => when_free(address).await,
            };
            let served = match tls {
                Some(tls) => {
                    let incoming = Incoming::new(listener, tls);
                    let serve =
                        server.serve_with_incoming_shutdown(service, incoming, stopped(runs));
                    serve.await
                }
                None => {
                    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                    let serve =
                        server.serve_with_incoming_shutdown(service, incoming, stopped(runs));
                    serve.await
                }
            };
            if let Err(error) = served {
                tracing::error!("ADS stopped: {error}");
            }
        });
        Ok(Self {
            address,
            ledger,
            running,
            task: Mutex::new(Some(task)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every stream, so that Envoys look for another server, and returns when the address is
    /// free again. A client that does not read its end is not waited for.
    pub async fn stop(&self) {
        self.running.send_replace(false);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut task) = task
            && timeout(GOODBYE, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    /// What the nodes were sent and what they said.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// Binds as soon as another process has left the address.
async fn when_free(address: SocketAddr) -> TcpListener {
    /// Ours: short beside the time after which an Envoy looks for the server again.
    const AGAIN: Duration = Duration::from_millis(50);
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if is_taken(&error) => {}
            Err(error) => {
                tracing::error!("binding ADS to {address}: {error}; no Envoy is served");
                std::future::pending::<()>().await;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
