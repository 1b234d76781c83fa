// SPDX-License-Identifier: Apache-2.0
//! The page of BackendConfigPolicy's fields.
//!
//! In: the tables in the code, and the schema. Out: a row for each field.

use std::fs;

use sluicegate::explain::default_of;
use sluicegate_translate::fields;

use crate::{
    root, schema,
    table::{Row, table},
};

const INTRODUCTION: &str = "\
# BackendConfigPolicy: every field and its Envoy field

Made from the tables of `crates/translate/src/fields/config_policy.rs` and `crates/sluicegate/src/explain/defaults.rs`, and from the \
schema of `sluicegate crds`. Paths below `spec`, as `explain` shows them with value, line and Envoy field. Older \
spellings are taken as well, alone or mixed with today's; that of a block holds for everything below it. An API \
default holds where its block is written. Envoy and our data plane both enforce a field, unless its row says otherwise.

";

/// Who enforces what both planes do not; `differences.md` has the details.
const ENFORCED: [(&str, &str); 4] = [
    (
        "commonHttpProtocolOptions.maxHeadersCount",
        "both for responses; for requests our data plane",
    ),
    (
        "commonHttpProtocolOptions.headersWithUnderscoresAction",
        "our data plane",
    ),
    (
        "http2ProtocolOptions.overrideStreamErrorOnInvalidHttpMessage",
        "Envoy; ours resets the stream in any case",
    ),
    ("tls.allowRenegotiation", "Envoy; ours tells"),
];

/// The page.
pub(crate) fn page() -> String {
    let spec = schema::spec("BackendConfigPolicy");
    let known = schema::fields(&spec);
    let differences = fs::read_to_string(root().join("docs/reference/differences.md")).unwrap();
    let mut enforced: Vec<_> = ENFORCED.iter().collect();
    let mut rows = Vec::new();
    for (unit, leaf, field) in fields::rows() {
        let dot = if leaf.is_empty() { "" } else { "." };
        let path = format!("{unit}{dot}{leaf}");
        let older = fields::older_spellings(unit, leaf).into_iter();
        let older: Vec<String> = older.map(|it| format!("`{it}`")).collect();
        let default = default_of(unit, leaf).map(|(value, origin)| format!("{value} ({origin})"));
        let by = ENFORCED.iter().find(|(of, _)| *of == path);
        enforced.retain(|(of, _)| *of != path);
        let by = by.map_or("", |(of, by)| {
            let name = of.rsplit('.').next().unwrap();
            assert!(differences.contains(name), "differences.md has no {name}");
            by
        });
        let kind = known.iter().find(|it| it.path == path);
        let kind = kind.unwrap_or_else(|| panic!("the schema has no {path}"));
        rows.push(Row {
            field: path,
            spellings: older.join(", "),
            kind: kind.kind(),
            default: default.unwrap_or_default(),
            envoy: format!("`{field}`"),
            enforced: by.to_owned(),
        });
    }
    assert_eq!(enforced, Vec::<&(&str, &str)>::new());
    format!(
        "{INTRODUCTION}{}",
        table(["Older spelling", "Field of Envoy's Cluster"], &rows)
    )
}
