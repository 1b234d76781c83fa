// SPDX-License-Identifier: Apache-2.0
//! Envoys as a table.
//!
//! In: the ledger as the admin API of a running instance has it. Out: a row per Envoy, with its own
//! words for what it refuses.

use anstyle::Style;
use serde_json::Value;

use crate::output::{
    Cell, Table,
    style::{BAD, DIM, DOUBT, GOOD, PLAIN},
};

/// The table; empty when there is no ledger.
pub fn table(ledger: &Value, width: Option<usize>) -> String {
    if ledger.is_null() {
        return String::new();
    }
    let mut table = Table::new(0, &["ENVOY", "GATEWAY", "STATE"]);
    for node in items(ledger, "nodes") {
        let (state, style) = state(node);
        table.row([
            Cell::new(text(node, "id"), PLAIN),
            Cell::new(text(node, "gateway"), DIM),
            Cell::new(state, style),
        ]);
        for (service, record) in types(node) {
            for refused in items(record, "refused") {
                let (name, message) = (text(refused, "name"), one_line(text(refused, "message")));
                table.note(format!("refuses {service} {name}: {message}"), BAD);
            }
        }
    }
    for node in items(ledger, "refused_nodes") {
        let state = Cell::new("not served", BAD);
        table.row([
            Cell::new(text(node, "id"), PLAIN),
            Cell::new("", DIM),
            state,
        ]);
        table.note(text(node, "reason"), BAD);
    }
    table.render(width)
}

/// `in step`, `behind (cds)`, `gone`, and how much it refuses.
fn state(node: &Value) -> (String, Style) {
    if node["connected"] != true {
        return (
            format!("gone since {}", text(node, "disconnected_at")),
            DOUBT,
        );
    }
    let behind: Vec<&str> = types(node)
        .filter(|(_, record)| record["sent"]["version"] != record["accepted"]["version"])
        .map(|(service, _)| service.as_str())
        .collect();
    let refused: usize = types(node).map(|(_, it)| items(it, "refused").len()).sum();
    match (refused, behind.as_slice()) {
        (0, []) => ("in step".to_owned(), GOOD),
        (0, some) => (format!("behind ({})", some.join(", ")), DOUBT),
        (1, _) => ("refuses 1 resource".to_owned(), BAD),
        (some, _) => (format!("refuses {some} resources"), BAD),
    }
}

fn types(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node["types"].as_object().into_iter().flatten()
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_who_is_where() {
        let node = |id: &str, accepted: &str, refused: Value| {
            let cds = json!({
                "sent": { "version": "1" },
                "accepted": { "version": accepted },
                "refused": refused,
            });
            json!({ "id": id, "gateway": "d/g", "connected": true, "types": { "cds": cds } })
        };
        let bad = json!([{ "name": "c", "message": "no\n  good\n" }]);
        let gone =
            json!({ "id": "d", "gateway": "d/g", "connected": false, "disconnected_at": "T" });
        let lost = json!({ "id": "e", "reason": "names no Gateway" });
        let ledger = json!({
            "nodes": [node("a", "1", json!([])), node("b", "0", json!([])), node("c", "1", bad), gone],
            "refused_nodes": [lost],
        });
        let shown = anstream::adapter::strip_str(&table(&ledger, None)).to_string();
        let expected = "\
ENVOY  GATEWAY  STATE
a      d/g      in step
b      d/g      behind (cds)
c      d/g      refuses 1 resource
  refuses cds c: no good
d      d/g      gone since T
e               not served
  names no Gateway
";
        assert_eq!(shown, expected);
        assert_eq!(table(&Value::Null, None), "");
    }
}
