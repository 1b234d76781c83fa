// SPDX-License-Identifier: Apache-2.0
//! What the tests of whole manifests share.
//!
//! In: texts, or a directory of `tests/cases`. Out: the round they come to, and everything in it
//! that a person would look at, as text.

// Each test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value, json};
use sluicegate::pipeline::{Options, Round, Stages};
use sluicegate_attach::{
    Graph,
    verdict::{AncestorVerdict, Outcome, Warning},
};
use sluicegate_manifest::{Diagnostic, Document, SourceText, parse};
use sluicegate_snapshot::{ResourceType, Snapshot};
use sluicegate_xds::json;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every case directory, by name.
pub(crate) fn cases() -> Vec<PathBuf> {
    let directory = repository().join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {}", directory.display());
    cases
}

/// The name of a case.
pub(crate) fn name_of(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

/// Manifests: file names with their texts.
pub(crate) type Texts = Vec<(String, String)>;

/// The manifests of a case, by name.
pub(crate) fn texts(case: &Path) -> Texts {
    let directory = case.join("manifests");
    let mut texts: Texts = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            (name_of(&path), fs::read_to_string(&path).unwrap())
        })
        .collect();
    texts.sort();
    texts
}

/// What `options.json` of a case has: `globalPolicyNamespace`, and `findings`, which wants those of
/// `check` among what is expected; all optional.
fn written(case: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(case.join("options.json"));
    text.map(|text| serde_json::from_str(&text).unwrap())
        .unwrap_or_default()
}

/// Whether a case has the findings of `check` among what is expected.
pub(crate) fn expects_findings(case: &Path) -> bool {
    written(case).get("findings") == Some(&Value::Bool(true))
}

/// The options of a case.
pub(crate) fn options(case: &Path) -> Options {
    let mut options = Options::default();
    for (name, value) in written(case) {
        match name.as_str() {
            "globalPolicyNamespace" => {
                options.attach.global_policy_namespace = value.as_str().map(str::to_owned);
            }
            "findings" => {}
            other => panic!("{}: unknown option {other}", case.display()),
        }
    }
    options
}

/// Documents in the order of the texts, and what is wrong with the texts.
pub(crate) fn documents(texts: &Texts) -> (Vec<Arc<Document>>, Vec<Diagnostic>) {
    let (mut documents, mut diagnostics) = (Vec::new(), Vec::new());
    for (name, text) in texts {
        let parsed = parse(Arc::new(SourceText::new(name.as_str(), text.clone())));
        documents.extend(parsed.documents);
        diagnostics.extend(parsed.diagnostics);
    }
    (documents, diagnostics)
}

/// One round over documents, with nothing remembered.
pub(crate) fn round(documents: &[Arc<Document>], options: Options) -> Round {
    Stages::new(options).round(documents)
}

/// One round over one text, which must be well-formed YAML.
pub(crate) fn round_of(text: &str) -> Round {
    let texts = vec![("test.yaml".to_owned(), text.to_owned())];
    let (documents, diagnostics) = documents(&texts);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}\n{text}");
    round(&documents, Options::default())
}

/// Everything that a round shows, by file name. Empty things have no file.
pub(crate) fn shown(round: &Round) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for resource_type in ResourceType::ALL {
        let resources = messages(&round.translation.all, resource_type);
        if !resources.is_empty() {
            let list = Value::Array(resources.into_iter().map(|(_, value)| value).collect());
            shown.insert(file_name(resource_type).to_owned(), json::to_string(&list));
        }
    }
    let verdicts = verdicts(&round.graph);
    if verdicts.as_object().is_some_and(|map| !map.is_empty()) {
        shown.insert("verdicts.json".to_owned(), json::to_string(&verdicts));
    }
    let options = sluicegate_status::Options::default();
    let statuses = round.status(&options, None).statuses();
    if !statuses.is_empty() {
        let list = sluicegate_status::list(&statuses);
        shown.insert("status.json".to_owned(), json::to_string(&list));
    }
    if !round.diagnostics.is_empty() {
        shown.insert(
            "diagnostics.txt".to_owned(),
            diagnostics(&round.diagnostics),
        );
    }
    shown
}

fn file_name(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Cluster => "clusters.json",
        ResourceType::Endpoint => "endpoints.json",
        ResourceType::Listener => "listeners.json",
        ResourceType::Route => "routes.json",
        ResourceType::Secret => "secrets.json",
    }
}

/// The resources of a type, by name, as JSON.
pub(crate) fn messages(snapshot: &Snapshot, resource_type: ResourceType) -> Vec<(String, Value)> {
    snapshot
        .resources(resource_type)
        .values()
        .map(|resource| {
            let value =
                json::message_to_value(resource_type.message_name(), &resource.body).unwrap();
            (resource.name.to_string(), value)
        })
        .collect()
}

/// A cluster as JSON.
pub(crate) fn cluster(round: &Round, name: &str) -> Value {
    let clusters = messages(&round.translation.all, ResourceType::Cluster);
    let found = clusters.into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no cluster {name}")).1
}

/// What became of policies, routes, listeners and backends, short enough to be read at a glance.
/// `status.json` has the same in Kubernetes' words.
pub(crate) fn verdicts(graph: &Graph) -> Value {
    let mut all = Map::new();
    let mut add = |name: &str, list: Vec<Value>| {
        if !list.is_empty() {
            all.insert(name.to_owned(), Value::Array(list));
        }
    };
    add("policies", policies(graph));
    add("tlsPolicies", tls_policies(graph));
    add("gateways", gateways(graph));
    add("routes", routes(graph));
    let closed = graph.backends.values().filter_map(|backend| {
        let reason = backend.closed.as_ref()?;
        Some(json!({ "backend": backend.key.to_string(), "reason": reason }))
    });
    add("closedBackends", closed.collect());
    Value::Object(all)
}

fn policies(graph: &Graph) -> Vec<Value> {
    let policies = graph.policies.iter().map(|verdict| {
        let mut shown = Map::new();
        shown.insert(
            "policy".into(),
            verdict.policy.reference().to_string().into(),
        );
        if !verdict.errors.is_empty() {
            shown.insert("errors".into(), verdict.errors.clone().into());
        }
        if !verdict.unmatched_selectors.is_empty() {
            let paths = verdict.unmatched_selectors.iter().map(ToString::to_string);
            shown.insert(
                "unmatchedSelectors".into(),
                paths.collect::<Vec<_>>().into(),
            );
        }
        let ancestors = verdict.ancestors.iter().map(ancestor);
        shown.insert("ancestors".into(), ancestors.collect::<Vec<_>>().into());
        Value::Object(shown)
    });
    policies.collect()
}

fn ancestor(verdict: &AncestorVerdict) -> Value {
    let mut shown = Map::new();
    shown.insert("ancestor".into(), verdict.ancestor.to_string().into());
    shown.insert("accepted".into(), outcome(&verdict.accepted));
    shown.insert(
        "attachment".into(),
        format!("{:?}", verdict.attachment).into(),
    );
    if let Some(winner) = &verdict.overridden_by {
        shown.insert("overriddenBy".into(), winner.clone().into());
    }
    if !verdict.warnings.is_empty() {
        let warnings = verdict.warnings.iter().map(warning);
        shown.insert("warnings".into(), warnings.collect::<Vec<_>>().into());
    }
    Value::Object(shown)
}

fn warning(warning: &Warning) -> Value {
    let Warning {
        reason,
        message,
        path,
    } = warning;
    format!("{reason} {path}: {message}").into()
}

fn outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ok => Value::Bool(true),
        Outcome::No(reason, message) => format!("{reason}: {message}").into(),
    }
}

fn tls_policies(graph: &Graph) -> Vec<Value> {
    let policies = graph.tls_policies.iter().map(|verdict| {
        let ancestors = verdict.ancestors.iter().map(|it| it.ancestor.to_string());
        json!({
            "policy": verdict.policy.reference().to_string(),
            "ancestors": ancestors.collect::<Vec<_>>(),
            "accepted": outcome(&verdict.accepted),
            "resolvedRefs": outcome(&verdict.resolved_refs),
        })
    });
    policies.collect()
}

fn gateways(graph: &Graph) -> Vec<Value> {
    let gateways = graph.gateways.iter().map(|gateway| {
        let listeners = gateway.listeners.iter().map(|listener| {
            let verdict = &listener.verdict;
            let mut shown = Map::new();
            shown.insert("listener".into(), listener.spec.name.clone().into());
            shown.insert("accepted".into(), outcome(&verdict.accepted));
            shown.insert("resolvedRefs".into(), outcome(&verdict.resolved_refs));
            if let Some(conflict) = verdict.conflicted {
                shown.insert("conflicted".into(), conflict.into());
            }
            shown.insert("attachedRoutes".into(), verdict.attached_routes.into());
            Value::Object(shown)
        });
        json!({
            "gateway": gateway.object.reference().to_string(),
            "accepted": outcome(&gateway.accepted),
            "listeners": listeners.collect::<Vec<_>>(),
        })
    });
    gateways.collect()
}

fn routes(graph: &Graph) -> Vec<Value> {
    let routes = graph.routes.iter().map(|verdict| {
        let parents = verdict.parents.iter().map(|parent| {
            json!({
                "parent": parent.parent.name,
                "accepted": outcome(&parent.accepted),
                "resolvedRefs": outcome(&parent.resolved_refs),
            })
        });
        json!({
            "route": verdict.route.reference().to_string(),
            "parents": parents.collect::<Vec<_>>(),
        })
    });
    routes.collect()
}

/// Diagnostics, one line each, with notes and help below.
pub(crate) fn diagnostics(found: &[Diagnostic]) -> String {
    let mut text = String::new();
    for found in found {
        let severity = format!("{:?}", found.severity).to_lowercase();
        let Diagnostic {
            code,
            message,
            object,
            path,
            ..
        } = found;
        let place = found.place();
        text.push_str(&format!(
            "{place} {severity}[{code}] {object} {path}: {message}\n"
        ));
        for note in &found.notes {
            text.push_str(&format!("  note: {note}\n"));
        }
        if let Some(help) = &found.help {
            text.push_str(&format!("  help: {help}\n"));
        }
    }
    text
}

/// A shuffle that is the same at every run.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap();
        items.swap(last, other);
    }
}
