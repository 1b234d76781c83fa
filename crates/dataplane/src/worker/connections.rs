// SPDX-License-Identifier: Apache-2.0
//! The open client connections of a worker.
//!
//! In: connections coming and going; a change of listeners; the order to drain. Out: marks that the
//! connections look at before they wait for another request.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
};

use tokio::{sync::mpsc, time::Instant};

use crate::plan::ListenerPlan;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: RefCell<HashMap<u64, Rc<Mark>>>,
    next: Cell<u64>,
}

/// What a connection is told from outside.
#[derive(Debug)]
pub(crate) struct Mark {
    /// The listener that accepted it.
    pub(crate) listener: Arc<ListenerPlan>,
    /// The next response is the last.
    pub(crate) draining: Cell<bool>,
    /// Close as soon as no request runs.
    pub(crate) close_idle: Cell<bool>,
    /// Close at this time if no request runs.
    pub(crate) close_at: Cell<Option<Instant>>,
    id: u64,
    waker: RefCell<Option<Waker>>,
    done: RefCell<Option<mpsc::Sender<()>>>,
}

impl Connections {
    /// Adds a connection.
    pub(crate) fn open(&self, listener: &Arc<ListenerPlan>) -> Rc<Mark> {
        let id = self.next.get();
        self.next.set(id + 1);
        let mark = Rc::new(Mark {
            listener: listener.clone(),
            draining: Cell::new(false),
            close_idle: Cell::new(false),
            close_at: Cell::new(None),
            id,
            waker: RefCell::default(),
            done: RefCell::default(),
        });
        self.open.borrow_mut().insert(id, mark.clone());
        mark
    }

    /// Removes it.
    pub(crate) fn closed(&self, mark: &Mark) {
        self.open.borrow_mut().remove(&mark.id);
        mark.done.borrow_mut().take();
    }

    /// Lets connections of replaced listeners run out, at the latest at `close_at`.
    pub(super) fn mark(&self, replaced: impl Fn(&ListenerPlan) -> bool, close_at: Instant) {
        for mark in self.open.borrow().values() {
            if !mark.draining.get() && replaced(&mark.listener) {
                mark.draining.set(true);
                mark.close_at.set(Some(close_at));
                mark.wake();
            }
        }
    }

    /// Lets all connections run out; idle ones close now. `done` is dropped with the last one.
    pub(super) fn drain(&self, done: mpsc::Sender<()>) {
        for mark in self.open.borrow().values() {
            mark.draining.set(true);
            mark.close_idle.set(true);
            *mark.done.borrow_mut() = Some(done.clone());
            mark.wake();
        }
    }
}

impl Mark {
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
