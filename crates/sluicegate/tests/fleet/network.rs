// SPDX-License-Identifier: Apache-2.0
//! A network that stalls.
//!
//! In: two ports of this machine. Out: a relay between them that stops to carry anything, without
//! closing, and goes on later.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// The relay; it ends with this handle.
pub(crate) struct Relay {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, opened) = watch::channel(true);
        tokio::spawn(async move {
            let mut gate = opened.clone();
            loop {
                tokio::select! {
                    // Nothing but the end of the handle makes this an error.
                    ended = gate.changed() => if ended.is_err() { return },
                    accepted = listener.accept() => {
                        let client = accepted.unwrap().0;
                        tokio::spawn(carry(client, target, opened.clone()));
                    }
                }
            }
        });
        Self { address, open }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.open.send_replace(!stalled);
    }
}

async fn carry(client: TcpStream, target: SocketAddr, gate: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        pump(from_client, to_server, gate.clone()),
        pump(from_server, to_client, gate),
    );
}

async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut gate: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if gate.wait_for(|open| *open).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
