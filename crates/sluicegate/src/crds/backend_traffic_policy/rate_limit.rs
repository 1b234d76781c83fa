// SPDX-License-Identifier: Apache-2.0
//! Rate limits.
//!
//! In: nothing. Out: the schema of `rateLimit`.

use crate::crds::schema::{
    Schema, U32_MAX, boolean, has, header_name, integer, list, object, text, word,
};

pub(super) fn rate_limit() -> Schema {
    let local = list(rule(), 0, 16)
        .rule(
            "self.filter(rule, !has(rule.clientSelectors) || size(rule.clientSelectors) == 0)\
             .size() <= 1",
            "at most one local rule may have no clientSelectors: remove the others",
        )
        .rule(
            "self.all(rule, rule.limit.requests > 0)",
            "a local limit must allow at least 1 request: raise requests",
        )
        .rule(
            "self.all(rule, !has(rule.limit.fromMetadata))",
            "fromMetadata may only be set in global rules: remove it",
        )
        .rule(
            "self.all(rule, !has(rule.cost) || !has(rule.cost.response))",
            "cost.response may only be set in global rules: remove it",
        );
    object([
        (
            "type",
            word(&["Global", "Local"]).says("Which half is in force. Absent: both."),
        ),
        (
            "global",
            object([("rules", list(rule(), 0, 256))]).says("Counted by a rate limit service."),
        ),
        (
            "local",
            object([("rules", local)]).says("Counted by each gateway."),
        ),
    ])
    .says("Limits of requests by time.")
    .needs("global", "Global")
    .needs("local", "Local")
}

fn rule() -> Schema {
    let units = ["Second", "Minute", "Hour", "Day", "Week", "Month", "Year"];
    let limit = object([
        ("requests", integer(0, U32_MAX)),
        ("unit", word(&units)),
        ("fromMetadata", metadata()),
    ])
    .required(&["requests", "unit"]);
    object([
        (
            "clientSelectors",
            list(selector(), 0, 8)
                .says("Requests that are counted. Absent: all that no other rule matches."),
        ),
        ("limit", limit),
        (
            "cost",
            object([("request", cost()), ("response", cost())])
                .says("What a request counts. Absent: 1."),
        ),
        (
            "shared",
            boolean().says("One count for every route of the policy."),
        ),
        ("shadowMode", boolean().says("Counted, not enforced.")),
        ("xRateLimitHeaders", word(&["Off", "DraftVersion03"])),
    ])
    .required(&["limit"])
}

fn metadata() -> Schema {
    object([("namespace", text(1, 4096)), ("key", text(1, 4096))]).required(&["namespace", "key"])
}

fn cost() -> Schema {
    object([
        ("from", word(&["Number", "Metadata"])),
        ("number", integer(0, i64::MAX)),
        ("metadata", metadata()),
    ])
    .required(&["from"])
    .rule(
        "self.from == 'Number' ? has(self.number) && !has(self.metadata) : \
         has(self.metadata) && !has(self.number)",
        "set number when from is Number, metadata when from is Metadata, and not the other",
    )
}

fn selector() -> Schema {
    let types = ["Exact", "RegularExpression", "Distinct"];
    let headers = value(&types, "Distinct").fields([("name", header_name())]);
    let parameters = value(&types, "Distinct").fields([("name", text(1, 256))]);
    let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    let method = object([("value", word(&methods)), ("invert", boolean())]).required(&["value"]);
    let path = object([
        (
            "type",
            word(&["Exact", "PathPrefix", "RegularExpression"]).says("Absent: PathPrefix."),
        ),
        ("value", text(0, 1024).says("Absent: /.")),
        ("invert", boolean()),
    ]);
    let cidr = object([
        ("type", word(&["Exact", "Distinct"]).says("Absent: Exact.")),
        ("value", text(1, 256).says("Such as 10.0.0.0/8.")),
        ("invert", boolean()),
    ])
    .required(&["value"])
    .rule(
        "!has(self.type) || self.type != 'Distinct' || !has(self.invert) || !self.invert",
        "invert may not be set when type is Distinct: remove it",
    );
    object([
        ("headers", list(headers.required(&["name"]), 0, 128)),
        ("methods", list(method, 0, 16)),
        ("path", path),
        ("sourceCIDR", cidr),
        ("queryParams", list(parameters.required(&["name"]), 0, 16)),
    ])
    .at_least_one(&["headers", "methods", "path", "sourceCIDR", "queryParams"])
}

/// A value of a header or a parameter; `all` counts each value apart.
fn value(types: &[&str], all: &str) -> Schema {
    object([
        ("type", word(types).says("Absent: Exact.")),
        ("value", text(0, 1024)),
        ("invert", boolean()),
    ])
    .rule(
        &format!(
            "has(self.type) && self.type == '{all}' ? !has(self.value) && \
             !(has(self.invert) && self.invert) : {}",
            has("value")
        ),
        &format!("value must be set, except when type is {all}, which has no value and no invert"),
    )
}
