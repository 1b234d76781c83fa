// SPDX-License-Identifier: Apache-2.0
//! The server.
//!
//! In: a bound listener, the views, and a future that ends when the process should. Out: answers;
//! a connection that misbehaves or a page that panics takes nothing else down.

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, watch},
};

use crate::{Acceptor, Answer, Views, answer::Chunks, request::Request, router::Router};

/// The admin API.
pub struct Admin {
    router: Arc<Router>,
}

impl Admin {
    /// Serves until `shutdown` ends, then lets running requests finish.
    pub async fn serve(listener: TcpListener, views: Views, shutdown: impl Future<Output = ()>) {
        let mut snapshots = views.snapshots.clone();
        let admin = Self {
            router: Arc::new(Router::new(views)),
        };
        let acceptor = Acceptor::new(listener, MAX_CONNECTIONS);
        let (stop, stopped) = watch::channel(());
        let mut shutdown = pin!(shutdown);
        let mut publishing = true;
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                changed = snapshots.changed(), if publishing => {
                    publishing = changed.is_some();
                    let router = admin.router.clone();
                    tokio::task::spawn_blocking(move || router.observe_snapshot());
                }
                (stream, place) = acceptor.accept() => admin.spawn(stream, place, stopped.clone()),
            }
        }
        drop(stopped);
        let _ = stop.send(());
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, acceptor.drained()).await;
    }

    /// Runs a connection as a task of its own.
    fn spawn(
        &self,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
        mut stopped: watch::Receiver<()>,
    ) {
        let router = self.router.clone();
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| answer(router.clone(), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            let stop = async {
                let _ = stopped.changed().await;
                tokio::time::sleep(FIRST_REQUEST).await;
            };
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

/// Pages run on a blocking thread: a dump of ten thousand clusters must not hold up health checks.
async fn answer(
    router: Arc<Router>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Chunks>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let answer = match body {
        Err(_) => Answer::failure(StatusCode::REQUEST_TIMEOUT, "request timeout"),
        Ok(Err(_)) => Answer::failure(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"),
        Ok(Ok(body)) => {
            let request = Request::new(&parts, &body.to_bytes());
            tokio::task::spawn_blocking(move || router.answer(&request))
                .await
                .unwrap_or_else(|_| {
                    Answer::failure(StatusCode::INTERNAL_SERVER_ERROR, "the page failed\n")
                })
        }
    };
    Ok(answer.into_response())
}

/// Limits of ours: an admin client is a person, a scraper or a script.
const MAX_CONNECTIONS: u32 = 256;
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// At the end, for the request of a client that has just been accepted.
const FIRST_REQUEST: Duration = Duration::from_millis(100);
