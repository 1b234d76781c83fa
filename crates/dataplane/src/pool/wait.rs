// SPDX-License-Identifier: Apache-2.0
//! A place in the queue for a connection.
//!
//! In: a request that waits. Out: a connection or a failure, whichever the pool has first. Dropping
//! the waiter's side leaves the queue.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{Closed, Lane, Upstream, deliver};
use crate::{
    cluster::{Host, Resource},
    failure::Failure,
    plan::Priority,
};

/// A place; the queue and the waiting request hold one each.
#[derive(Debug, Clone)]
pub(crate) struct Ticket(Rc<Place>);

#[derive(Debug)]
struct Place {
    host: Rc<Host>,
    priority: Priority,
    lane: Lane,
    waits: Cell<bool>,
    outcome: RefCell<Option<Result<Box<Upstream>, Failure>>>,
    waker: RefCell<Option<Waker>>,
}

impl Ticket {
    /// Takes a place; `None` when `max_pending_requests` is reached.
    pub(super) fn new(host: &Rc<Host>, priority: Priority, lane: &Lane) -> Option<Self> {
        let budgets = host.shared.budgets(priority);
        if !budgets.try_take(Resource::Pending) {
            return None;
        }
        host.cluster_stats.upstream_rq_pending_total.inc();
        host.cluster_stats.upstream_rq_pending_active.add(1);
        Some(Self(Rc::new(Place {
            host: host.clone(),
            priority,
            lane: lane.clone(),
            waits: Cell::new(true),
            outcome: RefCell::default(),
            waker: RefCell::default(),
        })))
    }

    /// What connection it needs.
    pub(super) fn lane(&self) -> &Lane {
        &self.0.lane
    }

    /// Whether it still waits.
    pub(super) fn waits(&self) -> bool {
        self.0.waits.get()
    }

    /// Gives it a connection; hands it back when nobody waits here any more.
    pub(super) fn hand_over(&self, upstream: Box<Upstream>) -> Result<(), Box<Upstream>> {
        if !self.waits() {
            return Err(upstream);
        }
        self.settle(Ok(upstream));
        Ok(())
    }

    /// Gives it a failure. Says whether somebody waited.
    pub(super) fn fail(&self, failure: Failure) -> bool {
        let waits = self.waits();
        if waits {
            self.settle(Err(failure));
        }
        waits
    }

    /// The outcome, once there is one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Box<Upstream>, Failure>> {
        if let Some(outcome) = self.0.outcome.borrow_mut().take() {
            return Poll::Ready(outcome);
        }
        *self.0.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Leaves the queue. Says whether it still waited.
    pub(crate) fn cancel(&self) -> bool {
        let waited = self.leave();
        let mut queue = self.0.host.pool.queue.borrow_mut();
        queue.retain(|other| !Rc::ptr_eq(&other.0, &self.0));
        drop(queue);
        if let Some(Ok(upstream)) = self.0.outcome.borrow_mut().take() {
            if self.0.host.removed.get() {
                upstream.close(Closed::Local);
            } else {
                deliver(&self.0.host, upstream);
            }
        }
        waited
    }

    fn settle(&self, outcome: Result<Box<Upstream>, Failure>) {
        self.leave();
        *self.0.outcome.borrow_mut() = Some(outcome);
        if let Some(waker) = self.0.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn leave(&self) -> bool {
        let waited = self.0.waits.replace(false);
        if waited {
            let budgets = self.0.host.shared.budgets(self.0.priority);
            budgets.give(Resource::Pending);
            self.0.host.cluster_stats.upstream_rq_pending_active.add(-1);
        }
        waited
    }
}
