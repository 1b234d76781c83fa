// SPDX-License-Identifier: Apache-2.0
//! The life of a connection, and the life of a request.
//!
//! In: an accepted socket. Out: its requests, answered one after the other. [`request`] is the whole
//! story of one of them; each phase is a function of that name in the module of that name.

mod answer;
mod attempt;
mod checkout;
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
    worker::{Mark, Worker},
};

/// Serves a client connection until it ends.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    mark: Rc<Mark>,
    tcp: TcpStream,
    peer: SocketAddr,
    socket: SocketId,
) {
    let Some(established) = establish(&worker, &mark.listener, tcp, peer, socket).await else {
        worker.connections.closed(&mark);
        return;
    };
    let mut session = Session::new(worker, mark, established, socket);
    while session.wait_for_request().await.is_ok() {
        if session.sniff() == Version::Http2 {
            // In a box: a connection of HTTP/1 does not carry the space along.
            Box::pin(http2::serve(&mut session)).await;
            break;
        }
        let mut exchange = session.worker.exchange();
        let after = match request(&mut session, &mut exchange).await {
            Ok(after) => after,
            Err(failure) => answer::failure(&mut session, &mut exchange, failure).await,
        };
        exchange.clear();
        session.worker.recycle(exchange);
        match after {
            After::KeepAlive => {}
            After::Linger => {
                linger::linger(&mut session).await;
                break;
            }
            After::Close => break,
        }
    }
    session.close();
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
    let headed = respond::write_head(session, exchange, &target)?;
    let mut ended = respond::respond(session, exchange, headed).await?;
    if exchange.record.switched {
        Box::pin(tunnel::tunnel(session, exchange)).await?;
        ended = Instant::now();
    }
    Ok(finish::finish(session, exchange, ended))
}
