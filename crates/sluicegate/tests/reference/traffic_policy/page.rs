// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicy's fields as a page.
//!
//! In: everything that is known about them. Out: Markdown: a table for each section of the policy,
//! and what `explain` shows of an example.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use super::{Fields, OF_THE_POLICY, Told, defaults::default_of, is_below, section, why_without};
use crate::{
    example, root, schema,
    table::{Row, table},
};

const SEED: &str = include_str!("../../../../../tests/seeds/002_ffee2fb803b5781a.txt");

/// Fields that Envoy Gateway does not have.
const OF_THE_SEED: [&str; 4] = [
    "circuitBreaker.maxConnectionPools",
    "connection.connectionLimit.closeDelay",
    "connection.connectionLimit.value",
    "loadBalancer.consistentHash.cookie.path",
];

/// What both planes do not do alike; `differences.md` has the details.
const UNLIKE: [(&str, &str, &str); 1] = [(
    "http2.onInvalidMessage",
    "Envoy; ours resets the stream in any case",
    "overrideStreamErrorOnInvalidHttpMessage",
)];

const INTRODUCTION: &str = "\
# BackendTrafficPolicy: every field and its Envoy field

Paths below `spec`; items of lists are `[]`. `backend-traffic-policy.md` says where a policy applies and what its \
settings do. The first column has Envoy Gateway's spelling, the second that of the founding document, where it has the \
field; both may be mixed. Fields of Envoy are those of the Cluster, unless another resource is named: those that are \
others when the policy has another value. Envoy and our data plane both enforce a field, unless its row says \
otherwise. A default of Envoy Gateway is one that we write out; one of Envoy or the kernel holds where nothing is \
written. What is absent is filled in after policies are merged. Below each table is what `sluicegate explain route` \
shows.

The test `reference` writes this page from the decoder, the schema of `sluicegate crds`, `explain` and the Envoy \
resources of `crates/sluicegate/tests/reference/policies.yaml`.
";

/// More fields than these are shown as the message that all of them are in.
const MOST_FIELDS: usize = 3;

impl Fields {
    /// The page.
    pub(super) fn text(&self) -> String {
        let of_seed = fields_of_seed();
        let mut sections: Vec<(String, Vec<Row>)> = Vec::new();
        for field in &self.all {
            let has_default = default_of(&field.path).is_some();
            if self.is_other_name(&field.path) || !field.is_leaf() && !has_default {
                continue;
            }
            let name = section(&field.path);
            let title = match OF_THE_POLICY.contains(&name) {
                true => "Where it applies".to_owned(),
                false => format!("`{name}`"),
            };
            let row = self.row(field, &of_seed);
            match sections.iter_mut().find(|(known, _)| *known == title) {
                Some((_, rows)) => rows.push(row),
                None => sections.push((title, vec![row])),
            }
        }
        let mut text = INTRODUCTION.to_owned();
        for (title, rows) in sections {
            let heads = ["Founding document", "Field of Envoy"];
            write!(text, "\n## {title}\n\n{}", table(heads, &rows)).unwrap();
            let shown = self.shown.get(title.trim_matches('`'));
            for lines in shown.into_iter().flatten() {
                write!(text, "\n```text\n{lines}\n```\n").unwrap();
            }
        }
        text
    }

    fn row(&self, field: &schema::Field, of_seed: &BTreeSet<String>) -> Row {
        let path = field.path.clone();
        let default = default_of(&path).map(|(value, origin)| {
            let value = value.trim_matches(['[', ']']);
            format!("{value} ({origin})")
        });
        let required = if field.is_required { "required" } else { "" };
        let empty = Told::default();
        let told = self.told.get(&path).unwrap_or(&empty);
        Row {
            spellings: self.spellings(&path, of_seed),
            kind: field.kind(),
            default: default.unwrap_or_else(|| required.to_owned()),
            envoy: short(&told.envoy),
            enforced: enforced(&path, told),
            field: path,
        }
    }

    /// What the founding document calls a field; other names in brackets.
    fn spellings(&self, path: &str, of_seed: &BTreeSet<String>) -> String {
        let others = self.all.iter().filter_map(|it| {
            let name = it.stands_for()?;
            let rest = path.strip_prefix(&name)?;
            is_below(path, &name).then(|| format!("{}{rest}", it.path))
        });
        let (seed, also): (Vec<_>, Vec<_>) = others.partition(|it| of_seed.contains(it));
        let here = of_seed.contains(path);
        let first = match seed.first() {
            Some(other) => format!("`{other}`"),
            None if here && OF_THE_SEED.contains(&path) => "only there".to_owned(),
            None if here => "the same".to_owned(),
            None => String::new(),
        };
        let also = also.into_iter().map(|it| format!("(also `{it}`)"));
        let all = std::iter::once(first).filter(|it| !it.is_empty());
        all.chain(also).collect::<Vec<_>>().join(" ")
    }
}

fn enforced(path: &str, told: &Told) -> String {
    if let Some((_, by, name)) = UNLIKE.iter().find(|(of, ..)| *of == path) {
        let differences = fs::read_to_string(root().join("docs/reference/differences.md")).unwrap();
        assert!(differences.contains(name), "differences.md has no {name}");
        return (*by).to_owned();
    }
    let enforced = match told {
        told if told.envoy.is_empty() && told.is_refused => "refused",
        told if told.is_not_enforced && told.envoy.is_empty() => "nobody; told `not-enforced`",
        told if told.is_not_enforced => "some values are told `not-enforced`",
        told if !told.unenforced.is_empty() => "Envoy; ours tells",
        _ => why_without(path).unwrap_or_default(),
    };
    enforced.to_owned()
}

/// The fields, by type of resource; where there are many the message that has them.
fn short(fields: &BTreeSet<String>) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for field in fields {
        let (kind, path) = field.split_once('`').unwrap_or((field, ""));
        let paths = kinds.entry(kind).or_default();
        paths.push(path.trim_end_matches('`'));
    }
    let mut shown = Vec::new();
    for (kind, paths) in kinds {
        let paths = match paths.len() > MOST_FIELDS {
            true => vec![message(&paths)],
            false => paths,
        };
        shown.extend(paths.iter().map(|path| match *path {
            "" => kind.trim().to_owned(),
            path => format!("{kind}`{path}`"),
        }));
    }
    shown.join(", ")
}

/// The steps that all paths begin with; empty for those that have none in common.
fn message<'p>(paths: &[&'p str]) -> &'p str {
    let Some(first) = paths.first() else {
        return "";
    };
    let ends = first.rmatch_indices('.').map(|(end, _)| end);
    let mut messages = ends.map(|end| &first[..end]);
    let found = messages.find(|message| paths.iter().all(|it| is_below(it, message)));
    found.unwrap_or_default()
}

/// The fields that the founding document shows.
fn fields_of_seed() -> BTreeSet<String> {
    let spec = schema::spec("BackendTrafficPolicy");
    let snippets = SEED.split("\n\n").filter_map(|it| {
        let (_, spec) = it.split_once("spec:\n")?;
        Some(example::value(&format!("spec:\n{spec}")))
    });
    let places = snippets.flat_map(|it| example::places(&it["spec"]));
    let names = places.filter_map(|it| schema::name_of(&spec, &it));
    names.collect()
}
