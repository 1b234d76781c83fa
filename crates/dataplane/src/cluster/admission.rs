// SPDX-License-Identifier: Apache-2.0
//! Admission control of a cluster on one worker.
//!
//! In: attempts before they begin, and how they ended. Out: who is turned away, and its numbers.

use std::{cell::RefCell, sync::Arc, time::Instant};

use crate::{
    filter::{AdmissionControl, Ended, History},
    stats::AdmissionControlStats,
};

/// The settings with what has become of the requests of late.
#[derive(Debug)]
pub(crate) struct Admission {
    settings: AdmissionControl,
    history: RefCell<History>,
    stats: Arc<AdmissionControlStats>,
    started: Instant,
}

impl Admission {
    /// Nothing is known yet.
    pub(crate) fn new(settings: AdmissionControl, stats: Arc<AdmissionControlStats>) -> Self {
        Self {
            settings,
            history: RefCell::default(),
            stats,
            started: Instant::now(),
        }
    }

    /// Whether an attempt may begin.
    pub(crate) fn admits(&self) -> bool {
        let mut history = self.history.borrow_mut();
        let now = self.started.elapsed();
        let rejected = self.settings.rejects(&mut history, now, fastrand::u64(..));
        if rejected {
            self.stats.rq_rejected.inc();
        }
        !rejected
    }

    /// An attempt ended so.
    pub(crate) fn ended(&self, outcome: Ended) {
        let success = self.settings.criteria.succeeded(outcome);
        let window = self.settings.sampling_window;
        let mut history = self.history.borrow_mut();
        history.record(self.started.elapsed(), window, success);
        if success {
            self.stats.rq_success.inc();
        } else {
            self.stats.rq_failure.inc();
        }
    }
}
