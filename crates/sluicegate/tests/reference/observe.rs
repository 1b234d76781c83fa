// SPDX-License-Identifier: Apache-2.0
//! What a policy comes to, seen from outside.
//!
//! In: the spec of a policy. Out: the Envoy resources that it becomes, each value under a path that
//! can be read; what was told about it; what `explain` shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use sluicegate::{
    explain,
    pipeline::{Options, Round, Stages},
};
use sluicegate_dataplane::examine;
use sluicegate_manifest::{Document, FieldPath, Severity, SourceText, parse};
use sluicegate_resource::Decoder;
use sluicegate_snapshot::ResourceType;

use crate::harness::messages;

const SCENE: &str = include_str!("scene.yaml");

const ENDPOINTS: &str = "ClusterLoadAssignment";

/// A value of a resource: its type, its name, its path.
pub(crate) type Place = (&'static str, String, String);

/// The scene that policies are tried in.
pub(crate) struct Scene {
    documents: Vec<Arc<Document>>,
    stages: Stages,
}

/// What became of a policy.
pub(crate) struct Seen {
    pub(crate) document: Arc<Document>,
    /// Paths below `spec` with an error.
    pub(crate) refused: BTreeSet<String>,
    /// Paths below `spec` that are told `not-enforced`.
    pub(crate) not_enforced: BTreeSet<String>,
    /// Every value of every resource.
    pub(crate) values: BTreeMap<Place, Vec<Value>>,
    /// What our data plane does not enforce of them.
    pub(crate) unenforced: BTreeSet<String>,
    round: Round,
}

/// The settings of a policy as `explain route` shows them.
#[derive(Default)]
pub(crate) struct Explained {
    /// The path of each, and the field of Envoy that it is said to become.
    pub(crate) fields: Vec<(String, Option<&'static str>)>,
    pub(crate) lines: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            documents: documents("scene.yaml", SCENE),
            stages: Stages::new(Options::default()),
        }
    }

    /// What becomes of a policy with the fields of `spec`, a text in YAML.
    pub(crate) fn see(&mut self, spec: &str) -> Seen {
        let document = policy(spec);
        self.documents.push(document.clone());
        let round = self.stages.round(&self.documents);
        self.documents.pop();
        Seen::new(document, round)
    }

    /// The same, unless it is refused.
    pub(crate) fn see_valid(&mut self, spec: &str) -> Option<Seen> {
        let store = Decoder::default().decode(&[policy(spec)]);
        let mut found = store.diagnostics.iter();
        // Most are refused by decoding, which is the cheaper half.
        if found.any(|it| it.severity == Severity::Error) {
            return None;
        }
        Some(self.see(spec)).filter(|seen| seen.refused.is_empty())
    }
}

/// A policy with the fields of `spec`.
fn policy(spec: &str) -> Arc<Document> {
    let text = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: \
         {{name: example}}\nspec:\n  {}\n",
        spec.trim().replace('\n', "\n  ")
    );
    documents("policy.yaml", &text).remove(0)
}

fn documents(name: &str, text: &str) -> Vec<Arc<Document>> {
    let parsed = parse(Arc::new(SourceText::new(name, text.to_owned())));
    assert!(
        parsed.diagnostics.is_empty(),
        "{:#?}\n{text}",
        parsed.diagnostics
    );
    parsed.documents
}

impl Seen {
    fn new(document: Arc<Document>, round: Round) -> Self {
        let findings = sluicegate::findings::findings(&round);
        let own = findings.iter().filter(|it| it.object.ends_with("/example"));
        let (mut refused, mut not_enforced) = (BTreeSet::new(), BTreeSet::new());
        for found in own {
            let path = below_spec(&found.path);
            match (found.severity, found.code) {
                (Severity::Error, _) => refused.insert(path),
                (_, "not-enforced") => not_enforced.insert(path),
                _ => false,
            };
        }
        let (mut values, mut unenforced) = (BTreeMap::new(), BTreeSet::new());
        for kind in ResourceType::ALL {
            for (name, message) in messages(&round.translation.all, kind) {
                let mut flat = Vec::new();
                flatten(&message, String::new(), &mut flat);
                for (path, value) in flat {
                    let place = (type_name(kind), name.clone(), path);
                    values.entry(place).or_insert_with(Vec::new).push(value);
                }
            }
            let resources = round.translation.all.resources(kind).values();
            unenforced.extend(resources.flat_map(|it| examine(it).unenforced));
        }
        Self {
            document,
            refused,
            not_enforced,
            values,
            unenforced,
            round,
        }
    }

    /// Fields of Envoy whose values differ from those of `other`; a resource that is new or gone
    /// counts only where no other differs, endpoints in any case.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let names = |seen: &Self| -> BTreeSet<(&'static str, String)> {
            let names = seen.values.keys();
            names.map(|(kind, name, _)| (*kind, name.clone())).collect()
        };
        let (mine, theirs) = (names(self), names(other));
        let all: BTreeSet<&Place> = self.values.keys().chain(other.values.keys()).collect();
        let differ = all.into_iter().filter(|it| {
            let resource = (it.0, it.1.clone());
            mine.contains(&resource)
                && theirs.contains(&resource)
                && !is_name(&it.2)
                && self.values.get(it) != other.values.get(it)
        });
        let mut found: BTreeSet<String> = differ.map(|(kind, _, path)| field(kind, path)).collect();
        let is_empty = found.is_empty();
        let whole = mine.symmetric_difference(&theirs).map(|(kind, _)| *kind);
        // Endpoints come and go with what the cluster says of them.
        let whole = whole.filter(|kind| is_empty || *kind == ENDPOINTS);
        found.extend(whole.map(|kind| format!("a {kind} of its own")));
        found
    }

    /// What `explain route` shows.
    pub(crate) fn explained(&self, route: &str) -> Explained {
        let verdict = explain::route_named(&self.round, route).unwrap();
        let facts = explain::route::facts(&self.round, verdict);
        let settings = facts.rules.iter().flat_map(|it| &it.traffic);
        let settings = settings.flat_map(|it| &it.settings);
        let text = explain::show::route(&facts, None);
        let text = anstream::adapter::strip_str(&text).to_string();
        let lines = text.lines().skip_while(|it| !it.starts_with("  SETTING"));
        let lines = lines.take_while(|it| !it.starts_with("  cluster"));
        let lines = lines.map(|it| it.strip_prefix("  ").unwrap_or(it).trim_end());
        Explained {
            fields: settings
                .map(|it| (it.field.clone(), it.envoy_field))
                .collect(),
            lines: lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

/// A path as `explain` has it.
pub(crate) fn below_spec(path: &FieldPath) -> String {
    let path = path.to_string();
    path.strip_prefix("spec.").unwrap_or(&path).to_owned()
}

/// Whether a field of Envoy's names a cluster, which other settings decide.
pub(crate) fn is_name(field: &str) -> bool {
    field.ends_with("cluster") || field.ends_with("cluster_name")
}

fn type_name(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Cluster => "Cluster",
        ResourceType::Endpoint => ENDPOINTS,
        ResourceType::Listener => "Listener",
        ResourceType::Route => "Route",
        ResourceType::Secret => "Secret",
    }
}

/// Fields of a Cluster stand alone.
fn field(kind: &str, path: &str) -> String {
    match kind {
        "Cluster" => format!("`{path}`"),
        kind => format!("{kind} `{path}`"),
    }
}

/// Steps that only say where Envoy keeps something.
const SILENT: [&str; 8] = [
    "explicit_http_config",
    "filter_chains",
    "filters",
    "policies",
    "routes",
    "typed_config",
    "typed_extension_protocol_options",
    "virtual_hosts",
];

/// Every value with its path: no indices, an extension under the last part of its name.
fn flatten(value: &Value, path: String, found: &mut Vec<(String, Value)>) {
    match value {
        // A number that may be absent, or a percentage.
        Value::Object(fields)
            if fields.len() == 1 && fields.get("value").is_some_and(Value::is_number) =>
        {
            found.push((path, fields["value"].clone()));
        }
        Value::Object(fields) if !fields.is_empty() => {
            let extension = fields.get("name").and_then(Value::as_str).filter(|name| {
                name.starts_with("envoy.") && !name.starts_with("envoy.filters.network.")
            });
            let path = match extension {
                Some(name) => then(&path, last(name)),
                None => path,
            };
            for (key, value) in fields {
                let silent = SILENT.contains(&key.as_str()) || key.contains("HttpProtocolOptions");
                if key == "@type" || extension.is_some() && key == "name" {
                    continue;
                }
                let name = if key.starts_with("envoy.") {
                    last(key)
                } else {
                    key
                };
                let path = match silent || key == "typed_extension_config" {
                    true => path.clone(),
                    false => then(&path, name),
                };
                flatten(value, path, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                flatten(item, path.clone(), found);
            }
        }
        value => found.push((path, value.clone())),
    }
}

fn then(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A filter may be there several times, told apart behind its own name.
fn last(name: &str) -> &str {
    let filter = name.strip_prefix("envoy.filters.http.");
    filter.unwrap_or_else(|| name.rsplit('.').next().unwrap_or(name))
}
