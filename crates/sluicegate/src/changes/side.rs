// SPDX-License-Identifier: Apache-2.0
//! One side of a comparison.
//!
//! In: what manifests come to, or the `config_dump` of a running process. Out: resources by type and
//! name that compare with those of another side.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::Context;
use serde_json::{Map, Value, json};
use sluicegate_snapshot::{Resource, Snapshot};

use super::What;
use crate::{
    pipeline::Round,
    redact::redact,
    xds_view::{self, Kind},
};

/// Resources, and the manifests behind them where those are known.
#[derive(Debug)]
pub struct Side {
    resources: [BTreeMap<Arc<str>, Held>; 5],
    round: Option<Round>,
}

#[derive(Debug)]
enum Held {
    /// From manifests.
    Encoded(Arc<Resource>),
    /// From a running process; a static one is of its bootstrap, and no business of manifests.
    Shown { value: Value, is_static: bool },
}

/// How two resources compare.
pub(super) enum Compared {
    Differ(Value, Value),
    /// Added, removed, or sent again as it was.
    Only(What),
    Same,
}

impl Side {
    /// What manifests come to.
    pub fn of_manifests(round: Round, snapshot: &Snapshot) -> Self {
        let held = |kind: Kind| {
            let all = snapshot.resources(kind.resource_type()).iter();
            all.map(|(name, it)| (name.clone(), Held::Encoded(it.clone())))
                .collect()
        };
        Self {
            resources: Kind::ALL.map(held),
            round: Some(round),
        }
    }

    /// What a process runs with: the answer to `/config_dump?include_eds`.
    ///
    /// # Errors
    /// When the text is none.
    pub fn of_config_dump(text: &str) -> anyhow::Result<Self> {
        let dump: Value = serde_json::from_str(text).context("the config_dump is not JSON")?;
        let sections = dump.get("configs").and_then(Value::as_array);
        let sections = sections.context("the answer is not a config_dump")?;
        let mut side = Self {
            resources: Kind::ALL.map(|_| BTreeMap::new()),
            round: None,
        };
        for (list, path, kind) in LISTS {
            let lists = sections.iter().filter_map(|it| it.get(list)?.as_array());
            for value in lists.flatten().filter_map(|item| item.pointer(path)) {
                side.hold(kind, value.clone(), list.starts_with("static_"));
            }
        }
        let used = side.endpoints_used();
        side.resources[Kind::Endpoints as usize].retain(|name, _| used.contains(&**name));
        Ok(side)
    }

    /// The manifests, if this side has any.
    pub fn round(&self) -> Option<&Round> {
        self.round.as_ref()
    }

    /// The names of its listeners.
    pub fn listeners(&self) -> impl Iterator<Item = &str> {
        self.names(Kind::Listeners)
    }

    fn hold(&mut self, kind: Kind, mut value: Value, is_static: bool) {
        if let Some(fields) = value.as_object_mut() {
            fields.shift_remove("@type");
        }
        let name = value.get("name").or_else(|| value.get("cluster_name"));
        let Some(name) = name.and_then(Value::as_str).map(Arc::from) else {
            return;
        };
        redact(&mut value);
        let held = Held::Shown { value, is_static };
        self.resources[kind as usize].entry(name).or_insert(held);
    }

    /// The names under which clusters ask for their endpoints. Those of others are their own.
    fn endpoints_used(&self) -> BTreeSet<String> {
        let clusters = self.resources[Kind::Clusters as usize].iter();
        let used = clusters.filter_map(|(name, held)| {
            let Held::Shown { value, .. } = held else {
                return None;
            };
            let eds = value.get("eds_cluster_config")?;
            let service = eds.get("service_name").and_then(Value::as_str);
            Some(service.unwrap_or(name).to_owned())
        });
        used.collect()
    }

    pub(super) fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.resources[kind as usize].keys().map(|name| &**name)
    }

    pub(super) fn compare(&self, new: &Self, kind: Kind, name: &str) -> anyhow::Result<Compared> {
        let before = self.resources[kind as usize].get(name);
        let after = new.resources[kind as usize].get(name);
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (Some(one), None) => return Ok(one.alone(What::Removed)),
            (None, Some(one)) => return Ok(one.alone(What::Added)),
            (None, None) => return Ok(Compared::Same),
        };
        if let (Held::Encoded(before), Held::Encoded(after)) = (before, after) {
            if before.version == after.version {
                return Ok(Compared::Same);
            }
            if before.body == after.body {
                return Ok(Compared::Only(What::Resent));
            }
            return Ok(Compared::Differ(
                xds_view::resource(before, false)?,
                xds_view::resource(after, false)?,
            ));
        }
        let (mut before, mut after) = (before.value()?, after.value()?);
        if kind == Kind::Endpoints {
            (before, after) = (essentials(&before), essentials(&after));
        }
        Ok(match before == after {
            true => Compared::Same,
            false => Compared::Differ(before, after),
        })
    }
}

impl Held {
    fn value(&self) -> anyhow::Result<Value> {
        match self {
            Self::Encoded(resource) => xds_view::resource(resource, false),
            Self::Shown { value, .. } => Ok(value.clone()),
        }
    }

    fn alone(&self, what: What) -> Compared {
        match self {
            Self::Shown {
                is_static: true, ..
            } => Compared::Same,
            _ => Compared::Only(what),
        }
    }
}

/// What was asked for of endpoints: a running process adds what became of them, and defaults.
fn essentials(endpoints: &Value) -> Value {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        let items = value.get(key).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let groups = list(endpoints, "endpoints").into_iter().map(|group| {
        let members = list(&group, "lb_endpoints").into_iter().map(|member| {
            let mut kept = Map::new();
            keep(&mut kept, &member, "endpoint");
            keep(&mut kept, &member, "load_balancing_weight");
            Value::Object(kept)
        });
        let mut kept = Map::new();
        for key in ["locality", "priority", "load_balancing_weight"] {
            keep(&mut kept, &group, key);
        }
        let members: Vec<Value> = members.collect();
        kept.insert("lb_endpoints".to_owned(), members.into());
        Value::Object(kept)
    });
    let filled = |group: &Value| !group["lb_endpoints"].as_array().is_none_or(Vec::is_empty);
    let groups: Vec<Value> = groups.filter(filled).collect();
    json!({ "endpoints": groups })
}

/// Copies what is not the default.
fn keep(kept: &mut Map<String, Value>, from: &Value, key: &str) {
    let Some(value) = from.get(key) else { return };
    let mut value = value.clone();
    if key == "endpoint"
        && let Some(fields) = value.as_object_mut()
    {
        fields.retain(|_, value| *value != json!({}));
    }
    if value != json!({}) && value != json!(1) && value != json!(0) {
        kept.insert(key.to_owned(), value);
    }
}

/// Lists of a config_dump, where in their items the resource is, and its type; what is in force
/// before what waits.
const LISTS: [(&str, &str, Kind); 11] = [
    ("dynamic_active_clusters", "/cluster", Kind::Clusters),
    ("dynamic_warming_clusters", "/cluster", Kind::Clusters),
    ("static_clusters", "/cluster", Kind::Clusters),
    (
        "dynamic_endpoint_configs",
        "/endpoint_config",
        Kind::Endpoints,
    ),
    (
        "static_endpoint_configs",
        "/endpoint_config",
        Kind::Endpoints,
    ),
    (
        "dynamic_listeners",
        "/active_state/listener",
        Kind::Listeners,
    ),
    (
        "dynamic_listeners",
        "/warming_state/listener",
        Kind::Listeners,
    ),
    ("static_listeners", "/listener", Kind::Listeners),
    ("dynamic_route_configs", "/route_config", Kind::Routes),
    ("static_route_configs", "/route_config", Kind::Routes),
    ("dynamic_active_secrets", "/secret", Kind::Secrets),
];
