// SPDX-License-Identifier: Apache-2.0
//! What an attempt says about its host.
//!
//! In: the response head or the failure of each attempt, on any worker. Out: counters of outlier
//! detection, and news for the control side when something is to be decided.

use super::Host;
use crate::{
    failure::Failure,
    health::{Event, LocalOutcome, News, Reached},
};

impl Host {
    /// A response came. `immediate`: it carried `x-envoy-immediate-health-check-fail`.
    pub(crate) fn responded(&self, status: u16, immediate: impl FnOnce() -> bool) {
        if let Some(outlier) = &self.config.outlier {
            self.reached(self.health.monitor.on_response(status, outlier));
        }
        if self.config.check.is_some() && immediate() {
            self.tell(Event::FailedImmediately);
        }
    }

    /// A connection was made for an attempt.
    pub(crate) fn connected(&self) {
        self.local(LocalOutcome::Connected);
    }

    /// A connection was made, and what goes over it says nothing.
    pub(crate) fn connected_for_bytes(&self) {
        self.local(LocalOutcome::Complete);
    }

    /// An attempt failed before there was a response.
    pub(crate) fn failed(&self, failure: Failure) {
        match failure {
            Failure::ConnectFailed(_)
            | Failure::ConnectTimeout
            | Failure::Protocol
            | Failure::Terminated => self.local(LocalOutcome::Failed),
            Failure::PerTryIdle | Failure::PerTryTimeout | Failure::RouteTimeout => {
                self.local(LocalOutcome::Timeout);
            }
            _ => {}
        }
    }

    fn local(&self, outcome: LocalOutcome) {
        if let Some(outlier) = &self.config.outlier {
            self.reached(self.health.monitor.on_local(outcome, outlier));
        }
    }

    fn reached(&self, reached: Reached) {
        for ejection in reached.into_iter().flatten() {
            self.tell(Event::Reached(ejection));
        }
    }

    fn tell(&self, event: Event) {
        self.shared.health.send(News {
            cluster: self.config.name.clone(),
            board: self.shared.health.id(),
            address: self.address,
            event,
        });
    }
}
