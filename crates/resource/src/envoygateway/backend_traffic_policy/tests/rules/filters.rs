// SPDX-License-Identifier: Apache-2.0
//! Rules V17 and V18: what is allowed in the blocks that become filters.

use super::super::{accepts, refuses};

const INVALID: &str = "invalid-value";
const REQUIRED: &str = "required-value";

#[test]
fn response_overrides() {
    let rows = [
        (
            "match: {statusCodes: [{value: 500}]}",
            (
                INVALID,
                "",
                "exactly one of the fields in [response redirect]",
            ),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, response: {}, redirect: {}",
            (
                INVALID,
                "",
                "exactly one of the fields in [response redirect]",
            ),
        ),
        (
            "match: {}, response: {}",
            (INVALID, ".match", "at least one of"),
        ),
        (
            "match: {statusCodes: []}, response: {}",
            (INVALID, ".match.statusCodes", "at least 1 items"),
        ),
        (
            "match: {statusCodes: [{type: Range, range: {start: 500, end: 500}}]}, response: {}",
            (
                INVALID,
                ".match.statusCodes[0].range",
                "end must be greater than start",
            ),
        ),
        (
            "match: {statusCodes: [{type: Range}]}, response: {}",
            (REQUIRED, ".match.statusCodes[0].range", "Required"),
        ),
        (
            "match: {statusCodes: [{value: 500, range: {start: 500, end: 501}}]}, response: {}",
            (INVALID, ".match.statusCodes[0].range", "when type is Value"),
        ),
        (
            "match: {responseHeaders: [{name: a, value: {type: RegularExpression, value: '('}}]}, response: {}",
            (
                INVALID,
                ".match.responseHeaders[0].value.value",
                "regular expression",
            ),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, response: {body: {type: ValueRef, inline: a}}",
            (REQUIRED, ".response.body.valueRef", "Required"),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, response: {body: {type: ValueRef, valueRef: {kind: Secret, name: s}}}",
            (
                INVALID,
                ".response.body.valueRef",
                "must reference a ConfigMap",
            ),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, response: {header: {remove: [a]}}",
            (INVALID, ".response.header.remove", "cannot remove headers"),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, redirect: {statusCode: 307}",
            (INVALID, ".redirect.statusCode", "must be 301 or 302"),
        ),
        (
            "match: {statusCodes: [{value: 500}]}, redirect: {path: {type: ReplacePrefixMatch, replaceFullPath: /a}}",
            (
                "unsupported-value",
                ".redirect.path.type",
                "\"ReplaceFullPath\"",
            ),
        ),
    ];
    for (item, (code, below, fragment)) in rows {
        let path = format!("spec.responseOverride[0]{below}");
        let mut expected = vec![(code, path.as_str(), fragment)];
        let inline = "spec.responseOverride[0].response.body.inline";
        if item.contains("inline: a") {
            expected.push((INVALID, inline, "when type is ValueRef"));
        }
        let spec = format!("responseOverride: [{{{item}}}]");
        refuses(&[("V18", &spec, &expected)]);
    }
}

#[test]
fn rate_limits_and_fractions() {
    let rule = |rule: &str| format!("rateLimit: {{local: {{rules: [{{{rule}}}]}}}}");
    let limit = "limit: {requests: 1, unit: Second}";
    let rows = [
        (
            format!("{limit}, clientSelectors: [{{}}]"),
            (
                INVALID,
                ".clientSelectors[0]",
                "at least one of the fields in [headers",
            ),
        ),
        (
            format!(
                "{limit}, clientSelectors: [{{headers: [{{name: a, type: Distinct, value: b}}]}}]"
            ),
            (
                INVALID,
                ".clientSelectors[0].headers[0].value",
                "when type is Distinct",
            ),
        ),
        (
            format!(
                "{limit}, clientSelectors: [{{headers: [{{name: a, type: Distinct, invert: true}}]}}]"
            ),
            (
                INVALID,
                ".clientSelectors[0].headers[0].invert",
                "when type is Distinct",
            ),
        ),
        (
            format!("{limit}, clientSelectors: [{{queryParams: [{{name: a}}]}}]"),
            (
                REQUIRED,
                ".clientSelectors[0].queryParams[0].value",
                "Required",
            ),
        ),
        (
            format!(
                "{limit}, clientSelectors: [{{path: {{type: RegularExpression, value: '['}}}}]"
            ),
            (
                INVALID,
                ".clientSelectors[0].path.value",
                "regular expression",
            ),
        ),
        (
            format!("{limit}, clientSelectors: [{{sourceCIDR: {{value: 10.0.0.1}}}}]"),
            (
                INVALID,
                ".clientSelectors[0].sourceCIDR.value",
                "10.0.0.0/8",
            ),
        ),
        (
            "limit: {requests: 1, unit: Second, fromMetadata: {namespace: a, key: b}}".to_owned(),
            (
                INVALID,
                ".limit.fromMetadata",
                "limit.fromMetadata may only be set in global rules",
            ),
        ),
        (
            format!("{limit}, cost: {{response: {{from: Number, number: 1}}}}"),
            (
                INVALID,
                ".cost.response",
                "cost.response may only be set in global rules",
            ),
        ),
        (
            format!(
                "{limit}, cost: {{request: {{from: Number, number: 1, metadata: {{namespace: a, key: b}}}}}}"
            ),
            (INVALID, ".cost.request.metadata", "may not be set together"),
        ),
    ];
    for (text, (code, below, fragment)) in &rows {
        let path = format!("spec.rateLimit.local.rules[0]{below}");
        refuses(&[("V18", &rule(text), &[(code, &path, fragment)])]);
    }
    let two = |first: &str, second: &str| {
        format!("rateLimit: {{local: {{rules: [{{{first}}}, {{{second}}}]}}}}")
    };
    let minute = "limit: {requests: 1, unit: Minute}";
    let selector = "clientSelectors: [{methods: [{value: GET}]}]";
    let second = "spec.rateLimit.local.rules[1]";
    refuses(&[
        (
            "V18 one default rule",
            &two(limit, limit),
            &[(
                INVALID,
                second,
                "at most one local rule may have no clientSelectors",
            )],
        ),
        (
            "V18 units are multiples",
            &two(minute, &format!("{limit}, {selector}")),
            &[(INVALID, second, "must be a multiple of the unit")],
        ),
        (
            "V18 fraction",
            "telemetry: {tracing: {samplingFraction: {numerator: 2, denominator: 1}}}",
            &[(
                INVALID,
                "spec.telemetry.tracing.samplingFraction",
                "numerator must be less than or equal to denominator",
            )],
        ),
        (
            "V18 bandwidth, no direction",
            "bandwidthLimit: {}",
            &[(INVALID, "spec.bandwidthLimit", "at least one of")],
        ),
        (
            "V18 bandwidth, a prefix that begins no name",
            "bandwidthLimit: {response: {limit: {value: 1Mi, unit: Second}, responseTrailers: {prefix: a b}}}",
            &[(
                INVALID,
                "spec.bandwidthLimit.response.responseTrailers.prefix",
                "must begin a header name",
            )],
        ),
        (
            "V18 bandwidth, less than 1 KiB/s",
            "bandwidthLimit: {request: {limit: {value: 1Mi, unit: Hour}}}",
            &[(
                INVALID,
                "spec.bandwidthLimit.request.limit",
                "at least 1 KiB per second",
            )],
        ),
    ]);
    accepts(&[("V18", &two(limit, &format!("{minute}, {selector}")), &[])]);
}
