// SPDX-License-Identifier: Apache-2.0
//! Settings of the process in a bootstrap: everything that is no resource.
//!
//! In: the bootstrap as it is written. Out: an error for each setting that is not implemented, a
//! warning for each that can be left out without harm.

use sluicegate_manifest::{Diagnostic, Entry, FieldPath, Node, Value};

use super::{bootstrap::Text, codes};

/// Fields of one part of a bootstrap. What stands in neither list is not implemented.
struct Part {
    /// Name of the part; empty for the bootstrap itself.
    name: &'static str,
    /// Fields that are heeded.
    heeded: &'static [&'static str],
    /// Fields that change nothing that a client or an upstream could see.
    harmless: &'static [&'static str],
}

const PARTS: &[Part] = &[
    Part {
        name: "",
        heeded: &[
            "admin",
            "cluster_manager",
            "dynamic_resources",
            "layered_runtime",
            "node",
            "static_resources",
        ],
        harmless: &[
            "application_log_config",
            "deferred_stat_options",
            "enable_dispatcher_stats",
            "memory_allocator_manager",
            "stats_flush_interval",
            "watchdog",
            "watchdogs",
        ],
    },
    Part {
        name: "admin",
        // No limit on connections applies to the admin API here.
        heeded: &["address", "ignore_global_conn_limit"],
        harmless: &["access_log", "access_log_path", "profile_path"],
    },
    Part {
        name: "cluster_manager",
        heeded: &["local_cluster_name"],
        harmless: &["enable_deferred_cluster_creation"],
    },
    Part {
        name: "dynamic_resources",
        heeded: &["ads_config", "cds_config", "lds_config"],
        harmless: &[],
    },
    Part {
        name: "static_resources",
        heeded: &["clusters", "listeners", "secrets"],
        harmless: &[],
    },
];

/// Checks all parts.
pub(super) fn check(text: &Text<'_>, found: &mut Vec<Diagnostic>) {
    for part in PARTS {
        let root = &text.root;
        let (node, path) = match entries(root).find(|entry| proto(&entry.key) == part.name) {
            _ if part.name.is_empty() => (root, FieldPath::root()),
            Some(entry) => (&entry.value, FieldPath::root().field(&entry.key)),
            None => continue,
        };
        for entry in entries(node).filter(|entry| entry.value.value != Value::Null) {
            let path = path.field(&entry.key);
            let name = proto(&entry.key);
            if part.harmless.contains(&name.as_str()) {
                found.push(text.no_effect(path, format!("{name} has no effect here")));
            } else if !part.heeded.contains(&name.as_str()) {
                let words = format!("{name} is not implemented");
                found.push(text.at(codes::UNSUPPORTED, &format!("Bootstrap.{path}"), words));
            }
        }
    }
    runtime(text, found);
}

/// Runtime layers. Nothing here reads the runtime; a layer that can change while the process runs
/// is an error, because somebody counts on the change.
fn runtime(text: &Text<'_>, found: &mut Vec<Diagnostic>) {
    let layers = entries(&text.root).find(|entry| proto(&entry.key) == "layered_runtime");
    let Some(layers) = layers else { return };
    let path = FieldPath::root().field(&layers.key).field("layers");
    let Some(Value::Sequence(items)) = layers.value.get("layers").map(|node| &node.value) else {
        return;
    };
    for (index, layer) in items.iter().enumerate() {
        for entry in entries(layer).filter(|entry| entry.key != "name") {
            let path = path.index(index).field(&entry.key);
            match proto(&entry.key).as_str() {
                "static_layer" => {
                    for key in entries(&entry.value) {
                        let words = format!("runtime key {} is not read", key.key);
                        found.push(text.no_effect(path.field(&key.key), words));
                    }
                }
                "admin_layer" => {
                    let words = "the admin API changes no runtime values".to_owned();
                    found.push(text.no_effect(path, words));
                }
                name => {
                    let words = format!("{name} is not implemented");
                    found.push(text.at(codes::UNSUPPORTED, &format!("Bootstrap.{path}"), words));
                }
            }
        }
    }
}

fn entries(node: &Node) -> impl Iterator<Item = &Entry> {
    let entries = match &node.value {
        Value::Mapping(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter()
}

/// The proto name of a field in either spelling.
fn proto(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
