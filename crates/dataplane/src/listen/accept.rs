// SPDX-License-Identifier: Apache-2.0
//! Accepting, from the first connection to the last.
//!
//! In: a listening socket of this worker. Out: a task for each connection. The end loses nobody: a
//! client whose connection is complete is served, even if it was still waiting to be accepted.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::{Instant, sleep, timeout},
};

use super::{ListeningSocket, SocketId, refuse_new};
use crate::{
    life,
    plan::ListenerPlan,
    stats::ListenerStats,
    worker::{Leaving, Worker},
};

/// A socket that connections are accepted on. Dropping it stops that at once.
pub(crate) struct Listening {
    /// Which socket it is.
    pub(crate) id: SocketId,
    socket: Rc<TcpListener>,
    stop: oneshot::Sender<Stop>,
}

struct Stop {
    leaving: Leaving,
    /// Dropped when nothing more is accepted.
    _done: Option<mpsc::Sender<()>>,
}

/// Who is let in, and under which listener.
struct Door {
    worker: Rc<Worker>,
    socket: Rc<TcpListener>,
    id: SocketId,
    /// The last listener that owned the address.
    owner: Option<Arc<ListenerPlan>>,
    stats: Arc<ListenerStats>,
    /// A descriptor to give up when there are no more, so that clients can be turned away.
    reserve: Option<File>,
    warned: Option<Instant>,
}

/// Puts a socket on the worker's event loop.
pub(crate) fn adopt(socket: StdListener) -> io::Result<TcpListener> {
    TcpListener::from_std(socket)
}

/// An IPv4 client of an IPv6 socket is an IPv4 client.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Starts to accept.
pub(crate) fn start(worker: &Rc<Worker>, socket: TcpListener, id: SocketId) -> Listening {
    let socket = Rc::new(socket);
    let (stop, stopped) = oneshot::channel();
    let mut door = Door {
        worker: worker.clone(),
        socket: socket.clone(),
        id,
        owner: None,
        stats: worker.listener_stats(&id.stat_name()),
        reserve: reserve(),
        warned: None,
    };
    door.is_owned();
    spawn_local(accept(door, stopped));
    Listening { id, socket, stop }
}

async fn accept(mut door: Door, stopped: oneshot::Receiver<Stop>) {
    let stop = tokio::select! {
        () = door.serve() => return,
        stop = stopped => stop,
    };
    let Ok(stop) = stop else {
        return;
    };
    if stop.leaving == Leaving::Closing && refuse_new(&*door.socket).is_ok() {
        let _ = timeout(LAST_CALL, door.serve()).await;
    }
    door.empty();
}

impl Listening {
    /// Accepts who waits already, then closes the socket.
    pub(crate) fn stop(self, leaving: Leaving, done: Option<mpsc::Sender<()>>) {
        // The task ends with the worker only.
        let _ = self.stop.send(Stop {
            leaving,
            _done: done,
        });
    }

    /// A copy of the socket for another process.
    pub(crate) fn share(&self) -> Option<ListeningSocket> {
        let socket = SockRef::from(&*self.socket).try_clone().ok()?;
        Some(ListeningSocket {
            configured: self.id.configured,
            bound: self.id.bound,
            socket: socket.into(),
        })
    }
}

impl Door {
    async fn serve(&mut self) {
        loop {
            match self.socket.accept().await {
                Ok((tcp, peer)) => self.enter(tcp, peer),
                Err(error) => self.endure(error).await,
            }
        }
    }

    /// Lives on when accepting fails.
    async fn endure(&mut self, error: io::Error) {
        let Some(code @ (EMFILE | ENFILE | ENOBUFS | ENOMEM)) = error.raw_os_error() else {
            // What became of one client says nothing about the next.
            return;
        };
        if self.warned.is_none_or(|at| at.elapsed() > WARNINGS) {
            self.warned = Some(Instant::now());
            tracing::warn!(
                %error,
                address = %self.id.bound,
                "clients are turned away; raise the limit, or lower --max-connections"
            );
        }
        let turned_away = code == EMFILE && self.turn_away();
        if self.reserve.is_none() {
            self.reserve = reserve();
        }
        if !turned_away {
            sleep(BREATH).await;
        }
    }

    /// Closes a connection by means of the reserve: a client that is told can go elsewhere. Says
    /// whether there was one.
    fn turn_away(&mut self) -> bool {
        if self.reserve.take().is_none() {
            return false;
        }
        let accepted = SockRef::from(&*self.socket).accept().is_ok();
        self.reserve = reserve();
        if accepted {
            self.stats.downstream_cx_overload_reject.inc();
        }
        accepted
    }

    /// Serves a connection under the listener that owns the address now, or owned it last.
    fn enter(&mut self, tcp: TcpStream, peer: SocketAddr) {
        let owned = self.is_owned();
        let Some(listener) = &self.owner else {
            return;
        };
        let mut place = None;
        if let Some(places) = self.worker.places.as_ref()
            && !listener.ignore_global_limit
        {
            place = places.take();
            if place.is_none() {
                self.stats.downstream_global_cx_overflow.inc();
                return;
            }
        }
        let mark = self.worker.connections.open(listener, place);
        if !owned && mark.drain.get().is_none() {
            mark.drain(self.worker.drain());
        }
        let peer = canonical(peer);
        spawn_local(life::serve(self.worker.clone(), mark, tcp, peer, self.id));
    }

    fn is_owned(&mut self) -> bool {
        let plan = self.worker.plan();
        let owns = |listener: &&Arc<ListenerPlan>| listener.address == self.id.configured;
        let owner = plan.listeners.iter().find(owns);
        if let Some(owner) = owner {
            self.owner = Some(owner.clone());
        }
        owner.is_some()
    }

    /// Lets everybody in who waits. Asks the kernel itself: the event loop may not have heard yet.
    fn empty(&mut self) {
        let entered = |socket: &TcpListener| {
            let (tcp, peer) = SockRef::from(socket).accept()?;
            tcp.set_nonblocking(true)?;
            let peer = peer.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
            Ok::<_, io::Error>((TcpStream::from_std(tcp.into())?, peer))
        };
        while let Ok((tcp, peer)) = entered(&self.socket) {
            self.enter(tcp, peer);
        }
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// How long connections that are being made when a socket closes may take: one round trip.
const LAST_CALL: Duration = Duration::from_millis(100);
/// Between two attempts when the system has nothing to give.
const BREATH: Duration = Duration::from_millis(50);
/// Between two warnings.
const WARNINGS: Duration = Duration::from_secs(1);
// Linux, on every architecture that this is built for.
const ENOMEM: i32 = 12;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;
