// SPDX-License-Identifier: Apache-2.0
//! A load generator that does not change its pace.
//!
//! In: a target, a rate and a number of keep-alive connections. Out: how many requests were
//! answered with which code and which failed: what a configuration change must not disturb.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{Message, RawClient};

/// What to send.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where to connect.
    pub address: SocketAddr,
    /// Value of `host`.
    pub host: String,
    /// Such as `/get`.
    pub target: String,
    /// Connections kept open.
    pub connections: u32,
    /// Requests in a second, over all connections. A slow answer delays later requests of its
    /// connection; none is sent in a burst to catch up.
    pub rate: u32,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests started.
    pub sent: u64,
    /// Answers by status.
    pub codes: BTreeMap<u16, u64>,
    /// Requests without a complete answer.
    pub failed: u64,
    /// The first texts of those.
    pub failures: Vec<String>,
    /// Connections that the peer had closed while idle: the request went out again on a new one,
    /// as every HTTP client does.
    pub stale_connections: u64,
    /// The longest time until a complete answer.
    pub slowest: Duration,
}

impl Report {
    /// Answers with this status.
    pub fn count(&self, status: u16) -> u64 {
        self.codes.get(&status).copied().unwrap_or(0)
    }

    /// Whether every request was answered with 200.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.count(200) == self.codes.values().sum::<u64>()
    }
}

/// A running load.
#[derive(Debug)]
pub struct SteadyClient {
    report: Arc<Mutex<Report>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl SteadyClient {
    /// Starts sending.
    pub fn start(load: Load) -> Self {
        let (report, (stop, stopped)) = (Arc::<Mutex<Report>>::default(), watch::channel(false));
        let mut tasks = JoinSet::new();
        let connections = load.connections.max(1);
        let period = Duration::from_secs(1) * connections / load.rate.max(1);
        for at in 0..connections {
            let worker = Worker {
                load: load.clone(),
                report: report.clone(),
                client: None,
            };
            let offset = period * at / connections;
            tasks.spawn(worker.run(period, offset, stopped.clone()));
        }
        Self {
            report,
            stop,
            tasks,
        }
    }

    /// What came back so far.
    pub fn report(&self) -> Report {
        lock(&self.report).clone()
    }

    /// Stops, after the running requests.
    pub async fn stop(mut self) -> Report {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        self.report()
    }
}

struct Worker {
    load: Load,
    report: Arc<Mutex<Report>>,
    client: Option<RawClient>,
}

impl Worker {
    async fn run(mut self, period: Duration, offset: Duration, mut stopped: watch::Receiver<bool>) {
        tokio::time::sleep(offset).await;
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            self.request().await;
        }
    }

    async fn request(&mut self) {
        let start = Instant::now();
        lock(&self.report).sent += 1;
        let reused = self.client.is_some();
        let mut result = self.once().await;
        let stale = |error: &anyhow::Error| {
            error.to_string() == "closed without a response"
                || error.downcast_ref::<std::io::Error>().is_some()
        };
        if reused && result.as_ref().err().is_some_and(stale) {
            lock(&self.report).stale_connections += 1;
            result = self.once().await;
        }
        let mut report = lock(&self.report);
        match result {
            Ok(status) => {
                *report.codes.entry(status).or_default() += 1;
                report.slowest = report.slowest.max(start.elapsed());
            }
            Err(error) => {
                report.failed += 1;
                if report.failures.len() < KEPT_FAILURES {
                    report.failures.push(format!("{error:#}"));
                }
            }
        }
    }

    async fn once(&mut self) -> Result<u16> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => RawClient::connect(self.load.address).await?,
        };
        let response: Message = client.get(&self.load.host, &self.load.target).await?;
        if !response.closes() {
            self.client = Some(client);
        }
        Ok(response.status())
    }
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

const KEPT_FAILURES: usize = 20;
