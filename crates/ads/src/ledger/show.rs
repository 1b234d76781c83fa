// SPDX-License-Identifier: Apache-2.0
//! The ledger for people and for machines.
//!
//! In: the ledger. Out: JSON, and text with a line per node and type.

use std::{fmt::Write, time::SystemTime};

use serde_json::{Value, json};
use sluicegate_snapshot::{ResourceType, Version};

use super::{Ledger, NodeRecord, TypeRecord};
use crate::stats::service;

impl Ledger {
    /// `{"nodes": [...], "refused_nodes": [...]}`.
    pub fn to_json(&self) -> Value {
        let refused = self.refused();
        let refused = refused.iter().map(|node| {
            json!({
                "id": node.id,
                "peer": node.peer,
                "reason": node.reason,
                "at": time(node.at),
            })
        });
        json!({
            "nodes": self.nodes().iter().map(node).collect::<Vec<_>>(),
            "refused_nodes": refused.collect::<Vec<_>>(),
        })
    }

    /// A paragraph for each node.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for node in self.nodes() {
            let state = match node.disconnected_at {
                None => format!("connected since {}", time(node.connected_at)),
                Some(at) => format!("gone since {}", time(at)),
            };
            let NodeRecord {
                id,
                gateway,
                peer,
                user_agent,
                ..
            } = &node;
            let _ = writeln!(
                out,
                "{id} {gateway} {peer} {user_agent} {}: {state}",
                variant(&node)
            );
            for (resource_type, record) in asked(&node) {
                let _ = writeln!(out, "  {}", line(resource_type, record));
                for (name, (version, text)) in &record.refused {
                    let _ = writeln!(out, "    refuses {name} {version}: {}", one_line(text));
                }
            }
        }
        for node in self.refused() {
            let _ = writeln!(
                out,
                "refused {}: {}: {}",
                time(node.at),
                node.peer,
                node.reason
            );
        }
        if out.is_empty() {
            out.push_str("no node has connected\n");
        }
        out
    }
}

/// Envoy prints messages over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn asked(node: &NodeRecord) -> impl Iterator<Item = (ResourceType, &TypeRecord)> {
    let types = ResourceType::ALL.into_iter().zip(&node.types);
    types.filter(|(_, record)| record.asked)
}

fn node(node: &NodeRecord) -> Value {
    let types = asked(node)
        .map(|(resource_type, record)| (service(resource_type).to_owned(), of_type(record)));
    json!({
        "id": node.id,
        "cluster": node.cluster,
        "gateway": node.gateway.to_string(),
        "user_agent": node.user_agent,
        "peer": node.peer,
        "variant": variant(node),
        "connected": node.is_connected(),
        "connected_at": time(node.connected_at),
        "disconnected_at": node.disconnected_at.map(time),
        "types": types.collect::<serde_json::Map<_, _>>(),
    })
}

fn of_type(record: &TypeRecord) -> Value {
    let stamp = |stamp: &Option<(Version, SystemTime)>| {
        stamp.map(|(version, at)| json!({ "version": version.to_string(), "at": time(at) }))
    };
    let refused = record.refused.iter().map(|(name, (version, text))| {
        json!({ "name": &**name, "version": version.to_string(), "message": text })
    });
    let last_nack = record.last_nack.as_ref().map(|nack| {
        json!({
            "version": nack.version.to_string(),
            "message": nack.text,
            "at": time(nack.at),
        })
    });
    json!({
        "wildcard": record.wildcard,
        "names": record.names,
        "sent": stamp(&record.sent),
        "accepted": stamp(&record.accepted),
        "nacks": record.nacks,
        "last_nack": last_nack,
        "refused": refused.collect::<Vec<_>>(),
    })
}

fn line(resource_type: ResourceType, record: &TypeRecord) -> String {
    let wants = match (record.wildcard, record.names) {
        (true, 0) => "*".to_owned(),
        (true, names) => format!("* and {names}"),
        (false, names) => names.to_string(),
    };
    let version = |stamp: &Option<(Version, SystemTime)>| {
        stamp.map_or_else(|| "-".to_owned(), |(version, _)| version.to_string())
    };
    format!(
        "{} wants {wants} sent {} accepted {} nacks {}",
        service(resource_type),
        version(&record.sent),
        version(&record.accepted),
        record.nacks
    )
}

fn variant(node: &NodeRecord) -> &'static str {
    if node.delta {
        "delta"
    } else {
        "state-of-the-world"
    }
}

fn time(at: SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{stamp:.3}")
}
