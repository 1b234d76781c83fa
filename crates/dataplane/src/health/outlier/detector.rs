// SPDX-License-Identifier: Apache-2.0
//! The detector of one cluster: decides about ejections, and returns hosts.
//!
//! In: reached thresholds and sweeps, the time since the start, random draws. Out: hosts whose
//! `/failed_outlier_check` changed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Ejection, HostMonitor, OutlierConfig, OutlierStats,
    success_rate::{SuccessRates, judge},
};

/// Stands for a host while it is a member of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostId(pub(crate) u32);

/// Random numbers of one decision; any values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Draw {
    /// Against the enforcing percentage.
    pub(crate) enforcing: u64,
    /// For `max_ejection_time_jitter`.
    pub(crate) jitter: u64,
}

/// The detector.
#[derive(Debug)]
pub(crate) struct Detector {
    config: OutlierConfig,
    hosts: BTreeMap<HostId, Host>,
    /// The numbers to show.
    pub(crate) stats: OutlierStats,
    /// Rates of the last interval: external, local origin.
    pub(crate) rates: [SuccessRates; 2],
    /// When the last sweep was.
    swept: Duration,
}

/// Who ejected a host, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The detector.
    pub(crate) by: Ejection,
    /// When, on the clock of the detector.
    pub(crate) at: Duration,
    /// The sweep that lets it return, unless an active check does so before.
    pub(crate) until: Duration,
}

#[derive(Debug)]
struct Host {
    monitor: Arc<HostMonitor>,
    ejected: Option<Ejected>,
    unejected_at: Option<Duration>,
    /// Raised by each ejection, lowered by quiet sweeps.
    multiplier: u32,
}

#[derive(Debug, Clone, Copy)]
struct Ejected {
    by: Ejection,
    at: Duration,
    jitter: Duration,
}

impl Detector {
    /// A detector without hosts.
    pub(crate) fn new(config: OutlierConfig) -> Self {
        Self {
            config,
            hosts: BTreeMap::new(),
            stats: OutlierStats::default(),
            rates: Default::default(),
            swept: Duration::ZERO,
        }
    }

    /// Adds a host and makes its monitor.
    #[cfg(test)]
    pub(crate) fn add(&mut self, host: HostId) -> Arc<HostMonitor> {
        let monitor = Arc::new(HostMonitor::default());
        self.watch(host, monitor.clone());
        monitor
    }

    /// Adds a host whose monitor the workers have.
    pub(crate) fn watch(&mut self, host: HostId, monitor: Arc<HostMonitor>) {
        let entry = Host {
            monitor,
            ejected: None,
            unejected_at: None,
            multiplier: 0,
        };
        self.remove(host);
        self.hosts.insert(host, entry);
    }

    /// Takes a host out of the cluster.
    pub(crate) fn remove(&mut self, host: HostId) {
        let removed = self.hosts.remove(&host);
        if removed.is_some_and(|host| host.ejected.is_some()) {
            self.stats.active -= 1;
        }
    }

    /// Whether a host carries `/failed_outlier_check`.
    pub(crate) fn is_ejected(&self, host: HostId) -> bool {
        self.hosts
            .get(&host)
            .is_some_and(|host| host.ejected.is_some())
    }

    /// Why a host is ejected, and when it returns; `None` for one that is not.
    pub(crate) fn sentence(&self, host: HostId) -> Option<Sentence> {
        let host = self.hosts.get(&host)?;
        let ejected = host.ejected?;
        let due = ejected.at + host.length(ejected, &self.config);
        // Hosts return in sweeps only.
        let interval = self.config.interval.max(Duration::from_millis(1));
        let sweeps = due
            .saturating_sub(self.swept)
            .as_nanos()
            .div_ceil(interval.as_nanos());
        let sweeps = u32::try_from(sweeps.max(1)).unwrap_or(u32::MAX);
        Some(Sentence {
            by: ejected.by,
            at: ejected.at,
            until: self.swept.saturating_add(interval.saturating_mul(sweeps)),
        })
    }

    /// Success rate of a host in the last interval: external, local origin.
    pub(crate) fn success_rates(&self, host: HostId) -> [Option<f64>; 2] {
        self.rates.each_ref().map(|rates| {
            let found = rates.rates.iter().find(|(id, _)| *id == host);
            found.map(|(_, rate)| *rate)
        })
    }

    /// A monitor reached a threshold. Whether the host was ejected.
    pub(crate) fn on_reached(
        &mut self,
        host: HostId,
        ejection: Ejection,
        now: Duration,
        draw: Draw,
    ) -> bool {
        let Some(entry) = self.hosts.get(&host) else {
            // Removed while the message was under way.
            return false;
        };
        if entry.ejected.is_some() {
            return false;
        }
        let monitor = entry.monitor.clone();
        let ejected = self.detect(host, ejection, now, draw);
        monitor.restart(ejection);
        ejected
    }

    /// A sweep, once per interval: hosts return, multipliers decay, rates are judged. Out: hosts
    /// that were ejected, hosts that returned.
    pub(crate) fn sweep(
        &mut self,
        now: Duration,
        mut draw: impl FnMut() -> Draw,
    ) -> (Vec<HostId>, Vec<HostId>) {
        self.swept = now;
        let mut returned = Vec::new();
        let mut volumes = [Vec::new(), Vec::new()];
        for (id, host) in &mut self.hosts {
            if host.sweep(now, &self.config) {
                self.stats.active -= 1;
                returned.push(*id);
            }
            let taken = host.monitor.take_volumes();
            if host.ejected.is_none() {
                for (list, (all, good)) in volumes.iter_mut().zip(taken) {
                    list.push((*id, all, good));
                }
            }
        }
        let mut ejected = Vec::new();
        let types = [
            (Ejection::SuccessRate, Ejection::FailurePercentage),
            (
                Ejection::LocalOriginSuccessRate,
                Ejection::LocalOriginFailurePercentage,
            ),
        ];
        for (origin, (rate, percentage)) in types.into_iter().enumerate() {
            let rates = judge(&volumes[origin], self.hosts.len(), &self.config);
            let low = rates.low.iter().map(|host| (*host, rate));
            let failing = rates.failing.iter().map(|host| (*host, percentage));
            for (host, ejection) in low.chain(failing) {
                // A host that several rules object to is ejected and counted once.
                if !self.is_ejected(host) && self.detect(host, ejection, now, draw()) {
                    ejected.push(host);
                }
            }
            self.rates[origin] = rates;
        }
        (ejected, returned)
    }

    /// An active health check succeeded and the host is healthy by it. Whether the host returns.
    pub(crate) fn on_good_check(&mut self, host: HostId, now: Duration) -> bool {
        if !self.config.successful_active_health_check_uneject_host {
            return false;
        }
        let Some(host) = self.hosts.get_mut(&host) else {
            return false;
        };
        if host.ejected.is_none() {
            return false;
        }
        host.uneject(now);
        self.stats.active -= 1;
        true
    }

    fn detect(&mut self, id: HostId, ejection: Ejection, now: Duration, draw: Draw) -> bool {
        self.stats.detected(ejection);
        let config = &self.config;
        let share = 100.0 * (self.stats.active + 1) as f64 / self.hosts.len().max(1) as f64;
        let first = config.always_eject_one_host && self.stats.active == 0;
        if !first && share > f64::from(config.max_ejection_percent.min(100)) {
            self.stats.overflow();
            return false;
        }
        self.stats.allowed(ejection);
        let Some(host) = self.hosts.get_mut(&id) else {
            return false;
        };
        if draw.enforcing % 100 >= u64::from(config.enforcing(ejection)) {
            return false;
        }
        host.eject(ejection, now, draw.jitter, config);
        self.stats.enforced(ejection);
        true
    }
}

impl Host {
    fn eject(&mut self, by: Ejection, now: Duration, random: u64, config: &OutlierConfig) {
        let bound = config.max_ejection_time_jitter.as_millis() as u64;
        let jitter = random.checked_rem(bound.saturating_add(1)).unwrap_or(0);
        self.ejected = Some(Ejected {
            by,
            at: now,
            jitter: Duration::from_millis(jitter),
        });
        // Past the maximum the multiplier grows no further, or it would take as long to decay.
        let (base, max) = (config.base_ejection_time, config.max_ejection_time);
        if base.saturating_mul(self.multiplier) < max.saturating_add(base) {
            self.multiplier += 1;
        }
    }

    /// Whether the host returns now.
    fn sweep(&mut self, now: Duration, config: &OutlierConfig) -> bool {
        let Some(ejected) = self.ejected else {
            let quiet = |at: Duration| now.saturating_sub(at) >= config.interval;
            if self.unejected_at.is_some_and(quiet) {
                self.multiplier = self.multiplier.saturating_sub(1);
            }
            return false;
        };
        let due = self.length(ejected, config) <= now.saturating_sub(ejected.at);
        if due {
            self.uneject(now);
        }
        due
    }

    /// How long this ejection lasts, at least.
    fn length(&self, ejected: Ejected, config: &OutlierConfig) -> Duration {
        let base = config.base_ejection_time.saturating_mul(self.multiplier);
        base.min(config.max_ejection_time) + ejected.jitter
    }

    fn uneject(&mut self, now: Duration) {
        self.ejected = None;
        self.unejected_at = Some(now);
        self.monitor.restart_all();
    }
}

#[cfg(test)]
mod tests;
