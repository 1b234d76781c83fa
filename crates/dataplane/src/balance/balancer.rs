// SPDX-License-Identifier: Apache-2.0
//! A balancer over one list of hosts, whatever the policy.
//!
//! In: the policy and the hosts, off the hot path; then for each request its hash, the selection
//! attempt and a source of random numbers. Out: positions in the list. A pick does not allocate.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;

use super::{
    edf::Edf,
    least_request::LeastRequest,
    maglev::Maglev,
    normalise::{HashHost, WeighedHost},
    random::pick_random,
    ring_hash::{Ring, RingConfig},
    slow_start::SlowStart,
};

/// `lb_policy` with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Policy {
    /// `LEAST_REQUEST`
    LeastRequest(LeastRequest, Option<SlowStart>),
    /// `MAGLEV`, with the table's size.
    Maglev(u64),
    /// `RANDOM`
    Random,
    /// `RING_HASH`
    RingHash(RingConfig),
    /// `ROUND_ROBIN`
    RoundRobin(Option<SlowStart>),
}

/// A host of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedHost {
    /// Key and weight.
    pub(crate) host: WeighedHost,
    /// When it became healthy, on the clock of [`Pick::now`]; for slow start.
    pub(crate) healthy_since: Option<Duration>,
}

/// A ring or table. Workers share it: it is built once per change of the hosts.
#[derive(Debug, Clone)]
pub(crate) struct HashTable {
    policy: Policy,
    hosts: Arc<[HashHost]>,
    table: Arc<Table>,
}

/// What the hosts were hashed into.
#[derive(Debug)]
pub(crate) enum Table {
    /// Maglev.
    Maglev(Maglev),
    /// Ring hash.
    Ring(Ring),
}

/// The balancer of one worker.
#[derive(Debug)]
pub(crate) struct Balancer {
    policy: Policy,
    hosts: Arc<[ListedHost]>,
    table: Option<HashTable>,
    edf: Option<Edf>,
    next: usize,
}

/// A request to pick for.
#[derive(Debug)]
pub(crate) struct Pick<'a> {
    /// From the hash policies.
    pub(crate) hash: Option<u64>,
    /// Selections for this request that a predicate refused.
    pub(crate) attempt: u32,
    /// Time since some fixed start.
    pub(crate) now: Duration,
    /// Random numbers.
    pub(crate) rng: &'a mut Rng,
}

impl HashTable {
    /// The table that a policy needs. `previous` is used again if nothing that matters changed.
    pub(crate) fn of(
        policy: Policy,
        hosts: Vec<HashHost>,
        previous: Option<&Self>,
    ) -> Option<Self> {
        if let Some(same) = previous.filter(|old| old.policy == policy && *old.hosts == *hosts) {
            return Some(same.clone());
        }
        let table = match policy {
            Policy::Maglev(size) => Table::Maglev(Maglev::build(size, &hosts)),
            Policy::RingHash(config) => Table::Ring(Ring::build(&config, &hosts)),
            Policy::LeastRequest(..) | Policy::Random | Policy::RoundRobin(_) => return None,
        };
        Some(Self {
            policy,
            hosts: hosts.into(),
            table: Arc::new(table),
        })
    }

    /// The table, for its gauges.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    fn pick(&self, hash: u64, attempt: u32) -> Option<usize> {
        match &*self.table {
            Table::Maglev(maglev) => maglev.pick(hash, attempt),
            Table::Ring(ring) => ring.pick(hash, attempt),
        }
    }
}

impl Balancer {
    /// Over these hosts. `table` is [`HashTable::of`]'s for the same policy and hosts, `seed`
    /// decides where turns start.
    pub(crate) fn new(
        policy: Policy,
        hosts: Arc<[ListedHost]>,
        table: Option<HashTable>,
        seed: usize,
        now: Duration,
    ) -> Self {
        let mut balancer = Self {
            policy,
            table,
            edf: None,
            next: seed,
            hosts,
        };
        if balancer.needs_edf(now) {
            let weight = |at: usize| weight(policy, &balancer.hosts[at], 0, now);
            let mut edf = Edf::weighed(balancer.hosts.len(), weight);
            for _ in 0..seed % balancer.hosts.len() {
                edf.pick();
            }
            balancer.edf = Some(edf);
        }
        balancer
    }

    /// Takes over other hosts. Turns go on; nothing is rebuilt if the hosts are the same.
    pub(crate) fn update(
        &mut self,
        hosts: Arc<[ListedHost]>,
        table: Option<HashTable>,
        now: Duration,
    ) {
        if self.hosts == hosts {
            self.table = table;
            return;
        }
        *self = Self::new(self.policy, hosts, table, self.next, now);
    }

    /// A host for a request. `active` gives a host's active requests.
    pub(crate) fn pick(&mut self, pick: Pick<'_>, active: impl Fn(usize) -> u64) -> Option<usize> {
        if let Some(table) = &self.table {
            let hash = pick.hash.unwrap_or_else(|| pick.rng.u64(..));
            return table.pick(hash, pick.attempt);
        }
        let (policy, hosts) = (self.policy, &self.hosts);
        if let Some(edf) = &mut self.edf {
            return edf.pick_and_add(|at| weight(policy, &hosts[at], active(at), pick.now));
        }
        match policy {
            Policy::LeastRequest(least, _) => least.pick(hosts.len(), active, pick.rng),
            Policy::RoundRobin(_) => {
                let at = self.next.checked_rem(hosts.len())?;
                self.next = self.next.wrapping_add(1);
                Some(at)
            }
            Policy::Random | Policy::Maglev(_) | Policy::RingHash(_) => {
                pick_random(hosts.len(), pick.rng)
            }
        }
    }

    /// Only unequal weights, and hosts in slow start, are worth a queue.
    fn needs_edf(&self, now: Duration) -> bool {
        let slow_start = match self.policy {
            Policy::LeastRequest(_, slow_start) | Policy::RoundRobin(slow_start) => slow_start,
            Policy::Maglev(_) | Policy::Random | Policy::RingHash(_) => return false,
        };
        let starting = |listed: &ListedHost| match (slow_start, listed.healthy_since) {
            (Some(slow_start), Some(since)) => slow_start.covers(now.saturating_sub(since)),
            _ => false,
        };
        let differs = |pair: &[ListedHost]| pair[0].host.weight != pair[1].host.weight;
        self.hosts.len() > 1
            && (self.hosts.windows(2).any(differs) || self.hosts.iter().any(starting))
    }
}

fn weight(policy: Policy, listed: &ListedHost, active: u64, now: Duration) -> f64 {
    let weight = f64::from(listed.host.weight.max(1));
    let (weight, slow_start) = match policy {
        Policy::LeastRequest(least, slow_start) => (least.weight(weight, active), slow_start),
        Policy::RoundRobin(slow_start) => (weight, slow_start),
        Policy::Maglev(_) | Policy::Random | Policy::RingHash(_) => (weight, None),
    };
    match (slow_start, listed.healthy_since) {
        (Some(slow_start), Some(since)) => weight * slow_start.factor(now.saturating_sub(since)),
        _ => weight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::{
        maglev::TABLE_SIZE,
        normalise::{normalise_hosts, tests::letters},
    };

    fn hosts(weights: &[u32]) -> Arc<[ListedHost]> {
        let host = |(at, weight): (usize, &u32)| ListedHost {
            host: WeighedHost {
                key: format!("10.0.0.{}:80", at + 1).into(),
                weight: *weight,
            },
            healthy_since: None,
        };
        weights.iter().enumerate().map(host).collect()
    }

    fn build(
        policy: Policy,
        hosts: &[ListedHost],
        previous: Option<&HashTable>,
    ) -> Option<HashTable> {
        let weighed: Vec<_> = hosts.iter().map(|listed| listed.host.clone()).collect();
        HashTable::of(policy, normalise_hosts(&weighed), previous)
    }

    fn balancer(policy: Policy, weights: &[u32]) -> Balancer {
        let hosts = hosts(weights);
        let table = build(policy, &hosts, None);
        Balancer::new(policy, hosts, table, 0, Duration::ZERO)
    }

    fn picks(balancer: &mut Balancer, count: usize, now: Duration) -> Vec<usize> {
        let mut rng = Rng::with_seed(7);
        let mut counts = vec![0; balancer.hosts.len()];
        for _ in 0..count {
            let pick = Pick {
                hash: None,
                attempt: 0,
                now,
                rng: &mut rng,
            };
            counts[balancer.pick(pick, |_| 0).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn policies_share_load() {
        let zero = Duration::ZERO;
        let least = Policy::LeastRequest(LeastRequest::default(), None);
        for policy in [Policy::RoundRobin(None), least] {
            assert_eq!(
                picks(&mut balancer(policy, &[1, 2, 3]), 36, zero),
                [6, 12, 18]
            );
        }
        let equal = &mut balancer(Policy::RoundRobin(None), &[2, 2, 2]);
        assert_eq!(picks(equal, 36, zero), [12, 12, 12]);
        for policy in [Policy::Random, least] {
            let counts = picks(&mut balancer(policy, &[1, 1]), 8000, zero);
            assert!(counts[0].abs_diff(4000) < 250, "{counts:?}");
        }
        // Without a hash, hosts are drawn.
        let ring = Policy::RingHash(RingConfig::default());
        assert!(picks(&mut balancer(ring, &[1, 1]), 100, zero)[0] > 20);
    }

    /// Row 54.
    #[test]
    fn hashes_go_where_envoy_sends_them() {
        for (policy, wanted) in [
            (
                Policy::RingHash(RingConfig::default()),
                "CACACBCCBCCBCCCACCCCCBCC",
            ),
            (Policy::Maglev(TABLE_SIZE), "BACBABCCCBACCCCCACCCBBCC"),
        ] {
            let balancer = balancer(policy, &[1, 2, 3]);
            let table = balancer.table.unwrap();
            assert_eq!(letters(|hash| table.pick(hash, 0)), wanted);
        }
    }

    #[test]
    fn tables_and_turns_outlive_an_update() {
        let policy = Policy::RingHash(RingConfig::default());
        let table = build(policy, &hosts(&[1, 2]), None);
        let same = build(policy, &hosts(&[1, 2]), table.as_ref()).unwrap();
        let other = build(policy, &hosts(&[1, 3]), table.as_ref()).unwrap();
        let table = table.unwrap();
        assert!(Arc::ptr_eq(&table.table, &same.table));
        assert!(!Arc::ptr_eq(&table.table, &other.table));
        assert!(matches!(table.table(), Table::Ring(ring) if ring.gauges.size > 1000));

        let mut turns = balancer(Policy::RoundRobin(None), &[1, 1, 1]);
        picks(&mut turns, 1, Duration::ZERO);
        turns.update(hosts(&[1, 1, 1]), None, Duration::ZERO);
        assert_eq!(picks(&mut turns, 1, Duration::ZERO), [0, 1, 0]);
        turns.update(hosts(&[1, 1, 1, 1]), None, Duration::ZERO);
        assert_eq!(picks(&mut turns, 1, Duration::ZERO), [0, 0, 1, 0]);
    }

    #[test]
    fn new_hosts_start_slowly() {
        let second = Duration::from_secs;
        let policy = Policy::RoundRobin(Some(SlowStart::new(second(6))));
        let mut list = hosts(&[1, 1]).to_vec();
        list[1].healthy_since = Some(second(100));
        let mut balancer = Balancer::new(policy, list.into(), None, 0, second(100));
        let early = picks(&mut balancer, 110, second(100));
        assert!(early[1].abs_diff(10) <= 1, "{early:?}");
        let late = picks(&mut balancer, 110, second(106));
        assert!(late[1].abs_diff(55) <= 10, "{late:?}");
    }
}
