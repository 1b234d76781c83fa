// SPDX-License-Identifier: Apache-2.0
//! The status that stands, and the one that should.
//!
//! In: both. Out: what to write, or that nothing differs. Times are of the last transition: a
//! condition that keeps its status keeps its time.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The status to write, with times; `None` when what stands says the same already.
pub(super) fn merged(stands: &Value, wanted: &Value, controllers: &[String]) -> Option<Value> {
    let now = now();
    let mut status = timed(stands, wanted, &now);
    for (list, reference) in ENTRIES {
        let Some(entries) = status.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        let old = stands.get(list).and_then(Value::as_array);
        let old: Vec<&Value> = old.into_iter().flatten().collect();
        for entry in entries.iter_mut() {
            let same = |it: &&&Value| {
                it["controllerName"] == entry["controllerName"]
                    && alike(&it[reference], &entry[reference])
            };
            let before = old
                .iter()
                .find(same)
                .map_or(Value::Null, |it| (*it).clone());
            *entry = timed(&before, entry, &now);
        }
        let others = old.into_iter().filter(|it| !is_ours(it, controllers));
        entries.splice(0..0, others.cloned());
    }
    (!says(stands, &status)).then_some(status)
}

/// What stands, without entries of ours; `None` when there are none.
pub(super) fn without(stands: &Value, controllers: &[String]) -> Option<Value> {
    let mut found = false;
    let mut status = json!({});
    for (list, _) in ENTRIES {
        let Some(entries) = stands.get(list).and_then(Value::as_array) else {
            continue;
        };
        let others = entries.iter().filter(|it| !is_ours(it, controllers));
        let others: Vec<Value> = others.cloned().collect();
        found |= others.len() < entries.len();
        status[list] = others.into();
    }
    found.then_some(status)
}

/// Lists whose entries belong to controllers, and the field that says what an entry is about.
const ENTRIES: [(&str, &str); 2] = [("parents", "parentRef"), ("ancestors", "ancestorRef")];

fn is_ours(entry: &Value, controllers: &[String]) -> bool {
    let name = entry["controllerName"].as_str().unwrap_or_default();
    controllers.iter().any(|it| it == name)
}

/// `wanted` with a time at each condition, of it and of its listeners.
fn timed(stands: &Value, wanted: &Value, now: &str) -> Value {
    let mut status = wanted.clone();
    for condition in list_of(&mut status, "conditions") {
        let before = stands["conditions"].as_array().into_iter().flatten();
        let mut same = before.filter(|it| it["type"] == condition["type"]);
        let kept = same.find(|it| it["status"] == condition["status"]);
        let time = kept.map(|it| it["lastTransitionTime"].clone());
        condition["lastTransitionTime"] = time.unwrap_or_else(|| now.into());
    }
    for listener in list_of(&mut status, "listeners") {
        let mut before = stands["listeners"].as_array().into_iter().flatten();
        let before = before.find(|it| it["name"] == listener["name"]);
        *listener = timed(before.unwrap_or(&Value::Null), listener, now);
    }
    status
}

fn list_of<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = value.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// Whether `stands` says all that `status` does. Objects may say more: other writers' fields, and
/// conditions of other writers. Lists of entries are compared whole.
fn says(stands: &Value, status: &Value) -> bool {
    match (stands, status) {
        (Value::Object(stands), Value::Object(status)) => status.iter().all(|(key, value)| {
            let before = stands.get(key).unwrap_or(&Value::Null);
            match (key.as_str(), before, value) {
                ("conditions", Value::Array(before), Value::Array(wanted)) => {
                    wanted.iter().all(|it| has_condition(before, it))
                }
                // An API server leaves empty lists out, or keeps them.
                (_, Value::Null, Value::Array(list)) => list.is_empty(),
                _ => says(before, value),
            }
        }),
        (Value::Array(stands), Value::Array(status)) => {
            stands.len() == status.len() && stands.iter().zip(status).all(|(a, b)| says(a, b))
        }
        _ => stands == status,
    }
}

fn has_condition(stands: &[Value], wanted: &Value) -> bool {
    stands.iter().any(|it| {
        ["type", "status", "reason", "message", "observedGeneration"]
            .iter()
            .all(|field| it.get(field) == wanted.get(field))
    })
}

/// Whether two references mean the same; fields that an API server fills in may be missing.
fn alike(a: &Value, b: &Value) -> bool {
    let fields = ["group", "kind", "namespace", "name", "sectionName", "port"];
    fields
        .iter()
        .all(|field| match (a.get(field), b.get(field)) {
            (Some(a), Some(b)) => a == b,
            (None, None) => true,
            _ => matches!(*field, "group" | "kind" | "namespace"),
        })
}

fn now() -> String {
    // Kubernetes' times have whole seconds.
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
