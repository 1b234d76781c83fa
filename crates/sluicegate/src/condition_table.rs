// SPDX-License-Identifier: Apache-2.0
//! Conditions as a table.
//!
//! In: a status list as [`sluicegate_status::list`] makes it, from here or from a running instance.
//! Out: a row per object and listener, parent or ancestor, with sentences for what is not well.

use anstyle::Style;
use serde_json::Value;

use crate::output::{
    Cell, Table,
    style::{BAD, DIM, DOUBT, GOOD, PLAIN},
};

/// Conditions that are good news when they are False.
const NEGATIVE: [&str; 5] = [
    "Conflicted",
    "Overridden",
    "OverlappingTLSConfig",
    "PartiallyInvalid",
    "Warning",
];

/// The table.
pub fn table(list: &Value, width: Option<usize>) -> String {
    let mut table = Table::new(0, &["OBJECT", "AT", "CONDITIONS"]);
    for item in items(list, "items") {
        let object = object(item);
        let status = &item["status"];
        if status["conditions"].is_array() {
            add(&mut table, &object, "", &status["conditions"]);
        }
        let places = [
            ("listeners", listener as fn(&Value) -> String),
            ("parents", parent),
            ("ancestors", ancestor),
        ];
        for (list, name) in places {
            for entry in items(status, list) {
                add(&mut table, &object, &name(entry), &entry["conditions"]);
            }
        }
        if items(status, "parents").is_empty() && status["parents"].is_array() {
            add(&mut table, &object, "-", &Value::Null);
        }
    }
    table.render(width)
}

/// Whether every condition of a policy's status is good news.
pub fn is_well(status: &Value) -> bool {
    let ancestors = items(status, "ancestors").iter();
    let mut conditions = ancestors.flat_map(|it| items(it, "conditions"));
    conditions.all(|it| word(it).is_none_or(|(_, style)| style == GOOD))
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// `Kind namespace/name`, with ` (file:line)` where that is known.
fn object(item: &Value) -> String {
    let (kind, name) = (text(item, "kind"), text(item, "name"));
    let name = match text(item, "namespace") {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    };
    match text(item, "source") {
        "" => name,
        source => format!("{name} ({source})"),
    }
}

fn listener(entry: &Value) -> String {
    let routes = entry["attachedRoutes"].as_u64().unwrap_or_default();
    let noun = if routes == 1 { "route" } else { "routes" };
    format!("listener {} ({routes} {noun})", text(entry, "name"))
}

fn parent(entry: &Value) -> String {
    let reference = &entry["parentRef"];
    match text(reference, "sectionName") {
        "" => object(reference),
        section => format!("{}, {section}", object(reference)),
    }
}

fn ancestor(entry: &Value) -> String {
    object(&entry["ancestorRef"])
}

fn add(table: &mut Table, object: &str, place: &str, conditions: &Value) {
    let conditions = conditions.as_array().map_or(&[][..], Vec::as_slice);
    let mut words = Vec::new();
    let mut sentences = Vec::new();
    let mut worst = GOOD;
    for condition in conditions {
        let Some((word, style)) = word(condition) else {
            continue;
        };
        if style != GOOD {
            let message = text(condition, "message");
            if !message.is_empty() && style != DIM {
                sentences.push((format!("{word}: {message}"), style));
            }
            worst = if worst == BAD { BAD } else { style };
        }
        words.push(word);
    }
    let words = Cell::new(words.join(", "), worst);
    table.row([Cell::new(object, PLAIN), Cell::new(place, DIM), words]);
    for (sentence, style) in sentences {
        table.note(sentence, style);
    }
}

/// `Accepted`, `Attached (Merged)`, `not Accepted (Invalid)`; nothing for bad news that is not.
fn word(condition: &Value) -> Option<(String, Style)> {
    let name = text(condition, "type");
    let reason = text(condition, "reason");
    let suffix = match reason {
        "" | "Valid" => String::new(),
        same if same == name => String::new(),
        other => format!(" ({other})"),
    };
    let negative = NEGATIVE.contains(&name);
    match (text(condition, "status"), negative) {
        ("True", false) if reason == "Merged" || reason == "ListenersNotValid" => {
            Some((format!("{name}{suffix}"), DOUBT))
        }
        ("True", false) => Some((format!("{name}{suffix}"), GOOD)),
        ("True", true) => Some((format!("{name}{suffix}"), DOUBT)),
        ("False", true) => None,
        ("False", false) => Some((format!("not {name}{suffix}"), BAD)),
        _ => Some((format!("{name} unknown"), DIM)),
    }
}
