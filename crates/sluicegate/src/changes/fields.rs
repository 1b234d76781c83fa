// SPDX-License-Identifier: Apache-2.0
//! Which fields differ between two values.
//!
//! In: two JSON values. Out: each leaf that differs, with its path. Items of a list that all have
//! names are compared by name, others by place.

use serde_json::{Map, Value};

use super::What;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    /// An item of a list: its name, if all have one, and its place on either side.
    Item {
        name: Option<String>,
        before: usize,
        after: usize,
    },
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) path: Vec<Step>,
    pub(super) what: What,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
}

/// The differences of two resources: named items are found by their names.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    walk_all(old, new, name_of)
}

/// The differences of two manifests, in which names are values like others.
pub(super) fn differences_by_place(old: &Value, new: &Value) -> Vec<Difference> {
    walk_all(old, new, |_| None)
}

fn walk_all(old: &Value, new: &Value, name_of: NameOf) -> Vec<Difference> {
    let mut walk = Walk {
        name_of,
        path: Vec::new(),
        found: Vec::new(),
    };
    walk.walk(Some(old), Some(new));
    walk.found
}

impl Difference {
    /// Of a resource as a whole.
    pub(super) fn whole(what: What) -> Self {
        Self {
            path: Vec::new(),
            what,
            old: None,
            new: None,
        }
    }

    /// The path for people; `grouped` says `[*]` for named items.
    pub(super) fn text(&self, grouped: bool) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if name.contains(['.', '/']) => {
                    text.push_str(&format!("[{name}]"));
                }
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.push_str(&format!(".{name}")),
                Step::Item { name: Some(_), .. } if grouped => text.push_str("[*]"),
                Step::Item {
                    name: Some(name), ..
                } => text.push_str(&format!("[{name}]")),
                Step::Item { before, after, .. } => {
                    let at = if self.new.is_some() { after } else { before };
                    text.push_str(&format!("[{at}]"));
                }
            }
        }
        text
    }

    /// The innermost named item that the path goes through.
    pub(super) fn item(&self) -> Option<&str> {
        let names = self.path.iter().rev().filter_map(|step| match step {
            Step::Item { name, .. } => name.as_deref(),
            Step::Field(_) => None,
        });
        names.into_iter().next()
    }

    /// The names of its fields, from the outside.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.path.iter().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item { .. } => None,
        })
    }
}

type NameOf = fn(&Value) -> Option<String>;

struct Walk {
    name_of: NameOf,
    path: Vec<Step>,
    found: Vec<Difference>,
}

impl Walk {
    fn walk(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let empty = Map::new();
        let object = |value: &Value| value.as_object().is_some_and(|it| !it.is_empty());
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => self.objects(old, new),
            (Some(Value::Object(old)), None) if !old.is_empty() => self.objects(old, &empty),
            (None, Some(Value::Object(new))) if !new.is_empty() => self.objects(&empty, new),
            (Some(Value::Array(old)), Some(Value::Array(new)))
                if old.iter().chain(new).any(object) =>
            {
                self.lists(old, new);
            }
            (Some(Value::Array(old)), None) if old.iter().any(object) => self.lists(old, &[]),
            (None, Some(Value::Array(new))) if new.iter().any(object) => self.lists(&[], new),
            _ => self.push(What::Changed, (old, new)),
        }
    }

    fn push(&mut self, what: What, (old, new): (Option<&Value>, Option<&Value>)) {
        self.found.push(Difference {
            path: self.path.clone(),
            what,
            old: old.cloned(),
            new: new.cloned(),
        });
    }

    fn step(&mut self, step: Step, inner: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inner(self);
        self.path.pop();
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let step = Step::Field(key.clone());
            self.step(step, |walk| walk.walk(old.get(key), new.get(key)));
        }
    }

    fn lists(&mut self, old: &[Value], new: &[Value]) {
        match (self.names(old), self.names(new)) {
            (Some(before), Some(after)) => self.named((&before, old), (&after, new)),
            _ => self.placed(old, new),
        }
    }

    /// The name of each item, if all have one of their own.
    fn names(&self, items: &[Value]) -> Option<Vec<String>> {
        let names: Option<Vec<String>> = items.iter().map(self.name_of).collect();
        let names = names?;
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).any(|two| two[0] == two[1]);
        (!twice).then_some(names)
    }

    fn named(&mut self, (before, old): (&[String], &[Value]), (after, new): (&[String], &[Value])) {
        let place = |names: &[String]| -> std::collections::HashMap<String, usize> {
            let places = names.iter().cloned().enumerate();
            places.map(|(at, name)| (name, at)).collect()
        };
        let (olds, news) = (place(before), place(after));
        let step = |name: &str, before: usize, after: usize| Step::Item {
            name: Some(name.to_owned()),
            before,
            after,
        };
        let mut last = None;
        let mut is_reordered = false;
        for (at, name) in before.iter().enumerate() {
            let Some(&to) = news.get(name) else {
                let gone = |walk: &mut Self| walk.push(What::ItemRemoved, (None, None));
                self.step(step(name, at, at), gone);
                continue;
            };
            is_reordered |= last.is_some_and(|last| last > to);
            last = Some(to);
            self.step(step(name, at, to), |walk| {
                walk.walk(Some(&old[at]), Some(&new[to]));
            });
        }
        for (at, name) in after.iter().enumerate() {
            if !olds.contains_key(name) {
                let come = |walk: &mut Self| walk.push(What::ItemAdded, (None, None));
                self.step(step(name, at, at), come);
            }
        }
        if is_reordered {
            self.push(What::Reordered, (None, None));
        }
    }

    /// What both begin and end with is the same; the rest is paired by place.
    fn placed(&mut self, old: &[Value], new: &[Value]) {
        let same = |(a, b): &(&Value, &Value)| a == b;
        let head = old.iter().zip(new).take_while(same).count();
        let most = old.len().min(new.len()) - head;
        let ends = old.iter().rev().zip(new.iter().rev());
        let tail = match old.len() == new.len() {
            true => 0,
            false => ends.take(most).take_while(same).count(),
        };
        let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
        for at in head..old.len().max(new.len()) {
            let step = Step::Item {
                name: None,
                before: at,
                after: at,
            };
            self.step(step, |walk| walk.walk(old.get(at), new.get(at)));
        }
    }
}

/// What an item of a list of Envoy's is known by: its name, or the address of an endpoint.
fn name_of(item: &Value) -> Option<String> {
    if let Some(name) = item.get("name").and_then(Value::as_str) {
        return (!name.is_empty()).then(|| name.to_owned());
    }
    let socket = item.pointer("/endpoint/address/socket_address")?;
    let address = socket.get("address")?.as_str()?;
    Some(format!("{address}:{}", socket.get("port_value")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: &Value, new: &Value) -> Vec<String> {
        let found = differences(old, new);
        let told = found.iter().map(|it| {
            let value = |value: &Option<Value>| value.as_ref().map_or("-".into(), Value::to_string);
            format!(
                "{:?} {} {} {}",
                it.what,
                it.text(false),
                value(&it.old),
                value(&it.new)
            )
        });
        told.collect()
    }

    #[test]
    fn leaves_have_their_paths() {
        let old = json!({"a": 1, "b": {"c.d": {"e": "x"}}, "t": [{"m": 1}, {"m": 2}], "g": [1]});
        let new = json!({"a": 1, "b": {"c.d": {"e": "y"}}, "t": [{"m": 1}, {"m": 3, "n": {}}], "z": {"y": 1}});
        let expected = [
            "Changed b[c.d].e \"x\" \"y\"",
            "Changed t[1].m 2 3",
            "Changed t[1].n - {}",
            "Changed g [1] -",
            "Changed z.y - 1",
        ];
        assert_eq!(told(&old, &new), expected);
    }

    #[test]
    fn named_items_are_found_wherever_they_are() {
        let old = json!({"r": [{"name": "a", "v": 1}, {"name": "b"}, {"name": "c"}]});
        let new = json!({"r": [{"name": "n"}, {"name": "b"}, {"name": "a", "v": 2}]});
        let expected = [
            "Changed r[a].v 1 2",
            "ItemRemoved r[c] - -",
            "ItemAdded r[n] - -",
            "Reordered r - -",
        ];
        assert_eq!(told(&old, &new), expected);
    }

    #[test]
    fn items_without_names_are_compared_from_both_ends() {
        let old = json!([{"x": 1}, {"x": 2}, {"x": 3}]);
        let new = json!([{"x": 1}, {"x": 3}]);
        assert_eq!(told(&old, &new), ["Changed [1].x 2 -"]);
    }
}
