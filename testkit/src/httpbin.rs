// SPDX-License-Identifier: Apache-2.0
//! An origin in the manner of httpbin.
//!
//! In: HTTP/1.1, or HTTP/2 without TLS. Out: answers that say what arrived, as JSON in httpbin's
//! shape. Every answer carries `x-connection-id` and `x-request-number`, counted from 1, so that a
//! test sees through a proxy which connections it keeps.

mod page;
mod request;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinSet};

use request::Request;

/// The origin; it stops when dropped.
#[derive(Debug)]
pub struct Httpbin {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    healthy: AtomicBool,
    connections: AtomicU64,
    open_connections: AtomicU64,
    requests: AtomicU64,
}

impl Httpbin {
    /// Starts at an address; port 0 picks a free one. `/hostname` answers `httpbin`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        Self::start_as("httpbin", address).await
    }

    /// Starts with a name for `/hostname`, to tell origins apart.
    ///
    /// # Errors
    /// As [`Httpbin::start`].
    pub async fn start_as(name: &str, address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("bind {address}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            healthy: true.into(),
            connections: 0.into(),
            open_connections: 0.into(),
            requests: 0.into(),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Relaxed)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        self.shared.open_connections.load(Relaxed)
    }

    /// Requests received so far, those to `/healthz` included.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Relaxed)
    }

    /// Makes `/healthz` answer 200 or 503.
    pub fn set_healthy(&self, healthy: bool) {
        self.shared.healthy.store(healthy, Relaxed);
    }
}

impl Drop for Httpbin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut running = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let open = Arc::new(Open::new(shared.clone()));
        running.spawn(async move {
            let service = service_fn(move |request| open.clone().answer(peer, request));
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while running.try_join_next().is_some() {}
    }
}

/// An open connection.
struct Open {
    shared: Arc<Shared>,
    id: u64,
    requests: AtomicU64,
}

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open_connections.fetch_add(1, Relaxed);
        Self {
            id: shared.connections.fetch_add(1, Relaxed) + 1,
            requests: 0.into(),
            shared,
        }
    }

    async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<page::Body>, Infallible> {
        self.shared.requests.fetch_add(1, Relaxed);
        let number = self.requests.fetch_add(1, Relaxed) + 1;
        let request = Request::read(peer, request).await;
        let mut response = page::answer(&self.shared, &request).await;
        let headers = response.headers_mut();
        headers.insert("x-connection-id", self.id.into());
        headers.insert("x-request-number", number.into());
        Ok(response)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open_connections.fetch_sub(1, Relaxed);
    }
}
