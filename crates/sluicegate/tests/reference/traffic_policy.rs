// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicy's fields: what holds them to the truth.
//!
//! In: the schema, the decoder, the examples and what each of them comes to. Out: the page of `page`,
//! and whatever does not fit together.

mod defaults;
mod page;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluicegate_manifest::{FieldPath, Segment};
use sluicegate_resource::fields_read;

use self::defaults::{default_of, with_default};
use crate::{
    example::{self, Example, pointer},
    observe::{Explained, Place, Scene, Seen, below_spec, is_name},
    schema::{self, Field},
};

/// Fields that say where or how the others hold, and become nothing themselves.
const OF_THE_POLICY: [&str; 4] = ["targetRef", "targetRefs", "targetSelectors", "mergeType"];

/// Fields that Envoy has none for, and why.
const WITHOUT_FIELD: [(&str, &str); 10] = [
    ("healthCheck.active.type", AGAIN),
    ("healthCheck.active.http.expectedResponse.type", AGAIN),
    ("healthCheck.active.http.requestBody.type", AGAIN),
    ("healthCheck.active.tcp.send.type", AGAIN),
    ("healthCheck.active.tcp.receive.type", AGAIN),
    ("rateLimit.type", "which of the blocks counts"),
    ("compression[].gzip", AGAIN),
    ("compression[].brotli", AGAIN),
    ("compression[].zstd", AGAIN),
    ("responseOverride[].response.body.valueRef.group", AGAIN),
];

const AGAIN: &str = "says again what the fields beside it say";

/// What was seen of a field in all examples.
#[derive(Default)]
struct Told {
    /// Fields of Envoy that are others when it is another.
    envoy: BTreeSet<String>,
    /// What our data plane does not enforce because of it.
    unenforced: BTreeSet<String>,
    is_not_enforced: bool,
    is_refused: bool,
}

/// Everything that is known about the fields.
struct Fields {
    spec: Value,
    all: Vec<Field>,
    scene: Scene,
    told: BTreeMap<String, Told>,
    /// Fields that decoding asks for.
    read: BTreeSet<String>,
    /// Settings that `explain` shows, each with the field of Envoy that it names.
    claimed: BTreeSet<(String, Option<&'static str>)>,
    /// What `explain` shows, by section.
    shown: BTreeMap<String, Vec<String>>,
    problems: Vec<String>,
}

/// The page, and what does not fit together.
pub(crate) fn page() -> (String, Vec<String>) {
    let spec = schema::spec("BackendTrafficPolicy");
    let mut fields = Fields {
        all: schema::fields(&spec),
        spec,
        scene: Scene::new(),
        told: BTreeMap::new(),
        read: BTreeSet::new(),
        claimed: BTreeSet::new(),
        shown: BTreeMap::new(),
        problems: Vec::new(),
    };
    for example in example::all() {
        fields.look_at(&example);
    }
    fields.compare_other_names();
    fields.compare_with_decoder();
    fields.compare_defaults();
    fields.compare_explain();
    fields.compare_enforcement();
    (fields.text(), fields.problems)
}

impl Fields {
    fn field(&self, path: &str) -> Option<&Field> {
        self.all.iter().find(|it| it.path == path)
    }

    /// Sees a policy, and which fields its decoder asks for.
    fn see(&mut self, spec: &str) -> Seen {
        let seen = self.scene.see(spec);
        for path in fields_read(&seen.document) {
            let below =
                matches!(path.segments(), [Segment::Field(first), _, ..] if first == "spec");
            if !below {
                continue;
            }
            match schema::name_of(&self.spec, &path) {
                Some(name) => drop(self.read.insert(name)),
                None => {
                    let problem = format!("{path} is decoded, and not in the schema");
                    self.problems.push(problem);
                }
            }
        }
        seen
    }

    fn look_at(&mut self, example: &Example) {
        let seen = self.see(&example.text);
        let is_refused = !seen.refused.is_empty();
        let explained = match is_refused {
            true => Explained::default(),
            false => seen.explained(&example.route),
        };
        for place in example.places() {
            let path = below_spec(&place);
            let Some(name) = schema::name_of(&self.spec, &place) else {
                self.problems.push(format!("{place} is not in the schema"));
                continue;
            };
            if is_refused {
                let is_reason = seen.refused.iter().any(|it| is_below(&path, it));
                if is_reason {
                    self.told.entry(name).or_default().is_refused = true;
                }
                continue;
            }
            let needs_none =
                OF_THE_POLICY.contains(&section(&name)) || why_without(&name).is_some();
            let mut settings = explained.fields.iter();
            if !needs_none && !settings.any(|(it, _)| is_below(&path, it)) {
                self.problems.push(format!("explain does not show {path}"));
            }
            let mut told = self.told.remove(&name).unwrap_or_default();
            told.is_not_enforced |= seen.not_enforced.iter().any(|it| is_below(&path, it));
            if told.envoy.is_empty() {
                self.change(example, &seen, (&place, &name), &mut told);
            }
            self.told.insert(name, told);
        }
        self.claimed.extend(explained.fields);
        self.show(example, explained.lines);
    }

    /// Keeps the first view of a section, and those of what is not enforced.
    fn show(&mut self, example: &Example, lines: String) {
        let sections = example.spec.as_object().into_iter().flatten();
        let mut sections = sections.map(|(name, _)| name.as_str());
        let own = sections.rfind(|it| !OF_THE_POLICY.contains(it));
        let Some(own) = own.filter(|_| !lines.is_empty()) else {
            return;
        };
        let shown = self.shown.entry(own.to_owned()).or_default();
        if shown.is_empty() || lines.contains("not enforced") {
            shown.push(lines);
        }
    }

    /// What another value at `place` changes.
    fn change(
        &mut self,
        example: &Example,
        seen: &Seen,
        (place, name): (&FieldPath, &str),
        told: &mut Told,
    ) {
        let words = self.field(name).map(Field::words).unwrap_or_default();
        let variants = example.variants(place, &words).into_iter();
        let blocks = example.without_blocks(place).into_iter();
        let blocks = blocks.map(|it| (it, true));
        let mut can_differ = false;
        for (variant, is_block) in variants.map(|it| (it, false)).chain(blocks) {
            // What cannot differ alone differs with its block.
            if is_block && can_differ {
                return;
            }
            let Some(other) = self.scene.see_valid(&variant.to_string()) else {
                continue;
            };
            can_differ = true;
            let differences = seen.differences(&other);
            if !differences.is_empty() {
                let gone = seen.unenforced.difference(&other.unenforced);
                told.unenforced.extend(gone.cloned());
                told.envoy.extend(differences);
                return;
            }
        }
    }

    /// Another name of a field comes to the same.
    fn compare_other_names(&mut self) {
        let names = self.all.iter().filter_map(|it| {
            let name = it.stands_for()?;
            Some((it.path.clone(), name))
        });
        for (other, name) in names.collect::<Vec<_>>() {
            let [from, to] = [&name, &other].map(|it| format!("/{}", it.replace('.', "/")));
            let examples = example::all();
            let example = examples.iter().find(|it| it.spec.pointer(&from).is_some());
            let Some(example) = example else {
                let problem = format!("{other} stands for {name}, which is nowhere");
                self.problems.push(problem);
                continue;
            };
            let moved = example.moved(&from, &to);
            let (one, two) = (self.see(&example.text), self.see(&moved.to_string()));
            if !two.refused.is_empty() || one.values != two.values {
                let problem = format!("{other} does not come to the same as {name}");
                self.problems.push(problem);
            }
        }
    }

    /// The schema has the decoder's fields, and an example each of them.
    fn compare_with_decoder(&mut self) {
        let unread = self.all.iter().filter(|it| !self.read.contains(&it.path));
        let unread = unread.map(|it| format!("{} is not decoded", it.path));
        let unseen = self.all.iter().filter(|it| {
            let is_seen = self.told.contains_key(&it.path) || self.is_other_name(&it.path);
            it.is_leaf() && !is_seen
        });
        let unseen = unseen.map(|it| format!("{} is in no example of policies.yaml", it.path));
        let found: Vec<String> = unread.chain(unseen).collect();
        self.problems.extend(found);
    }

    fn is_other_name(&self, path: &str) -> bool {
        let mut others = self.all.iter().filter(|it| it.stands_for().is_some());
        others.any(|it| is_below(path, &it.path))
    }

    /// Defaults are of fields, are those of the schema's descriptions, and hold.
    fn compare_defaults(&mut self) {
        let unknown = with_default().filter(|name| self.field(name).is_none());
        let unknown = unknown.map(|name| format!("{name} has a default, and is no field"));
        let names = self.all.iter().filter(|it| !self.is_other_name(&it.path));
        let wrong = names.filter_map(|it| {
            let said = it.absent()?;
            let default = default_of(&it.path).map(|(value, _)| value);
            let wrong = default != Some(said);
            wrong.then(|| format!("{} is {default:?}, the schema says {said:?}", it.path))
        });
        let found: Vec<String> = unknown.chain(wrong).collect();
        self.problems.extend(found);
        let mut seen = BTreeSet::new();
        for example in example::all() {
            for place in example.places() {
                let name = schema::name_of(&self.spec, &place).unwrap_or_default();
                if seen.insert(name.clone()) {
                    self.compare_default(&example, &place, &name);
                }
            }
        }
    }

    /// Writing the default changes nothing; that of somebody behind us, it adds.
    fn compare_default(&mut self, example: &Example, place: &FieldPath, name: &str) {
        let Some((default, origin)) = default_of(name) else {
            return;
        };
        let at = pointer(place);
        let without = example.without(&at).unwrap_or_default();
        let with = example.with(&at, example::value(default));
        let [without, with] = [without, with].map(|it| self.scene.see_valid(&it.to_string()));
        // A default in words is no value.
        let (Some(without), Some(with)) = (without, with) else {
            return;
        };
        let is_foreign = ["Envoy default", "kernel default"].contains(&origin);
        for (place, value) in &with.values {
            let known = without.values.get(place);
            let resource = |it: &Place| it.0 == place.0 && it.1 == place.1;
            let is_new = !without.values.keys().any(resource);
            let is_added = known.is_none() && (is_foreign || *value == [json!({})]);
            if known != Some(value) && !is_added && !is_new && !is_name(&place.2) {
                let problem = format!(
                    "{name}: {default} ({origin}) is not what holds: {} {value:?}, {known:?}",
                    place.2
                );
                self.problems.push(problem);
            }
        }
    }

    /// What `explain` calls Envoy's field of a setting is among those that it changes.
    fn compare_explain(&mut self) {
        for (setting, field) in &self.claimed {
            let Some(field) = field else { continue };
            let place = FieldPath::dotted(&format!("spec.{setting}"));
            let name = schema::name_of(&self.spec, &place).unwrap_or_default();
            let told = self.told.iter().filter(|(it, _)| is_below(it, &name));
            let mut changed = told.flat_map(|(_, told)| &told.envoy);
            // A resource of its own has every field.
            if !changed.any(|it| it.ends_with("of its own") || has_steps(it, field)) {
                let problem = format!("{setting} does not become {field}, which explain says");
                self.problems.push(problem);
            }
        }
    }

    /// What becomes nothing is refused, told, or excused.
    fn compare_enforcement(&mut self) {
        for (name, told) in &self.told {
            let is_told = told.is_refused || told.is_not_enforced;
            let is_excused = OF_THE_POLICY.contains(&section(name)) || why_without(name).is_some();
            if told.envoy.is_empty() && !is_told && !is_excused {
                let problem = format!("{name} becomes nothing, and nobody says why");
                self.problems.push(problem);
            }
            if why_without(name).is_some() && !told.envoy.is_empty() {
                let problem = format!("{name} is excused, and becomes something");
                self.problems.push(problem);
            }
        }
    }
}

/// Why Envoy has no field for this one.
fn why_without(name: &str) -> Option<&'static str> {
    let found = WITHOUT_FIELD.iter().find(|(known, _)| *known == name);
    found.map(|(_, why)| *why)
}

/// The first step of a path.
fn section(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// Whether `path` is `above` or a part of it.
fn is_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether `field` has all steps of `path` in their order; Envoy's extensions stand between them.
fn has_steps(field: &str, path: &str) -> bool {
    let mut steps = field.split(['.', '`', ' ']);
    path.split('.').all(|step| steps.any(|it| it == step))
}
