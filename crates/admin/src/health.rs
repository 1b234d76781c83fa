// SPDX-License-Identifier: Apache-2.0
//! Probes: what a kubelet or a load balancer may ask without the rest of the admin API.
//!
//! In: a bound listener, and the state of the process. Out: `/live`, which answers while the process
//! does, and `/ready`, as the admin API has it.

use std::{convert::Infallible, future::Future, pin::pin, time::Duration};

use hyper::{Method, Request, StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::{Acceptor, Answer, ServerState, View, page::process::readiness};

/// The probes.
#[derive(Debug)]
pub struct Health;

impl Health {
    /// Serves until `shutdown` ends.
    pub async fn serve(
        listener: TcpListener,
        state: View<ServerState>,
        shutdown: impl Future<Output = ()>,
    ) {
        let acceptor = Acceptor::new(listener, MAX_CONNECTIONS);
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, place) = tokio::select! {
                () = &mut shutdown => return,
                accepted = acceptor.accept() => accepted,
            };
            let state = state.clone();
            tokio::spawn(async move {
                let _ = tokio::time::timeout(CONNECTION, probe(stream, state)).await;
                drop(place);
            });
        }
    }
}

async fn probe(stream: TcpStream, state: View<ServerState>) {
    let service = service_fn(async |request: Request<_>| {
        let answer = answer(request.method(), request.uri().path(), &state);
        Ok::<_, Infallible>(answer.into_response())
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever asked has gone: nobody else is concerned.
    let _ = connection.await;
}

fn answer(method: &Method, path: &str, state: &View<ServerState>) -> Answer {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Answer::failure(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    match path {
        "/live" => Answer::text("LIVE\n"),
        "/ready" => readiness(state()),
        _ => Answer::failure(StatusCode::NOT_FOUND, "only /live and /ready\n"),
    }
}

/// Probes at a time. Ours.
const MAX_CONNECTIONS: u32 = 64;

/// How long one may take. Ours, above every sensible timeout of a probe.
const CONNECTION: Duration = Duration::from_secs(10);
