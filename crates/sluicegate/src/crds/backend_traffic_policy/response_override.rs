// SPDX-License-Identifier: Apache-2.0
//! Responses that are replaced.
//!
//! In: nothing. Out: the schema of `responseOverride`.

use crate::crds::schema::{Schema, header_name, integer, list, object, string, text, word};

pub(super) fn response_override() -> Schema {
    let item = object([
        ("match", matches()),
        ("response", response()),
        ("redirect", redirect()),
        (
            "source",
            word(&["All", "Local", "Backend"]).says(
                "Whose responses: everyone's, the gateway's own, the backend's. Absent: All.",
            ),
        ),
    ])
    .required(&["match"])
    .exactly_one(&["response", "redirect"]);
    list(item, 0, 64).says("Responses that the client gets in place of others.")
}

fn matches() -> Schema {
    let status = || integer(100, 599);
    let range = object([("start", status()), ("end", status())])
        .required(&["start", "end"])
        .rule(
            "self.end > self.start",
            "end must be greater than start: swap them, or use value",
        );
    let code = object([
        ("type", word(&["Value", "Range"]).says("Absent: Value.")),
        ("value", status()),
        ("range", range),
    ])
    .rule(
        "has(self.type) && self.type == 'Range' ? has(self.range) && !has(self.value) : \
         has(self.value) && !has(self.range)",
        "set value when type is Value, range when type is Range, and not the other",
    );
    let value = object([
        (
            "type",
            word(&["Exact", "Prefix", "Suffix", "RegularExpression"]).says("Absent: Exact."),
        ),
        ("value", text(1, 1024)),
    ])
    .required(&["value"]);
    let header = object([("name", header_name()), ("value", value)]).required(&["name", "value"]);
    object([
        ("statusCodes", list(code, 1, 50)),
        ("responseHeaders", list(header, 1, 16)),
    ])
    .at_least_one(&["statusCodes", "responseHeaders"])
}

fn response() -> Schema {
    let reference = object([
        ("group", text(0, 253)),
        ("kind", text(1, 63)),
        ("name", text(1, 253)),
    ])
    .required(&["kind", "name"])
    .rule(
        "(!has(self.group) || self.group == '') && self.kind == 'ConfigMap'",
        "must reference a ConfigMap: write group \"\" and kind ConfigMap",
    );
    let body = object([
        (
            "type",
            word(&["Inline", "ValueRef"]).says("Absent: Inline."),
        ),
        ("inline", string()),
        (
            "valueRef",
            reference.says("A ConfigMap: its key response.body, else its first key."),
        ),
    ])
    .rule(
        "has(self.type) && self.type == 'ValueRef' ? has(self.valueRef) && !has(self.inline) : \
         has(self.inline) && !has(self.valueRef)",
        "set inline when type is Inline, valueRef when type is ValueRef, and not the other",
    );
    let header =
        object([("name", header_name()), ("value", text(1, 4096))]).required(&["name", "value"]);
    let headers = || list(header.clone(), 0, 16).keyed(&["name"]);
    object([
        ("contentType", text(1, 4096)),
        ("body", body),
        ("statusCode", integer(100, 599)),
        (
            "header",
            object([
                ("set", headers()),
                ("add", headers()),
                ("remove", list(string(), 0, 16)),
            ])
            .says("What is set and added.")
            .rule(
                "!has(self.remove) || size(self.remove) == 0",
                "a response override cannot remove headers: drop remove",
            ),
        ),
    ])
}

fn redirect() -> Schema {
    let path = object([
        ("type", word(&["ReplaceFullPath"])),
        ("replaceFullPath", text(1, 1024)),
    ])
    .required(&["type", "replaceFullPath"]);
    object([
        ("scheme", word(&["http", "https"])),
        ("hostname", text(1, 253)),
        ("path", path),
        ("port", integer(1, 65_535)),
        ("statusCode", integer(301, 302).says("Absent: 302.")),
    ])
}
