// SPDX-License-Identifier: Apache-2.0
//! The tasks that serve the streams of HTTP/2 connections.
//!
//! In: a stream's part of the session. Out: its request, served. A task that is done waits for
//! another stream, of any connection of the worker, so that a stream usually costs no new task.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{http2::Served, session::Session};
use crate::io::Timer;

/// Those that wait.
#[derive(Default)]
pub(crate) struct StreamTasks {
    waiting: RefCell<Vec<Rc<Seat>>>,
}

/// Where a waiting task finds its next stream.
#[derive(Default)]
struct Seat {
    next: Cell<Option<Served>>,
    waker: RefCell<Option<Waker>>,
}

impl StreamTasks {
    /// Lets a task serve the stream.
    pub(super) fn serve(&self, served: Served) {
        let waiting = self.waiting.borrow_mut().pop();
        match waiting {
            Some(seat) => {
                seat.next.set(Some(served));
                seat.wake();
            }
            None => {
                tokio::task::spawn_local(run(served));
            }
        }
    }

    /// Takes a task in that has nothing to do. False when there are enough of them.
    fn wait(&self, seat: &Rc<Seat>) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let room = waiting.len() < KEPT;
        if room {
            waiting.push(seat.clone());
        }
        room
    }
}

impl Seat {
    fn poll(&self, cx: &Context<'_>) -> Poll<Served> {
        let mut waker = self.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
        }
        self.next.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// A task's life. Between streams it holds nothing of a connection.
async fn run(mut served: Served) {
    let seat = Rc::<Seat>::default();
    let mut timer = Timer::default();
    loop {
        served.session().timer = std::mem::take(&mut timer);
        served.serve().await;
        let session: &mut Session = served.session();
        timer = std::mem::take(&mut session.timer);
        if !session.worker.stream_tasks.wait(&seat) {
            return;
        }
        drop(served);
        served = poll_fn(|cx| seat.poll(cx)).await;
    }
}

/// How many wait at most; ours: a task has a few kilobytes.
const KEPT: usize = 256;
