// SPDX-License-Identifier: Apache-2.0
//! Decoding of the rules of a GRPCRoute.
//!
//! In: the block of a rule. Out: a rule as HTTPRoutes have them, whose matches are methods.

use super::{
    super::reference,
    Carried, GrpcMethod, Matcher, PathMatch, RouteMatch, RouteRule, RouteTimeouts,
    backends::backend_ref,
    filters::filters,
    matches::{check_regex, headers},
};
use crate::admission::{Block, Field};

pub(super) fn rule(block: &Block<'_>, item: &Field<'_>) -> RouteRule {
    block.unsupported(&["sessionPersistence"]);
    let matches = block.list("matches", 0..=64);
    let backend_refs = block.list("backendRefs", 0..=16);
    let mut rule = RouteRule {
        name: reference::section_name(block, "name"),
        matches: matches
            .iter()
            .filter_map(|item| item.object(route_match))
            .collect(),
        filters: filters(block, Carried::Grpc),
        backend_refs: backend_refs
            .iter()
            .filter_map(|item| item.object(|block| backend_ref(block, item, Carried::Grpc)))
            .collect(),
        timeouts: RouteTimeouts::default(),
        retry: None,
        path: item.path(),
    };
    if rule.matches.is_empty() {
        rule.matches.push(any_method());
    }
    rule
}

/// API default: every method.
pub(super) fn any_method() -> RouteMatch {
    RouteMatch {
        path: PathMatch::Grpc(GrpcMethod::default()),
        headers: Vec::new(),
        query_params: Vec::new(),
        method: None,
    }
}

fn route_match(block: &Block<'_>) -> RouteMatch {
    let method = block
        .optional("method")
        .and_then(|field| field.object(|block| grpc_method(block, &field)));
    RouteMatch {
        path: PathMatch::Grpc(method.unwrap_or_default()),
        headers: headers(&block.list("headers", 0..=16)),
        ..any_method()
    }
}

fn grpc_method(block: &Block<'_>, field: &Field<'_>) -> GrpcMethod {
    let kind = block
        .optional("type")
        .and_then(|field| field.word(&["Exact", "RegularExpression"]));
    let regex = kind.as_deref() == Some("RegularExpression");
    let method = GrpcMethod {
        service: part(block, "service", regex),
        method: part(block, "method", regex),
    };
    if method == GrpcMethod::default() {
        field.reject("One or both of 'service' or 'method' must be specified");
    }
    method
}

fn part(block: &Block<'_>, name: &'static str, regex: bool) -> Option<Matcher> {
    let field = block.optional(name)?;
    let text = field.string()?;
    field.check_text_length(text, 1024);
    if text.is_empty() {
        return None;
    }
    if regex {
        check_regex(text, &field);
        return Some(Matcher::RegularExpression(text.to_owned()));
    }
    let valid = match name {
        "service" => text
            .strip_prefix('.')
            .unwrap_or(text)
            .split('.')
            .all(is_identifier),
        _ => is_identifier(text),
    };
    if !valid {
        field.reject(format!(
            "{name} must be made of letters, digits and '_', and not begin with a digit"
        ));
    }
    Some(Matcher::Exact(text.to_owned()))
}

/// An identifier of a protobuf file.
fn is_identifier(text: &str) -> bool {
    let follows = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(follows) && text.bytes().next().is_some_and(|it| !it.is_ascii_digit())
}
