// SPDX-License-Identifier: Apache-2.0
//! Active health checks: the state machine of one host.
//!
//! In: the result of each check. Out: what changed, which stats to count, and when to check again.
//! Rules and intervals as measured on Envoy 1.40.

use std::time::Duration;

/// Settings of a health check, in Envoy's names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActiveConfig {
    /// Between checks of a healthy host.
    pub(crate) interval: Duration,
    /// Between checks of an unhealthy host; default `interval`.
    pub(crate) unhealthy_interval: Duration,
    /// After a failure that did not change the state yet; default `unhealthy_interval`.
    pub(crate) unhealthy_edge_interval: Duration,
    /// After a success that did not change the state yet; default `interval`.
    pub(crate) healthy_edge_interval: Duration,
    /// While the cluster never opened a traffic connection; default 60 s.
    pub(crate) no_traffic_interval: Duration,
    /// The same for healthy hosts; default `no_traffic_interval`.
    pub(crate) no_traffic_healthy_interval: Duration,
    /// Failures in a row until a host is unhealthy.
    pub(crate) unhealthy_threshold: u32,
    /// Successes in a row until a host is healthy again.
    pub(crate) healthy_threshold: u32,
    /// The first check of a host waits up to this.
    pub(crate) initial_jitter: Duration,
    /// Every later one waits up to this longer.
    pub(crate) interval_jitter: Duration,
    /// And up to this part of the interval, in percent.
    pub(crate) interval_jitter_percent: u32,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckResult {
    /// A wrong answer: unhealthy at once, whatever the threshold.
    Failed,
    /// No connection, or it was reset.
    Network,
    /// `timeout` passed.
    NetworkTimeout,
    /// A status of `retriable_statuses`: counts to the threshold.
    Retriable,
    /// A good answer.
    Succeeded {
        /// It carried `x-envoy-degraded`.
        degraded: bool,
    },
}

/// The state of one host's checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActiveHealth {
    flags: HealthFlags,
    first_check: bool,
    successes: u32,
    failures: u32,
}

/// What `/clusters` shows as `health_flags`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HealthFlags {
    /// `/failed_active_hc`: not used. So starts every host.
    pub(crate) failed_active_hc: bool,
    /// `/degraded_active_hc`.
    pub(crate) degraded_active_hc: bool,
    /// `/active_hc_timeout`: unhealthy, and the last check timed out.
    pub(crate) active_hc_timeout: bool,
    /// `/excluded_via_immediate_hc_fail`: left out of the panic maths, too.
    pub(crate) excluded_via_immediate_hc_fail: bool,
}

/// What follows from a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// The host's state before any further change.
    pub(crate) transition: Transition,
    /// Whether the answer to this check was the first one.
    pub(crate) first_check: bool,
    /// Counters under `health_check` that go up by one.
    pub(crate) stats: &'static [&'static str],
    /// Whether the result was good.
    good: bool,
}

/// How a result changed a host. Only `Changed` is told to the balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Flags changed.
    Changed,
    /// The threshold is not reached yet.
    ChangePending,
    /// Nothing changed.
    Unchanged,
}

/// Random numbers for jitter; any values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Jitter {
    /// For `interval_jitter_percent`.
    pub(crate) percent: u64,
    /// For `initial_jitter` and `interval_jitter`.
    pub(crate) interval: u64,
}

impl Default for ActiveHealth {
    /// A host before its first result: not used.
    fn default() -> Self {
        Self {
            flags: HealthFlags {
                failed_active_hc: true,
                ..HealthFlags::default()
            },
            first_check: true,
            successes: 0,
            failures: 0,
        }
    }
}

impl ActiveHealth {
    /// The flags.
    pub(crate) fn flags(&self) -> HealthFlags {
        self.flags
    }

    /// The answer to a check asks to be left out of the panic maths, until the host recovers.
    pub(crate) fn exclude(&mut self) {
        self.flags.excluded_via_immediate_hc_fail = true;
    }

    /// Takes the result of a check.
    pub(crate) fn on_result(&mut self, result: CheckResult, config: &ActiveConfig) -> Step {
        let first_check = self.first_check;
        let (transition, stats): (_, &'static [&'static str]) = match result {
            CheckResult::Succeeded { degraded } => {
                (self.succeed(degraded, config), &["attempt", "success"])
            }
            CheckResult::Failed => (self.fail(true, config), &["attempt", "failure"]),
            CheckResult::Retriable => (self.fail(false, config), &["attempt", "failure"]),
            CheckResult::Network | CheckResult::NetworkTimeout => (
                self.fail(false, config),
                &["attempt", "failure", "network_failure"],
            ),
        };
        self.flags.active_hc_timeout =
            self.flags.failed_active_hc && result == CheckResult::NetworkTimeout;
        self.first_check = false;
        Step {
            transition,
            first_check,
            stats,
            good: matches!(result, CheckResult::Succeeded { .. }),
        }
    }

    /// An answer to normal traffic carried `x-envoy-immediate-health-check-fail`. The next check
    /// stays where it is.
    pub(crate) fn fail_immediately(&mut self, config: &ActiveConfig) -> Step {
        let first_check = self.first_check;
        self.flags.excluded_via_immediate_hc_fail = true;
        let transition = self.fail(true, config);
        self.first_check = false;
        Step {
            transition,
            first_check,
            stats: &["failure", "passive_failure"],
            good: false,
        }
    }

    fn succeed(&mut self, degraded: bool, config: &ActiveConfig) -> Transition {
        self.failures = 0;
        let mut transition = Transition::Unchanged;
        if self.flags.failed_active_hc {
            self.successes += 1;
            // A new host that answers is used at once: waiting would only slow the start.
            transition = if self.first_check || self.successes >= config.healthy_threshold {
                self.flags.failed_active_hc = false;
                self.flags.excluded_via_immediate_hc_fail = false;
                Transition::Changed
            } else {
                Transition::ChangePending
            };
        }
        if degraded != self.flags.degraded_active_hc {
            self.flags.degraded_active_hc = degraded;
            if transition == Transition::Unchanged {
                transition = Transition::Changed;
            }
        }
        transition
    }

    fn fail(&mut self, at_once: bool, config: &ActiveConfig) -> Transition {
        self.successes = 0;
        if self.flags.failed_active_hc {
            return Transition::Unchanged;
        }
        self.failures += 1;
        if at_once || self.failures >= config.unhealthy_threshold {
            self.flags.failed_active_hc = true;
            Transition::Changed
        } else {
            Transition::ChangePending
        }
    }
}

impl ActiveConfig {
    /// The wait before the first check of a host.
    pub(crate) fn initial_delay(&self, jitter: Jitter) -> Duration {
        below(self.initial_jitter, jitter.interval)
    }

    /// The wait from a result to the next check. `traffic`: the cluster has ever opened a traffic
    /// connection. An edge interval is used only when one result was not enough.
    pub(crate) fn next_delay(&self, step: &Step, traffic: bool, jitter: Jitter) -> Duration {
        let pending = step.transition == Transition::ChangePending;
        let base = match (traffic, step.good, pending) {
            (false, true, false) => self.no_traffic_healthy_interval,
            (false, _, _) => self.no_traffic_interval,
            (true, true, false) => self.interval,
            (true, true, true) => self.healthy_edge_interval,
            (true, false, false) => self.unhealthy_interval,
            (true, false, true) => self.unhealthy_edge_interval,
        };
        let part = base * self.interval_jitter_percent / 100;
        let delay =
            base + below(part, jitter.percent) + below(self.interval_jitter, jitter.interval);
        // Envoy's least interval, so that a zero does not spin.
        delay.max(Duration::from_millis(1))
    }
}

/// A time in [0, `bound`), in whole milliseconds.
fn below(bound: Duration, random: u64) -> Duration {
    let bound = bound.as_millis() as u64;
    Duration::from_millis(random.checked_rem(bound).unwrap_or(0))
}

#[cfg(test)]
mod tests;
