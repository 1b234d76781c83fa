// SPDX-License-Identifier: Apache-2.0
//! Health of a cluster's hosts, shared by all workers.
//!
//! In: results of checks, ejections, news from workers. Out: flags as atomics, and a generation that
//! tells a worker when to look at them again. The board belongs to the cluster's settings: it
//! outlives changes of endpoints, and other settings begin anew, as in Envoy.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU8, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{
    health::{
        News,
        active::ActiveHealth,
        outlier::{HostMonitor, Sentence},
    },
    plan::Health,
};

/// The hosts of one cluster.
#[derive(Debug)]
pub(crate) struct HealthBoard {
    id: u64,
    started: Instant,
    generation: AtomicU64,
    hosts: Mutex<HashMap<SocketAddr, Arc<HostHealth>>>,
    traffic: Arc<AtomicBool>,
    news: OnceLock<mpsc::UnboundedSender<News>>,
    merge: Mutex<Merge>,
    /// Mean and ejection threshold of success rates: external, local origin.
    rates: Mutex<[Option<(f64, f64)>; 2]>,
}

/// `update_merge_window`: how changes of health are gathered before workers see them.
#[derive(Debug)]
struct Merge {
    window: Duration,
    /// The workers use the cluster.
    serving: bool,
    last: Option<Instant>,
    scheduled: bool,
}

/// What is known about one host.
#[derive(Debug, Default)]
pub(crate) struct HostHealth {
    flags: AtomicU8,
    /// Milliseconds on the board's clock, plus one; 0 is never.
    healthy_since: AtomicU64,
    active_requests: AtomicU64,
    /// Success rates in percent, as bits: external, local origin.
    rates: [AtomicU64; 2],
    /// Counters of outlier detection.
    pub(crate) monitor: Arc<HostMonitor>,
    /// Why outlier detection ejected it, while it is ejected; for those who look.
    sentence: Mutex<Option<Sentence>>,
    /// State of its active checks; for the control side only.
    pub(crate) active: Mutex<ActiveHealth>,
}

/// A reason not to use a host, or to use it less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Flag {
    /// `/failed_active_hc`
    FailedActiveHc = 1,
    /// `/failed_outlier_check`
    FailedOutlierCheck = 2,
    /// `/degraded_active_hc`
    DegradedActiveHc = 4,
    /// `/active_hc_timeout`
    ActiveHcTimeout = 8,
    /// `/excluded_via_immediate_hc_fail`
    ExcludedViaImmediateHcFail = 16,
    /// `/pending_dynamic_removal`
    PendingDynamicRemoval = 32,
    /// `/pending_active_hc`
    PendingActiveHc = 64,
}

/// What the balancer makes of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usable {
    /// Used for what healthy hosts cannot take.
    Degraded,
    /// Used.
    Healthy,
    /// Used in panic only.
    No,
}

impl HealthBoard {
    /// A board without hosts. `traffic` belongs to the cluster's name, whatever its settings;
    /// `window` is its `update_merge_window`.
    pub(crate) fn new(traffic: Arc<AtomicBool>, window: Duration) -> Self {
        Self {
            id: NEXT.fetch_add(1, Relaxed),
            started: Instant::now(),
            generation: AtomicU64::new(0),
            hosts: Mutex::default(),
            traffic,
            news: OnceLock::new(),
            merge: Mutex::new(Merge {
                window,
                serving: false,
                last: None,
                scheduled: false,
            }),
            rates: Mutex::default(),
        }
    }

    /// Tells this board from all others.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Time since the board was made.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Grows with every change of a flag.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    /// Flags changed: the workers look again, at once or together with what else changes within
    /// the merge window. On the control runtime only.
    pub(crate) fn changed(self: &Arc<Self>) {
        let now = Instant::now();
        let mut merge = self.merge.lock().unwrap_or_else(PoisonError::into_inner);
        let apart = |last: Instant| now.duration_since(last) > merge.window;
        if merge.window.is_zero() || !merge.serving || merge.last.is_none_or(apart) {
            merge.last = merge.serving.then_some(now);
            self.generation.fetch_add(1, AcqRel);
        } else if !merge.scheduled {
            merge.scheduled = true;
            let (board, window) = (self.clone(), merge.window);
            tokio::spawn(async move {
                tokio::time::sleep(window).await;
                let mut merge = board.merge.lock().unwrap_or_else(PoisonError::into_inner);
                merge.scheduled = false;
                merge.last = Some(Instant::now());
                board.generation.fetch_add(1, AcqRel);
            });
        }
    }

    /// The workers use the cluster from now on.
    pub(crate) fn serve(&self) {
        let mut merge = self.merge.lock().unwrap_or_else(PoisonError::into_inner);
        merge.serving = true;
    }

    /// Hosts came or went, which the workers see at once, with whatever was waiting.
    pub(crate) fn hosts_changed(&self) {
        let mut merge = self.merge.lock().unwrap_or_else(PoisonError::into_inner);
        if merge.serving {
            merge.last = Some(Instant::now());
        }
    }

    /// A host; one that is not known yet is healthy from now on.
    pub(crate) fn host(&self, address: SocketAddr) -> Arc<HostHealth> {
        self.lock()
            .entry(address)
            .or_insert_with(|| {
                let host = HostHealth::default();
                host.became_healthy(self.now());
                Arc::new(host)
            })
            .clone()
    }

    /// A host, if it is known.
    pub(crate) fn known(&self, address: SocketAddr) -> Option<Arc<HostHealth>> {
        self.lock().get(&address).cloned()
    }

    /// Forgets hosts.
    pub(crate) fn retain(&self, keep: impl Fn(&SocketAddr) -> bool) {
        self.lock().retain(|address, _| keep(address));
    }

    /// The cluster has traffic.
    pub(crate) fn note_traffic(&self) {
        if !self.had_traffic() {
            self.traffic.store(true, Relaxed);
        }
    }

    /// Whether it ever had.
    pub(crate) fn had_traffic(&self) -> bool {
        self.traffic.load(Relaxed)
    }

    /// Sets where news go, once.
    pub(crate) fn tell(&self, news: &mpsc::UnboundedSender<News>) {
        self.news.get_or_init(|| news.clone());
    }

    /// Tells the control side.
    pub(crate) fn send(&self, news: News) {
        if let Some(sender) = self.news.get() {
            // A control side that is gone decides nothing any more.
            let _ = sender.send(news);
        }
    }

    /// Mean and ejection threshold of the success rates of the last interval, in percent:
    /// external, local origin.
    pub(crate) fn rates(&self) -> [Option<(f64, f64)>; 2] {
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets those.
    pub(crate) fn set_rates(&self, rates: [Option<(f64, f64)>; 2]) {
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner) = rates;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<HostHealth>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostHealth {
    /// Success rate of the last interval, in percent: external, local origin.
    pub(crate) fn success_rates(&self) -> [Option<f64>; 2] {
        let rate = |bits: &AtomicU64| Some(bits.load(Relaxed)).filter(|bits| *bits > 0);
        self.rates
            .each_ref()
            .map(|bits| rate(bits).map(|bits| f64::from_bits(bits - 1)))
    }

    /// Sets those.
    pub(crate) fn set_success_rates(&self, rates: [Option<f64>; 2]) {
        for (cell, rate) in self.rates.iter().zip(rates) {
            cell.store(rate.map_or(0, |rate| rate.to_bits() + 1), Relaxed);
        }
    }

    /// Why outlier detection ejected it, while it is ejected.
    pub(crate) fn sentence(&self) -> Option<Sentence> {
        *self.sentence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets that.
    pub(crate) fn set_sentence(&self, sentence: Option<Sentence>) {
        *self.sentence.lock().unwrap_or_else(PoisonError::into_inner) = sentence;
    }

    /// Whether a flag is up.
    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.flags.load(Relaxed) & flag as u8 != 0
    }

    /// Raises or lowers a flag. Whether that changed anything; then the board must be told.
    pub(crate) fn set(&self, flag: Flag, up: bool) -> bool {
        let before = if up {
            self.flags.fetch_or(flag as u8, AcqRel)
        } else {
            self.flags.fetch_and(!(flag as u8), AcqRel)
        };
        (before & flag as u8 != 0) != up
    }

    /// Whether checks or requests failed: its connections are not kept.
    pub(crate) fn failed(&self) -> bool {
        self.has(Flag::FailedActiveHc) || self.has(Flag::FailedOutlierCheck)
    }

    /// What the balancer makes of it, with what the control plane says.
    pub(crate) fn usable(&self, configured: Health) -> Usable {
        match configured {
            Health::Draining | Health::Unhealthy => Usable::No,
            _ if self.failed() => Usable::No,
            Health::Degraded => Usable::Degraded,
            Health::Healthy if self.has(Flag::DegradedActiveHc) => Usable::Degraded,
            Health::Healthy => Usable::Healthy,
        }
    }

    /// Left out of the panic maths.
    pub(crate) fn excluded(&self) -> bool {
        self.has(Flag::ExcludedViaImmediateHcFail) || self.has(Flag::PendingActiveHc)
    }

    /// Slow start begins.
    pub(crate) fn became_healthy(&self, now: Duration) {
        let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.healthy_since.store(at.saturating_add(1), Relaxed);
    }

    /// When it became healthy.
    pub(crate) fn healthy_since(&self) -> Option<Duration> {
        let at = self.healthy_since.load(Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(at))
    }

    /// Requests that run on it, over all workers.
    pub(crate) fn active_requests(&self) -> u64 {
        self.active_requests.load(Relaxed)
    }

    /// A request begins.
    pub(crate) fn begin_request(&self) {
        self.active_requests.fetch_add(1, Relaxed);
    }

    /// A request is over.
    pub(crate) fn end_request(&self) {
        self.active_requests.fetch_sub(1, Relaxed);
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);
