// SPDX-License-Identifier: Apache-2.0
//! What the control side tells a worker.

use std::{net::TcpListener, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    listen::{ListeningSocket, SocketId},
    plan::Plan,
};

/// A command.
pub(crate) enum Command {
    /// Enforce this plan from now on.
    Apply(Arc<Plan>),
    /// Stop accepting, finish what runs.
    Drain {
        /// Why.
        leaving: Leaving,
        /// Dropped when the last connection is gone.
        done: mpsc::Sender<()>,
    },
    /// Answer with `connection: close`, or stop doing so.
    HealthcheckFail(bool),
    /// Accept on this socket.
    Listen {
        /// Which socket it is.
        id: SocketId,
        /// A socket of the address; this worker alone accepts on it.
        socket: TcpListener,
    },
    /// Hand out copies of all listening sockets.
    Share(mpsc::UnboundedSender<ListeningSocket>),
    /// Close a listening socket.
    StopListening {
        /// The socket.
        socket: u64,
    },
}

/// Why a worker stops accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Nobody listens any more.
    Closing,
    /// Another process accepts on the same sockets.
    HandedOver,
}
