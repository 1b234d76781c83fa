// SPDX-License-Identifier: Apache-2.0
//! The life of a connection, and the life of a request.
//!
//! In: an accepted socket. Out: its requests, answered one after the other. [`request`] is the whole
//! story of one of them; each phase is a function of that name in the module of that name.

mod access_log;
mod admission;
mod answer;
mod attempt;
mod bandwidth_limit;
mod checkout;
mod compressor;
mod custom_response;
mod exchange;
mod facts;
mod fault;
mod filters;
mod finish;
mod forward_body;
mod grpc_timeout;
mod hash;
mod http2;
mod lifetime;
mod linger;
mod match_route;
mod mirror;
mod pick_host;
mod pump;
mod rate_limit;
mod receive_head;
mod receive_response_head;
mod request_buffer;
mod respond;
mod retry;
mod send_head;
mod session;
mod stream_tasks;
mod tcp_proxy;
mod trace;
mod tunnel;

use std::{net::SocketAddr, rc::Rc};

use tokio::{net::TcpStream, time::Instant};

pub(crate) use exchange::Exchange;
pub(crate) use stream_tasks::StreamTasks;

use crate::{
    failure::Failure,
    life::{
        match_route::Found,
        session::{After, Session, Version},
    },
    listen::{SocketId, establish},
    plan::Serves,
    worker::{Mark, Worker},
};

/// Serves a client connection until it ends.
pub(crate) fn serve(
    worker: Rc<Worker>,
    mark: Rc<Mark>,
    tcp: TcpStream,
    peer: SocketAddr,
    socket: SocketId,
) -> impl Future<Output = ()> {
    // In a box, which goes when it is over: an idle connection does not carry the space along.
    let began = Box::pin(begin(worker, mark, tcp, peer, socket));
    async {
        if let Some(mut session) = began.await {
            http(&mut session).await;
            session.close();
        }
    }
}

/// Up to the first request, if there will be one; nothing else is left to do otherwise.
async fn begin(
    worker: Rc<Worker>,
    mark: Rc<Mark>,
    tcp: TcpStream,
    peer: SocketAddr,
    socket: SocketId,
) -> Option<Session> {
    let Some(established) = establish(&worker, &mark, tcp, peer, socket).await else {
        worker.connections.closed(&mark);
        return None;
    };
    match &established.chain.serves {
        Serves::Http(manager) => {
            let manager = manager.clone();
            Some(Session::new(worker, mark, established, manager, socket))
        }
        Serves::Tcp(proxy) => {
            let proxy = proxy.clone();
            tcp_proxy::serve(worker, mark, established, proxy, socket).await;
            None
        }
    }
}

/// Request by request.
async fn http(session: &mut Session) {
    while session.wait_for_request().await.is_ok() {
        if session.sniff() == Version::Http2 {
            // In a box: a connection of HTTP/1 does not carry the space along.
            Box::pin(http2::serve(session)).await;
            break;
        }
        let mut exchange = session.worker.exchange();
        let after = match request(session, &mut exchange).await {
            Ok(after) => after,
            Err(failure) => answer::failure(session, &mut exchange, failure).await,
        };
        if exchange.log.wanted {
            access_log::write(session, &exchange);
        }
        exchange.clear();
        session.worker.recycle(exchange);
        match after {
            After::KeepAlive => {}
            After::Linger => {
                linger::linger(session).await;
                session.stats.downstream_cx_destroy_local.inc();
                break;
            }
            After::Close => break,
        }
    }
}

/// The life of a request.
async fn request(session: &mut Session, exchange: &mut Exchange) -> Result<After, Failure> {
    receive_head::receive_head(session, exchange).await?;
    if exchange.request.redirect {
        return answer::to_normal_path(session, exchange).await;
    }
    let routes = session.routes();
    let found = match_route::match_route(session, exchange, &routes)?;
    if exchange.record.filters.is_some() {
        // In a box: a request without filters does not carry the space along.
        Box::pin(filters::request(session, exchange)).await?;
        exchange.record.prompt = None;
    }
    let route = match found {
        Found::Forward(route) => route,
        Found::Answer(route) => return answer::route(session, exchange, route).await,
    };
    let mut target = pick_host::pick_host(session, exchange, route)?;
    retry::begin(session, exchange, &target);
    send_head::write_head(session, exchange, &target)?;
    let mut outcome = attempt::attempt(session, exchange, &target).await;
    while exchange.retry.keeps() && retry::again(session, exchange, &target, &outcome) {
        // In a box: a request without retries does not carry the space along.
        outcome = Box::pin(retry::attempt(session, exchange, &mut target)).await;
    }
    outcome?;
    if exchange.record.filters.is_some()
        && let Some(after) = Box::pin(custom_response::of_upstream(session, exchange)).await
    {
        return Ok(after);
    }
    let headed = respond::write_head(session, exchange, &target)?;
    let mut ended = respond::respond(session, exchange, headed).await?;
    if exchange.record.ends_in_trailers
        && let Some(admission) = &target.cluster.admission
    {
        admission::trailed(exchange, admission);
    }
    trace::note_trailers(exchange);
    if exchange.log.wanted {
        exchange.log.trailers = admission::trailers(exchange);
    }
    if exchange.record.switched {
        Box::pin(tunnel::tunnel(session, exchange)).await?;
        ended = Instant::now();
    }
    Ok(finish::finish(session, exchange, ended))
}
