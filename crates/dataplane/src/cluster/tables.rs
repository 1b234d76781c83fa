// SPDX-License-Identifier: Apache-2.0
//! Rings and tables that the workers share.
//!
//! In: what a worker would build. Out: what another one built already, if it is the same. Only a
//! change of hosts or health gets here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    balance::{HashTable, Table},
    stats::{MaglevStats, RingStats},
};

/// Tables by priority, in panic or not.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    tables: Mutex<HashMap<(u32, bool), HashTable>>,
    /// Gauges of the newest ring.
    pub(crate) ring: Arc<RingStats>,
    /// Gauges of the newest Maglev table.
    pub(crate) maglev: Arc<MaglevStats>,
}

impl Tables {
    /// A table; `build` is told which one was used before.
    pub(super) fn share(
        &self,
        priority: u32,
        panic: bool,
        build: impl FnOnce(Option<&HashTable>) -> Option<HashTable>,
    ) -> Option<HashTable> {
        // Held while building: the other workers need the same table.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let table = build(tables.get(&(priority, panic)))?;
        tables.insert((priority, panic), table.clone());
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        match table.table() {
            Table::Maglev(maglev) => {
                let stats = &self.maglev;
                stats
                    .min_entries_per_host
                    .set(gauge(maglev.gauges.min_entries_per_host));
                stats
                    .max_entries_per_host
                    .set(gauge(maglev.gauges.max_entries_per_host));
            }
            Table::Ring(ring) => {
                let stats = &self.ring;
                stats.size.set(gauge(ring.gauges.size));
                stats
                    .min_hashes_per_host
                    .set(gauge(ring.gauges.min_hashes_per_host));
                stats
                    .max_hashes_per_host
                    .set(gauge(ring.gauges.max_hashes_per_host));
            }
        }
        Some(table)
    }
}
