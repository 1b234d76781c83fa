// SPDX-License-Identifier: Apache-2.0
//! An address at which connecting hangs.
//!
//! In: nothing. Out: a loopback address whose accept queue is full, so that the kernel leaves SYNs
//! unanswered: the way to test a connect timeout without leaving the machine.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

/// The listener and the connections that fill its queue. Dropping it makes the address refuse.
#[derive(Debug)]
pub struct FullBacklog {
    address: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl FullBacklog {
    /// Listens and fills the queue.
    ///
    /// # Errors
    /// When the queue never fills, as on systems with SYN cookies that accept everything.
    pub fn start() -> Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener
            .local_addr()?
            .as_socket()
            .context("not an IP socket")?;
        let mut fillers = Vec::new();
        for _ in 0..MAX_FILLERS {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            let _ = filler.connect(&address.into());
            let hangs = !connects(&filler);
            fillers.push(filler);
            if hangs {
                return Ok(Self {
                    address,
                    _listener: listener,
                    _fillers: fillers,
                });
            }
        }
        bail!("{MAX_FILLERS} connections did not fill a queue of length 0")
    }

    /// Connect here, and wait.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Whether a connection over loopback completes, which takes microseconds when it does at all.
fn connects(socket: &Socket) -> bool {
    let start = Instant::now();
    while start.elapsed() < HANGS_AFTER {
        if socket.peer_addr().is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

const HANGS_AFTER: Duration = Duration::from_millis(100);
const MAX_FILLERS: usize = 16;
