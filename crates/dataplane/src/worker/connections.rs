// SPDX-License-Identifier: Apache-2.0
//! The open client connections of a worker.
//!
//! In: connections coming and going; a change of listeners; the order to drain. Out: marks that the
//! connections look at before they wait for another request.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use tokio::sync::mpsc;

use super::Drain;
use crate::{listen::Place, plan::ListenerPlan};

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: RefCell<HashMap<u64, Rc<Mark>>>,
    ending: RefCell<Option<Ending>>,
}

/// What a connection is told from outside.
#[derive(Debug)]
pub(crate) struct Mark {
    /// The listener that accepted it.
    pub(crate) listener: Arc<ListenerPlan>,
    /// How it runs out, once it does.
    pub(crate) drain: Cell<Option<Drain>>,
    /// Whether the reason of its end is counted.
    pub(crate) counted: Cell<bool>,
    /// Which of all connections it is.
    pub(crate) number: u64,
    _place: Option<Place>,
    waker: RefCell<Option<Waker>>,
    done: RefCell<Option<mpsc::Sender<()>>>,
}

/// The worker takes no more connections; those that were waiting to be accepted still come.
#[derive(Debug)]
struct Ending {
    drain: Drain,
    /// Held by connections, and by whoever still accepts.
    done: mpsc::WeakSender<()>,
}

impl Connections {
    /// Adds a connection, as soon as it is accepted. It gives its place back when it is gone.
    pub(crate) fn open(&self, listener: &Arc<ListenerPlan>, place: Option<Place>) -> Rc<Mark> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Relaxed);
        let ending = self.ending.borrow();
        let mark = Rc::new(Mark {
            listener: listener.clone(),
            drain: Cell::new(ending.as_ref().map(|ending| ending.drain)),
            counted: Cell::new(false),
            number,
            _place: place,
            waker: RefCell::default(),
            done: RefCell::new(ending.as_ref().and_then(|ending| ending.done.upgrade())),
        });
        self.open.borrow_mut().insert(number, mark.clone());
        mark
    }

    /// Whether all of them run out.
    pub(super) fn are_ending(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Removes it.
    pub(crate) fn closed(&self, mark: &Mark) {
        self.open.borrow_mut().remove(&mark.number);
        mark.done.borrow_mut().take();
    }

    /// Lets connections of replaced listeners run out.
    pub(super) fn replace(&self, replaced: impl Fn(&ListenerPlan) -> bool, drain: Drain) {
        for mark in self.open.borrow().values() {
            if mark.drain.get().is_none() && replaced(&mark.listener) {
                mark.drain(drain);
            }
        }
    }

    /// Lets all connections run out. `done` is dropped with the last one.
    pub(super) fn drain(&self, drain: Drain, done: &mpsc::Sender<()>) {
        for mark in self.open.borrow().values() {
            *mark.done.borrow_mut() = Some(done.clone());
            mark.drain(drain);
        }
        let done = done.downgrade();
        *self.ending.borrow_mut() = Some(Ending { drain, done });
    }
}

impl Mark {
    /// Lets the connection run out.
    pub(crate) fn drain(&self, drain: Drain) {
        self.drain.set(Some(drain));
        self.wake();
    }

    /// Remembers which task to wake; the task of a connection never changes.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}
