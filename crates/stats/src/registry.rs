// SPDX-License-Identifier: Apache-2.0
//! All groups of the process.
//!
//! In: groups registered under a prefix by whoever writes them. Out: for each prefix, the groups to
//! sum up. A group that goes away leaves with its numbers: whoever replaces a thing keeps its group.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{
    Collected, Group,
    distribution::QUANTILES,
    flush::{Flushed, Ledger},
};

/// The registry; clones share it.
#[derive(Clone, Default)]
pub struct Registry {
    shared: Arc<Shared>,
}

/// The groups of one prefix; metrics of the same name in them are one metric.
pub struct Prefixed {
    /// Such as `cluster.kube_a_b_80.`.
    pub prefix: Arc<str>,
    /// In the order in which they were registered.
    pub groups: Vec<Arc<dyn Group>>,
}

impl Prefixed {
    /// What is live of an entry.
    fn of((prefix, list): (&Arc<str>, &WeakGroups)) -> Self {
        Self {
            prefix: prefix.clone(),
            groups: list.iter().filter_map(Weak::upgrade).collect(),
        }
    }
}

type WeakGroups = Vec<Weak<dyn Group>>;

#[derive(Default)]
struct Shared {
    groups: Mutex<BTreeMap<Arc<str>, WeakGroups>>,
    ledger: Mutex<Ledger>,
}

impl Registry {
    /// Registers `group` under `prefix`, such as `cluster.kube_a_b_80.` (with the final dot). The
    /// registry holds it weakly: the owner keeps it alive. Colons become underscores, as in Envoy.
    pub fn register<G: Group + 'static>(&self, prefix: &str, group: &Arc<G>) {
        let weak: Weak<dyn Group> = Arc::<G>::downgrade(group);
        let prefix = prefix.replace(':', "_").into();
        lock(&self.shared.groups)
            .entry(prefix)
            .or_default()
            .push(weak);
    }

    /// The live groups by prefix.
    pub fn groups(&self) -> Vec<Prefixed> {
        let mut groups = lock(&self.shared.groups);
        groups.retain(|_, list| {
            list.retain(|group| group.strong_count() > 0);
            !list.is_empty()
        });
        groups.iter().map(Prefixed::of).collect()
    }

    /// Those of them whose prefix starts with `start`; the others are not looked at.
    pub fn groups_below(&self, start: &str) -> Vec<Prefixed> {
        let groups = lock(&self.shared.groups);
        let from = (Bound::Included(start), Bound::Unbounded);
        let below = groups.range::<str, _>(from);
        below
            .take_while(|(prefix, _)| prefix.starts_with(start))
            .map(Prefixed::of)
            .filter(|prefixed| !prefixed.groups.is_empty())
            .collect()
    }

    /// Everything there is, summed and sorted. Histograms are as of the last [`Registry::flush`].
    pub fn collect(&self) -> Collected {
        let groups = self.groups();
        Collected::new(&groups, &lock(&self.shared.ledger))
    }

    /// Closes the interval of every histogram. Envoy's default is to do so every 5 seconds; whoever
    /// owns a timer calls it.
    pub fn flush(&self) {
        let groups = self.groups();
        lock(&self.shared.ledger).flush(&groups);
    }

    /// Quantiles of the last interval, named as `/stats` names them (`99.5`), for each histogram whose full
    /// name ends in `suffix` and that has values in it; the name without the suffix.
    pub fn last_quantiles<const N: usize>(
        &self,
        suffix: &str,
        wanted: [&str; N],
    ) -> Vec<(String, [f64; N])> {
        let ledger = lock(&self.shared.ledger);
        let named = ledger.entries();
        let of_suffix = named.filter_map(|(name, flushed)| {
            let name = name.strip_suffix(suffix)?;
            Some((name.to_owned(), quantiles(flushed, wanted)?))
        });
        of_suffix.collect()
    }

    /// The same of the one histogram of this full name.
    pub fn last_quantiles_of<const N: usize>(
        &self,
        name: &str,
        wanted: [&str; N],
    ) -> Option<[f64; N]> {
        quantiles(lock(&self.shared.ledger).get(name)?, wanted)
    }

    /// Sets every counter to zero; gauges and histograms stay.
    pub fn reset_counters(&self) {
        for prefixed in self.groups() {
            prefixed
                .groups
                .iter()
                .for_each(|group| group.reset_counters());
        }
    }
}

/// Of the last interval; `None` without a value in it.
fn quantiles<const N: usize>(flushed: &Flushed, wanted: [&str; N]) -> Option<[f64; N]> {
    if flushed.interval.count() == 0 {
        return None;
    }
    let all = flushed.interval.quantiles();
    Some(wanted.map(|one| {
        let mut known = QUANTILES.iter();
        all[known.position(|(name, _)| *name == one).unwrap_or(0)]
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
