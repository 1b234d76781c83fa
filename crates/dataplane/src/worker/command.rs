// SPDX-License-Identifier: Apache-2.0
//! What the control side tells a worker.

use std::{net::TcpListener, sync::Arc};

use tokio::sync::mpsc;

use crate::{listen::SocketId, plan::Plan};

/// A command.
pub(crate) enum Command {
    /// Enforce this plan from now on.
    Apply(Arc<Plan>),
    /// Stop accepting, finish what runs; `done` is dropped when the last connection is gone.
    Drain {
        /// Dropped at the end.
        done: mpsc::Sender<()>,
    },
    /// Answer with `connection: close`, or stop doing so.
    HealthcheckFail(bool),
    /// Accept on this socket.
    Listen {
        /// Which socket it is.
        id: SocketId,
        /// The worker's own socket of the address.
        socket: TcpListener,
    },
    /// Close a listening socket.
    StopListening {
        /// The socket.
        socket: u64,
    },
}
