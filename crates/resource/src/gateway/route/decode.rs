// SPDX-License-Identifier: Apache-2.0
//! Decoding of a route, and of the rules of an HTTPRoute.
//!
//! In: the root of a document. Out: the route; matches, filters and backends are next door.

use sluicegate_manifest::FieldPath;

use super::{
    super::reference, Carried, Filter, ParentRef, PathMatch, PathModifier, Route, RouteMatch,
    RouteRetry, RouteRule, RouteTimeouts, backends::backend_ref, filters::filters, grpc, layer4,
};
use crate::{
    Metadata,
    admission::{Block, Field, GATEWAY},
    decode::Body,
    value::is_hostname,
};

impl Body for Route {
    fn decode(root: &Block<'_>, metadata: &Metadata) -> Self {
        let carried = Carried::by(&metadata.reference.kind);
        if carried == Carried::Udp {
            layer4::tell_unserved(root);
        }
        let spec = root.required("spec");
        let route = spec.and_then(|field| {
            field.object(|block| match carried.is_requests() {
                true => Self::spec(block, carried),
                false => layer4::spec(block, carried, layer4::may_leave_out_hostnames(root)),
            })
        });
        route.unwrap_or_default()
    }
}

impl Route {
    fn spec(block: &Block<'_>, carried: Carried) -> Self {
        let parent_refs = parent_refs(block);
        let hostnames = block.list("hostnames", 0..=16);
        let rules = block.optional("rules").map(|field| {
            let items = field.items(1..=16);
            (field, items)
        });
        let rules = match rules {
            Some((field, items)) => decode_rules(&field, &items, carried),
            // API default: one rule that matches everything.
            None => vec![default_rule(
                block.field.path().field("rules").index(0),
                carried,
            )],
        };
        Self {
            carried,
            parent_refs,
            hostnames: hostnames.iter().filter_map(hostname).collect(),
            rules,
        }
    }
}

/// What every kind of route says about its parents.
pub(super) fn parent_refs(block: &Block<'_>) -> Vec<ParentRef> {
    block.unsupported(&["useDefaultGateways"]);
    let mut parents: Vec<ParentRef> = Vec::new();
    for item in block.list("parentRefs", 0..=32) {
        let Some(parent) = item.object(parent_ref) else {
            continue;
        };
        let same = |other: &&ParentRef| {
            (&other.group, &other.kind, &other.namespace, &other.name)
                == (&parent.group, &parent.kind, &parent.namespace, &parent.name)
        };
        for other in parents.iter().filter(same) {
            let part = |parent: &ParentRef| (parent.section_name.clone(), parent.port);
            if part(other) == part(&parent) {
                item.reject(
                    "sectionName or port must be unique when parentRefs includes 2 or more \
                     references to the same parent",
                );
            } else if part(other) == (None, None) || part(&parent) == (None, None) {
                item.reject(
                    "sectionName or port must be specified when parentRefs includes 2 or more \
                     references to the same parent",
                );
            }
        }
        parents.push(parent);
    }
    parents
}

fn parent_ref(block: &Block<'_>) -> ParentRef {
    ParentRef {
        group: reference::group(block, Some(GATEWAY)),
        kind: reference::kind(block, Some("Gateway")),
        namespace: reference::namespace(block),
        name: reference::name(block),
        section_name: reference::section_name(block, "sectionName"),
        port: block.optional("port").and_then(|field| field.port()),
    }
}

pub(super) fn hostname(field: &Field<'_>) -> Option<String> {
    let hostname = field.text(253)?;
    if !is_hostname(hostname) {
        field.reject("must be a lower case DNS hostname, optionally with a leading \"*.\"");
    }
    Some(hostname.to_owned())
}

fn decode_rules(field: &Field<'_>, items: &[Field<'_>], carried: Carried) -> Vec<RouteRule> {
    let mut rules: Vec<RouteRule> = Vec::new();
    for item in items {
        let decoded = item.object(|block| match carried {
            Carried::Grpc => grpc::rule(block, item),
            _ => rule(block, item),
        });
        let Some(rule) = decoded else {
            continue;
        };
        if rule.name.is_some() && rules.iter().any(|other| other.name == rule.name) {
            item.reject("Rule name must be unique within the route");
        }
        rules.push(rule);
    }
    let matches: usize = rules.iter().map(|rule| rule.matches.len()).sum();
    if matches > 128 {
        field.reject(
            "While 16 rules and 64 matches per rule are allowed, the total number of matches \
             across all rules in a route must be less than 128",
        );
    }
    rules
}

fn default_rule(path: FieldPath, carried: Carried) -> RouteRule {
    RouteRule {
        name: None,
        matches: vec![match carried {
            Carried::Grpc => grpc::any_method(),
            _ => RouteMatch::default_match(),
        }],
        filters: Vec::new(),
        backend_refs: Vec::new(),
        timeouts: RouteTimeouts::default(),
        retry: None,
        path,
    }
}

fn rule(block: &Block<'_>, item: &Field<'_>) -> RouteRule {
    block.unsupported(&["sessionPersistence"]);
    let matches = block.list("matches", 0..=64);
    let backend_refs = block.list("backendRefs", 0..=16);
    let timeouts = block.optional("timeouts");
    let retry = block.optional("retry");
    let mut rule = RouteRule {
        name: reference::section_name(block, "name"),
        matches: matches
            .iter()
            .filter_map(|item| item.object(RouteMatch::decode))
            .collect(),
        filters: filters(block, Carried::Http),
        backend_refs: backend_refs
            .iter()
            .filter_map(|item| item.object(|block| backend_ref(block, item, Carried::Http)))
            .collect(),
        timeouts: timeouts
            .and_then(|field| field.object(|block| RouteTimeouts::decode(block, &field)))
            .unwrap_or_default(),
        retry: retry.and_then(|field| field.object(RouteRetry::decode)),
        path: item.path(),
    };
    if rule.matches.is_empty() {
        rule.matches.push(RouteMatch::default_match());
    }
    check_rule(&rule, item);
    rule
}

fn check_rule(rule: &RouteRule, item: &Field<'_>) {
    let redirects = |filters: &[Filter]| {
        filters
            .iter()
            .any(|filter| matches!(filter, Filter::RequestRedirect(_)))
    };
    if redirects(&rule.filters) && !rule.backend_refs.is_empty() {
        item.reject("RequestRedirect filter must not be used together with backendRefs");
    }
    let prefix_match =
        matches!(rule.matches.as_slice(), [only] if matches!(only.path, PathMatch::PathPrefix(_)));
    let of_backends = rule
        .backend_refs
        .iter()
        .flat_map(|backend| &backend.filters);
    let replaces_prefix = rule.filters.iter().chain(of_backends).any(|filter| {
        let path = match filter {
            Filter::RequestRedirect(redirect) => &redirect.path,
            Filter::UrlRewrite(rewrite) => &rewrite.path,
            _ => &None,
        };
        matches!(path, Some(PathModifier::ReplacePrefixMatch(_)))
    });
    if replaces_prefix && !prefix_match {
        item.reject(
            "When using a filter with path.replacePrefixMatch, exactly one PathPrefix match must \
             be specified",
        );
    }
}

impl RouteRetry {
    fn decode(block: &Block<'_>) -> Self {
        let mut codes = Vec::new();
        for item in block.list("codes", 0..=200) {
            let code = item
                .u32(400..=599)
                .and_then(|code| u16::try_from(code).ok());
            let Some(code) = code else {
                continue;
            };
            if codes.contains(&code) {
                item.duplicate(code.to_string());
            }
            codes.push(code);
        }
        Self {
            codes,
            attempts: block.u32("attempts", 1..=MOST_ATTEMPTS),
            backoff: block.duration("backoff"),
        }
    }
}

impl RouteTimeouts {
    fn decode(block: &Block<'_>, field: &Field<'_>) -> Self {
        let timeouts = Self {
            request: block.duration("request"),
            backend_request: block.duration("backendRequest"),
        };
        if let (Some(request), Some(backend)) = (timeouts.request, timeouts.backend_request)
            && !request.is_zero()
            && backend > request
        {
            field.reject("backendRequest timeout cannot be longer than request timeout");
        }
        timeouts
    }
}

/// The API's integers are of 32 bits.
const MOST_ATTEMPTS: u32 = i32::MAX as u32;
