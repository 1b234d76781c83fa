// SPDX-License-Identifier: Apache-2.0
//! Hosts as the hashing balancers see them.
//!
//! In: keys and weights of hosts, with the weights of their localities where these count. Out: the
//! same list with weights that sum to one.

use std::sync::Arc;

/// A host with its share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HashHost {
    /// What is hashed: `hash_key` of the metadata, else the hostname if configured, else
    /// `address:port`.
    pub(crate) key: Arc<str>,
    /// Its part of all weight; between 0 and 1.
    pub(crate) weight: f64,
}

/// A host as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WeighedHost {
    /// What is hashed.
    pub(crate) key: Arc<str>,
    /// `load_balancing_weight`.
    pub(crate) weight: u32,
}

/// Hosts whose weights are parts of one whole.
pub(crate) fn normalise_hosts(hosts: &[WeighedHost]) -> Vec<HashHost> {
    let mut normalised = Vec::with_capacity(hosts.len());
    push_normalised(hosts, 1.0, &mut normalised);
    normalised
}

/// Hosts of several localities, each with its locality's weight. Localities of weight 0 get
/// nothing.
pub(crate) fn normalise_localities(localities: &[(u32, Vec<WeighedHost>)]) -> Vec<HashHost> {
    let sum: u64 = localities
        .iter()
        .map(|(weight, _)| u64::from(*weight))
        .sum();
    let mut normalised = Vec::new();
    for (weight, hosts) in localities.iter().filter(|(weight, _)| *weight > 0) {
        push_normalised(hosts, f64::from(*weight) / sum as f64, &mut normalised);
    }
    normalised
}

/// The order of operations is Envoy's: another one rounds differently.
fn push_normalised(hosts: &[WeighedHost], part: f64, normalised: &mut Vec<HashHost>) {
    let sum: u64 = hosts.iter().map(|host| u64::from(host.weight)).sum();
    normalised.extend(hosts.iter().map(|host| HashHost {
        key: host.key.clone(),
        weight: f64::from(host.weight) * part / sum as f64,
    }));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::balance::hash::xx_hash_64;

    /// Hosts 10.0.0.1:80, 10.0.0.2:80 and so on.
    pub(in crate::balance) fn hosts(weights: &[u32]) -> Vec<HashHost> {
        let named: Vec<WeighedHost> = (1..)
            .zip(weights)
            .map(|(at, weight)| WeighedHost {
                key: format!("10.0.0.{at}:80").into(),
                weight: *weight,
            })
            .collect();
        normalise_hosts(&named)
    }

    /// The hosts, as letters, that keys k0 to k23 go to.
    pub(in crate::balance) fn letters(pick: impl Fn(u64) -> Option<usize>) -> String {
        (0..24)
            .filter_map(|at| pick(xx_hash_64(format!("k{at}").as_bytes(), 0)))
            .map(|host| char::from(b"ABCDEFGHIJ"[host]))
            .collect()
    }

    #[test]
    fn locality_weights_come_first() {
        let host = |key: &str, weight| WeighedHost {
            key: key.into(),
            weight,
        };
        let localities = [
            (3, vec![host("a", 1), host("b", 2)]),
            (0, vec![host("c", 1)]),
            (1, vec![host("d", 7)]),
        ];
        let weights: Vec<(Arc<str>, f64)> = normalise_localities(&localities)
            .into_iter()
            .map(|host| (host.key, host.weight))
            .collect();
        let wanted = [("a", 0.25), ("b", 0.5), ("d", 0.25)];
        assert_eq!(weights, wanted.map(|(key, weight)| (key.into(), weight)));
        assert!(normalise_localities(&[(0, vec![host("a", 1)])]).is_empty());
    }
}
