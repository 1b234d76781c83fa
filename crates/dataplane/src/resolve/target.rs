// SPDX-License-Identifier: Apache-2.0
//! One name of one cluster, for as long as the cluster has it.
//!
//! In: the cluster's settings. Out: how each look-up of the name ended.

use std::sync::Arc;

use fastrand::Rng;
use tokio::{sync::mpsc, time::sleep};

use super::{
    client::{Client, Outcome},
    schedule::Schedule,
};
use crate::{plan::DnsConfig, stats::DnsStats};

/// News about one name.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The cluster.
    pub(crate) cluster: Arc<str>,
    /// Which of the cluster's configurations asked.
    pub(super) round: u64,
    pub(super) name: Arc<str>,
    pub(super) outcome: Outcome,
}

/// A name that is looked up again and again.
pub(super) struct Target {
    pub(super) cluster: Arc<str>,
    pub(super) round: u64,
    pub(super) name: Arc<str>,
    pub(super) config: DnsConfig,
    pub(super) client: Arc<Client>,
    pub(super) stats: Arc<DnsStats>,
    pub(super) answers: mpsc::UnboundedSender<Answer>,
}

impl Target {
    /// Looks the name up until nobody listens.
    pub(super) async fn run(self) {
        let mut schedule = Schedule::new(self.config.timers, Rng::new());
        loop {
            self.stats.update_attempt.inc();
            let outcome = self.client.resolve(&self.name, self.config.family).await;
            let outcome = self.judge(outcome);
            let wait = match &outcome {
                Outcome::Completed(addresses) => {
                    self.stats.update_success.inc();
                    schedule.after_success(addresses.ttl)
                }
                Outcome::Failed => {
                    self.stats.update_failure.inc();
                    schedule.after_failure()
                }
            };
            let answer = Answer {
                cluster: self.cluster.clone(),
                round: self.round,
                name: self.name.clone(),
                outcome,
            };
            if self.answers.send(answer).is_err() {
                return;
            }
            sleep(wait).await;
        }
    }

    /// A logical host cannot lose its address, so that an answer without one does not count.
    fn judge(&self, outcome: Outcome) -> Outcome {
        if self.config.single && !outcome.is_found() {
            Outcome::Failed
        } else {
            outcome
        }
    }
}
