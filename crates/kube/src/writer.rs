// SPDX-License-Identifier: Apache-2.0
//! The loop of everything that is written to an API server.
//!
//! In: what should be there, what is seen there, and leadership. Out: passes of [`Work`], one after
//! another, whenever one of these has changed.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use crate::{Objects, lease::Leadership};

/// What is done in a pass.
pub(crate) trait Work: Send + 'static {
    /// What should be there.
    type Wanted: PartialEq + Send + Sync + 'static;

    /// Writes whatever differs.
    fn pass(
        &mut self,
        wanted: &Self::Wanted,
        turn: &Turn<Self::Wanted>,
    ) -> impl Future<Output = Pass> + Send;
}

/// How a pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Everything is written, or it is another replica's turn.
    Done,
    /// Something could not be written.
    Failed,
    /// There are newer wishes.
    Outdated,
}

/// Whether a pass may go on.
pub(crate) struct Turn<W> {
    /// `None` until somebody has said what should be there: that is not the wish for nothing.
    wanted: watch::Receiver<Option<Arc<W>>>,
    leadership: Leadership,
}

impl<W> Turn<W> {
    /// Whether there are newer wishes than those of the pass.
    pub(crate) fn is_outdated(&self) -> bool {
        self.wanted.has_changed().unwrap_or(false)
    }

    /// Whether this process still leads.
    pub(crate) fn lasts(&self) -> bool {
        self.leadership.held()
    }
}

/// Writes while it lives.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    wanted: watch::Sender<Option<Arc<W>>>,
    task: JoinHandle<()>,
}

impl<W: PartialEq + Send + Sync + 'static> Writer<W> {
    /// A writer that has nothing to write yet.
    pub(crate) fn start(
        work: impl Work<Wanted = W>,
        objects: &Objects,
        leadership: Leadership,
    ) -> Self {
        let (wanted, receiver) = watch::channel(None);
        let turn = Turn {
            wanted: receiver,
            leadership,
        };
        Self {
            wanted,
            task: tokio::spawn(run(work, turn, objects.versions())),
        }
    }

    /// What should be there now.
    pub(crate) fn want(&self, wishes: W) {
        let wishes = Some(Arc::new(wishes));
        self.wanted.send_if_modified(|wanted| {
            let news = *wanted != wishes;
            *wanted = wishes;
            news
        });
    }
}

impl<W> Drop for Writer<W> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run<T: Work>(mut work: T, mut turn: Turn<T::Wanted>, mut versions: watch::Receiver<u64>) {
    loop {
        turn.leadership.gained().await;
        // Before the look, so that nothing that comes during it is lost.
        versions.mark_unchanged();
        let wanted = turn.wanted.borrow_and_update().clone();
        let pass = match &wanted {
            Some(wanted) => work.pass(wanted, &turn).await,
            None => Pass::Done,
        };
        let pause = match pass {
            Pass::Outdated => continue,
            Pass::Failed => AGAIN,
            Pass::Done => Duration::MAX,
        };
        // Whatever comes by then is one pass.
        tokio::time::sleep(REST).await;
        tokio::select! {
            changed = turn.wanted.changed() => if changed.is_err() { return },
            _ = versions.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Between two passes. Ours.
const REST: Duration = Duration::from_millis(100);

/// Until what failed is tried again. Ours.
const AGAIN: Duration = Duration::from_secs(5);
