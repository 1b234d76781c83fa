// SPDX-License-Identifier: Apache-2.0
//! One process takes over from another without a refused connection.
//!
//! In: the admin address, which names an instance. Out: for the new process, the listening sockets of
//! the old one; for the old one, word that it is not needed any more. Both hold the same sockets for
//! a while, so clients that wait on them are served by one or the other.
//!
//! The new process connects. The old one sends `listener CONFIGURED BOUND` with sockets, as often as
//! needed, `admin` with one, and `end`. Once the new one serves, it says `drain`; the old one stops
//! accepting, answers `bye`, finishes what runs, and ends. If the new one goes away before it says so,
//! nothing has happened.

mod channel;

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use sluicegate_dataplane::ListeningSocket;
use tokio::time::timeout;

use channel::{Channel, Entrance, Letter, MOST};

/// The process that is to be replaced.
#[derive(Debug)]
pub(super) struct Predecessor {
    channel: Channel,
    /// Sockets of its Gateway listeners.
    pub(super) sockets: Vec<ListeningSocket>,
    /// Socket of its admin API.
    pub(super) admin: TcpListener,
}

/// Where a process that takes over asks.
#[derive(Debug)]
pub(super) struct Succession {
    entrance: Entrance,
}

/// A process that asked.
#[derive(Debug)]
pub(super) struct Successor(Channel);

impl Predecessor {
    /// Asks the instance at an admin address for its sockets; `None` when there is none.
    pub(super) async fn find(admin: SocketAddr) -> Result<Option<Self>> {
        let Some(channel) = Channel::connect(&name(admin))? else {
            return Ok(None);
        };
        let mut sockets = Vec::new();
        let mut admin = None;
        loop {
            let letter = timeout(ANSWER, channel.receive())
                .await
                .context("the running process does not answer")??;
            let Some(Letter { text, descriptors }) = letter else {
                bail!("the running process ended while it was being replaced");
            };
            match text.split(' ').collect::<Vec<_>>().as_slice() {
                ["listener", configured, bound] => {
                    let (configured, bound) = (configured.parse()?, bound.parse()?);
                    let found = descriptors.into_iter().map(|socket| ListeningSocket {
                        configured,
                        bound,
                        socket: socket.into(),
                    });
                    sockets.extend(found);
                }
                ["admin"] => admin = descriptors.into_iter().next().map(TcpListener::from),
                ["end"] => break,
                _ => bail!("the running process is of a version that says {text:?}"),
            }
        }
        let admin = admin.context("the running process sent no admin socket")?;
        Ok(Some(Self {
            channel,
            sockets,
            admin,
        }))
    }

    /// Tells it to drain. Returns once it accepts nothing any more.
    pub(super) async fn relieve(&self) -> Result<()> {
        self.channel.send("drain", &[]).await?;
        let answer = timeout(ANSWER, self.channel.receive()).await;
        match answer.context("the replaced process does not answer")?? {
            Some(letter) if letter.text == "bye" => Ok(()),
            // It has ended already.
            None => Ok(()),
            Some(letter) => bail!("the replaced process says {:?}", letter.text),
        }
    }
}

impl Succession {
    /// Becomes the instance at an admin address.
    pub(super) fn open(admin: SocketAddr) -> Result<Self> {
        let entrance = Entrance::open(&name(admin))?;
        Ok(Self { entrance })
    }

    /// Waits for a process that takes over, gives it the sockets, and waits until it serves. `None`
    /// when it did not come to that.
    pub(super) async fn next(
        &self,
        sockets: impl AsyncFnOnce() -> Vec<ListeningSocket>,
        admin: &OwnedFd,
    ) -> Option<Successor> {
        let channel = match self.entrance.accept().await {
            Ok(channel) => channel,
            Err(error) => {
                tracing::warn!("refused to be replaced: {error}");
                tokio::time::sleep(PAUSE).await;
                return None;
            }
        };
        tracing::info!("another process asks to take over");
        match give(&channel, &sockets().await, admin).await {
            Ok(()) => Some(Successor(channel)),
            Err(error) => {
                tracing::warn!("still here, for taking over failed: {error:#}");
                None
            }
        }
    }
}

impl Successor {
    /// Nothing is accepted here any more.
    pub(super) async fn bid_farewell(self) {
        // It may be gone; then nobody serves, and this process cannot help it any more.
        if let Err(error) = self.0.send("bye", &[]).await {
            tracing::warn!("the process that took over does not listen: {error}");
        }
    }
}

async fn give(channel: &Channel, sockets: &[ListeningSocket], admin: &OwnedFd) -> Result<()> {
    for group in sockets.chunk_by(|a, b| a.bound == b.bound) {
        let (configured, bound) = (group[0].configured, group[0].bound);
        let text = format!("listener {configured} {bound}");
        let descriptors: Vec<BorrowedFd<'_>> = group.iter().map(|one| one.socket.as_fd()).collect();
        for some in descriptors.chunks(MOST) {
            channel.send(&text, some).await?;
        }
    }
    channel.send("admin", &[admin.as_fd()]).await?;
    channel.send("end", &[]).await?;
    match channel.receive().await? {
        Some(letter) if letter.text == "drain" => Ok(()),
        Some(letter) => bail!("it said {:?}", letter.text),
        None => bail!("it went away before it was ready"),
    }
}

/// The name of an instance: two of them cannot have one admin address.
fn name(admin: SocketAddr) -> String {
    format!("sluicegate/{admin}")
}

/// How long the other process may take for something that it can do at once.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two refusals.
const PAUSE: Duration = Duration::from_secs(1);
