// SPDX-License-Identifier: Apache-2.0
//! All groups of the process.
//!
//! In: groups registered under a prefix by whoever writes them. Out: for each prefix, the groups to
//! sum up. A group that goes away leaves with its numbers: whoever replaces a thing keeps its group.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{Collected, Group, distribution::QUANTILES, flush::Ledger};

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
        groups
            .iter()
            .map(|(prefix, list)| Prefixed {
                prefix: prefix.clone(),
                groups: list.iter().filter_map(Weak::upgrade).collect(),
            })
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
        let places = wanted.map(|one| {
            QUANTILES
                .iter()
                .position(|(name, _)| *name == one)
                .unwrap_or(0)
        });
        let ledger = lock(&self.shared.ledger);
        let named = ledger.entries();
        let of_suffix = named.filter_map(|(name, flushed)| {
            let name = name.strip_suffix(suffix)?;
            if flushed.interval.count() == 0 {
                return None;
            }
            let all = flushed.interval.quantiles();
            Some((name.to_owned(), places.map(|place| all[place])))
        });
        of_suffix.collect()
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
