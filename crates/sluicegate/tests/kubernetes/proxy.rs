// SPDX-License-Identifier: Apache-2.0
//! A bad line to an API server.
//!
//! In: a port of this machine. Out: another one that leads there, slowly, for a while, or not at all.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The line; it ends with the test.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<watch::Sender<Line>>,
    task: JoinHandle<()>,
}

/// How the line is doing.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Before each piece that is passed on.
    delay: Duration,
    /// New connections are closed at once.
    closed: bool,
    /// Grows when running connections are cut.
    cuts: u64,
}

impl Proxy {
    /// A good line to `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let line = Arc::new(watch::Sender::new(Line::default()));
        let task = tokio::spawn(accept(listener, port, line.clone()));
        Self {
            port: own_port,
            line,
            task,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits this long before each piece.
    pub(crate) fn slow(&self, delay: Duration) {
        self.line.send_modify(|line| line.delay = delay);
    }

    /// Cuts every running connection.
    pub(crate) fn cut(&self) {
        self.line.send_modify(|line| line.cuts += 1);
    }

    /// Cuts every connection and lets nobody in until [`Proxy::open`].
    pub(crate) fn close(&self) {
        self.line.send_modify(|line| line.closed = true);
        self.cut();
    }

    /// Lets everybody in again.
    pub(crate) fn open(&self) {
        self.line.send_modify(|line| line.closed = false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, line: Arc<watch::Sender<Line>>) {
    while let Ok((client, _)) = listener.accept().await {
        if line.borrow().closed {
            continue;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
            continue;
        };
        let mut cut = line.subscribe();
        let cuts = cut.borrow_and_update().cuts;
        let line = line.clone();
        tokio::spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::select! {
                () = pass(from_client, to_server, &line) => {}
                () = pass(from_server, to_client, &line) => {}
                _ = cut.wait_for(|line| line.cuts > cuts) => {}
            }
        });
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    line: &watch::Sender<Line>,
) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let delay = line.borrow().delay;
        tokio::time::sleep(delay).await;
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
