// SPDX-License-Identifier: Apache-2.0
//! An origin that follows a script.
//!
//! In: a function from a received request to a [`Step`]. Out: whatever the script says, byte for
//! byte, and a record of everything received.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Result;
use socket2::SockRef;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::Message;

/// A request that reached the origin.
#[derive(Debug, Clone)]
pub struct Received {
    /// Number of its connection, from 0.
    pub connection: usize,
    /// Number of the request on that connection, from 0.
    pub number: usize,
    /// The request.
    pub message: Message,
}

/// What the origin does next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends bytes and waits for the next request.
    Respond(Vec<u8>),
    /// Sends bytes and closes.
    RespondAndClose(Vec<u8>),
    /// Sends pieces, each after a pause, and waits for the next request.
    Drip(Vec<(Duration, Vec<u8>)>),
    /// Closes without an answer.
    Close,
    /// Sends bytes (none, perhaps) and resets the connection.
    Reset(Vec<u8>),
    /// Never answers.
    Stall,
}

impl Step {
    /// A response with a length.
    pub fn response(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
        Self::Respond(text.into_bytes())
    }

    /// `200 OK` with a body.
    pub fn ok(body: &str) -> Self {
        Self::response("200 OK", "", body)
    }
}

/// The origin; it stops when dropped.
#[derive(Debug)]
pub struct RawOrigin {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl RawOrigin {
    /// Starts on a free loopback port. The script sees each request once its body is complete.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(script: impl Fn(&Received) -> Step + Send + Sync + 'static) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// Starts at an address.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn start_at(
        address: SocketAddr,
        script: impl Fn(&Received) -> Step + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Box::new(script),
            received: Arc::default(),
        });
        let (received, connections) = (shared.received.clone(), Arc::<AtomicUsize>::default());
        let count = connections.clone();
        let task = tokio::spawn(async move {
            let mut running = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = count.fetch_add(1, Relaxed);
                running.spawn(serve(stream, connection, shared.clone()));
                while running.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            received,
            connections,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Requests received so far.
    pub fn received(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.clone()
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared {
    script: Box<dyn Fn(&Received) -> Step + Send + Sync>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Shared {
    fn record(&self, received: Received) {
        let mut all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(received);
    }
}

async fn serve(mut stream: TcpStream, connection: usize, shared: Arc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    for number in 0.. {
        let Some(mut message) = Message::read_head(&mut stream, &mut buffer).await? else {
            break;
        };
        message.read_body(&mut stream, &mut buffer, false).await?;
        let received = Received {
            connection,
            number,
            message,
        };
        let step = (shared.script)(&received);
        shared.record(received);
        match step {
            Step::Respond(bytes) => stream.write_all(&bytes).await?,
            Step::RespondAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                break;
            }
            Step::Drip(pieces) => {
                for (pause, bytes) in pieces {
                    tokio::time::sleep(pause).await;
                    stream.write_all(&bytes).await?;
                }
            }
            Step::Close => break,
            Step::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                break;
            }
            Step::Stall => std::future::pending().await,
        }
    }
    Ok(())
}
