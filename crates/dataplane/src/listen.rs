// SPDX-License-Identifier: Apache-2.0
//! Listening sockets and accepting.
//!
//! In: addresses on the control side, sockets on the workers. Out: one connection task per client.

mod establish;
mod proxy_protocol;
mod socket;

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    time::Duration,
};

use tokio::net::TcpListener;

pub(crate) use establish::{Established, establish};
pub(crate) use proxy_protocol::ProxyProtocol;
#[cfg(feature = "fuzzing")]
pub(crate) use proxy_protocol::{of_block, of_line};
pub(crate) use socket::{SocketId, bind};

use crate::{life, worker::Worker};

/// Puts a socket on the worker's event loop.
pub(crate) fn adopt(socket: StdListener) -> io::Result<TcpListener> {
    TcpListener::from_std(socket)
}

/// An IPv4 client of an IPv6 socket is an IPv4 client.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Accepts until aborted. Each connection is served under the listener that owns the address then.
pub(crate) async fn accept(worker: Rc<Worker>, socket: TcpListener, id: SocketId) {
    loop {
        match socket.accept().await {
            Ok((tcp, peer)) => {
                let plan = worker.plan();
                let owner = plan
                    .listeners
                    .iter()
                    .find(|listener| listener.address == id.configured);
                if let Some(listener) = owner {
                    let peer = canonical(peer);
                    let connection = life::serve(worker.clone(), listener.clone(), tcp, peer, id);
                    tokio::task::spawn_local(connection);
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: other connections must end first.
                tracing::warn!(%error, address = %id.bound, "accepting failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
