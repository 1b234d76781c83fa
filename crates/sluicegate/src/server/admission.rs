// SPDX-License-Identifier: Apache-2.0
//! The admission webhook: `kubectl apply` prints what is wrong.
//!
//! In: reviews of an API server, over TLS. Out: its verdicts; nothing of it depends on the rest of the
//! process.

mod review;

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use sluicegate_admin::Acceptor;
use sluicegate_ads::{Tls, TlsFiles};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{bind_shared, wait};
use crate::failure::Failure;

/// How to answer reviews.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Where to listen.
    pub address: SocketAddr,
    /// The certificate that the API server is told to trust.
    pub tls: TlsFiles,
    /// Lets in what is wrong, with warnings.
    pub warn_only: bool,
}

/// Listens, and answers until `quit` says so. Returns the address.
pub(super) fn start(
    admission: Admission,
    quit: watch::Receiver<bool>,
) -> Result<SocketAddr, Failure> {
    let Admission {
        address,
        tls,
        warn_only,
    } = admission;
    let tls = Tls::read(("admission", "http/1.1"), tls)
        .with_context(|| "--admission-tls-cert and --admission-tls-key")?;
    let listener = bind_shared(address)?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, tls, warn_only, quit));
    Ok(address)
}

async fn serve(listener: TcpListener, mut tls: Tls, warn_only: bool, quit: watch::Receiver<bool>) {
    let connections = Acceptor::new(listener, MAX_CONNECTIONS);
    let mut end = pin!(wait(quit.clone()));
    loop {
        let (stream, place) = tokio::select! {
            () = &mut end => return,
            accepted = connections.accept() => accepted,
        };
        let acceptor = TlsAcceptor::from(tls.current());
        let end = wait(quit.clone());
        tokio::spawn(async move {
            connection(stream, acceptor, warn_only, end).await;
            drop(place);
        });
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    warn_only: bool,
    end: impl Future<Output = ()>,
) {
    let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!("TLS of the admission webhook: {error}");
            return;
        }
        Err(_) => return,
    };
    let service = service_fn(async |request| {
        let (status, text) = answer(request, warn_only).await;
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let json = hyper::header::HeaderValue::from_static("application/json");
        let headers = response.headers_mut();
        headers.insert(hyper::header::CONTENT_TYPE, json);
        Ok::<_, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // The API server comes again; what became of this connection is its business.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = end => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, warn_only: bool) -> (StatusCode, String) {
    let refused = |status, text: &str| (status, serde_json::json!({ "error": text }).to_string());
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "only POST");
    }
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    let Ok(Ok(body)) = timeout(BODY, body).await else {
        return refused(StatusCode::BAD_REQUEST, "the body is too long or too slow");
    };
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(review) => (
            StatusCode::OK,
            review::reviewed(&review, warn_only).to_string(),
        ),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Connections at a time. Ours: an API server keeps a few.
const MAX_CONNECTIONS: u32 = 64;

/// Longest handshake. Ours.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a connection may wait for its next review. Ours, above the API server's 90 seconds.
const IDLE: Duration = Duration::from_secs(120);

/// Longest wait for a body. Ours; an API server waits 30 seconds at most.
const BODY: Duration = Duration::from_secs(10);

/// Longest body: an object of the most that etcd takes, twice, with what JSON adds. Ours.
const MAX_BODY: usize = 8 * 1024 * 1024;
