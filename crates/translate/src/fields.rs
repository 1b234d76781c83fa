// SPDX-License-Identifier: Apache-2.0
//! Which Envoy field each policy field becomes.
//!
//! In: a leaf below a unit of a BackendConfigPolicy, in today's spelling, or a setting of a
//! BackendTrafficPolicy. Out: the path of the field of the Cluster or Route, for `explain`, `diff`
//! and the reference page.

mod config_policy;
mod traffic;

use sluicegate_attach::Unit;

use config_policy::ROWS;
pub use traffic::envoy_field_of_traffic;

/// The Envoy field that `leaf` (dotted, below the unit; empty for a unit that is a leaf itself)
/// becomes; `None` for what is not an Envoy field of its own.
pub fn envoy_field(unit: Unit, leaf: &str) -> Option<&'static str> {
    let leaf = &renamed_blocks(leaf);
    let rows = ROWS.iter().filter(|(of, ..)| *of == unit);
    // Indices of lists do not matter: `hashPolicies[0].terminal` is `hashPolicies.terminal`.
    rows.filter(|(_, name, _)| *name == leaf || spelled_before(unit, leaf) == Some(*name))
        .map(|(.., field)| *field)
        .next()
}

/// Today's spelling of the older names of inner blocks.
fn renamed_blocks(leaf: &str) -> String {
    let segments = leaf.split('.').map(|segment| {
        let renamed = BLOCKS.iter().find(|(old, _)| *old == segment);
        renamed.map_or(segment, |(_, new)| new)
    });
    segments.collect::<Vec<_>>().join(".")
}

/// Today's spelling of an older leaf.
fn spelled_before(unit: Unit, leaf: &str) -> Option<&'static str> {
    let renamed = LEAVES
        .iter()
        .find(|(of, old, _)| *of == unit && *old == leaf);
    renamed.map(|(.., new)| *new)
}

/// Older spellings of a field, whole paths below `spec`; one for each name that was another. Those of
/// a unit stand with the unit itself.
pub fn older_spellings(unit: Unit, leaf: &str) -> Vec<String> {
    let path = |leaf: &str| format!("{}.{leaf}", unit.name());
    let mut older = Vec::new();
    let units = UNITS.iter().filter(|(_, new)| *new == unit);
    let units = units.filter(|_| leaf.is_empty());
    older.extend(units.map(|(old, _)| (*old).to_owned()));
    for (old, new) in BLOCKS {
        let segments = leaf.split('.').map(|it| if it == new { old } else { it });
        let renamed = segments.collect::<Vec<_>>().join(".");
        if renamed != leaf {
            older.push(path(&renamed));
        }
    }
    let leaves = LEAVES
        .iter()
        .filter(|(of, _, new)| *of == unit && *new == leaf);
    older.extend(leaves.map(|(_, old, _)| path(old)));
    older
}

/// Older names of whole units.
const UNITS: [(&str, Unit); 2] = [
    ("sslConfig", Unit::Tls),
    ("loadBalancerConfig", Unit::LoadBalancer),
];

/// Older names of inner blocks, and today's.
const BLOCKS: [(&str, &str); 2] = [
    ("slowStartConfig", "slowStart"),
    ("sslParameters", "parameters"),
];

/// Older names of leaves, and today's.
const LEAVES: [(Unit, &str, &str); 12] = [
    (
        Unit::Http1ProtocolOptions,
        "headerFormat",
        "preserveHttp1HeaderCase",
    ),
    (Unit::Tls, "sslFiles.tlsCertificate", "files.tlsCertificate"),
    (Unit::Tls, "sslFiles.tlsKey", "files.tlsKey"),
    (Unit::Tls, "sslFiles.rootCA", "files.rootCA"),
    (Unit::Tls, "tlsFiles.tlsCertificate", "files.tlsCertificate"),
    (Unit::Tls, "tlsFiles.tlsKey", "files.tlsKey"),
    (Unit::Tls, "tlsFiles.rootCA", "files.rootCA"),
    (Unit::Tls, "verifySubjectAltName", "verifySubjectAltNames"),
    (Unit::Tls, "oneWayTLS", "simpleTLS"),
    (
        Unit::Tls,
        "parameters.tlsMinVersion",
        "parameters.minVersion",
    ),
    (
        Unit::Tls,
        "parameters.tlsMaxVersion",
        "parameters.maxVersion",
    ),
    (Unit::LoadBalancer, "localityConfigType", "localityType"),
];

/// Every row, for the reference page.
pub fn rows() -> impl Iterator<Item = (Unit, &'static str, &'static str)> {
    ROWS.iter().copied()
}
