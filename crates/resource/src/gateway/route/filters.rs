// SPDX-License-Identifier: Apache-2.0
//! Decoding of filters.
//!
//! In: a block that has `filters`. Out: filters in the author's order. A filter that is not
//! implemented stays in the list as [`Filter::Extension`], so that the rule fails closed.

mod header_modifier;
mod redirect;

use super::{
    super::reference, BackendRef, Carried, Filter, Fraction, HeaderModifier, RequestMirror,
    backends::backend_object,
};
use crate::{
    admission::{Block, Field},
    codes,
};

/// Filter types with the member that each needs, and whether a list may have it twice.
const TYPES: &[Type] = &[
    ("RequestHeaderModifier", "requestHeaderModifier", false),
    ("ResponseHeaderModifier", "responseHeaderModifier", false),
    ("RequestMirror", "requestMirror", true),
    ("RequestRedirect", "requestRedirect", false),
    ("URLRewrite", "urlRewrite", false),
    ("ExtensionRef", "extensionRef", true),
    ("CORS", "cors", false),
    ("ExternalAuth", "externalAuth", false),
];

/// Types that a GRPCRoute has.
const GRPC_TYPES: [&str; 4] = [
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "ExtensionRef",
];

/// Decodes `filters`, at most 16.
pub(super) fn filters(block: &Block<'_>, carried: Carried) -> Vec<Filter> {
    let items = block.list("filters", 0..=16);
    let types: Vec<_> = TYPES
        .iter()
        .filter(|(name, ..)| carried == Carried::Http || GRPC_TYPES.contains(name))
        .collect();
    let mut seen: Vec<&str> = Vec::new();
    let mut filters = Vec::new();
    for item in &items {
        let Some((name, filter)) = item.object(|block| filter(block, item, &types)).flatten()
        else {
            continue;
        };
        let repeats = TYPES
            .iter()
            .any(|(other, _, repeats)| *other == name && *repeats);
        if !repeats && seen.contains(&name) {
            item.reject(format!("{name} filter cannot be repeated"));
        }
        let clash = match name {
            "RequestRedirect" => "URLRewrite",
            "URLRewrite" => "RequestRedirect",
            _ => "",
        };
        if seen.contains(&clash) {
            item.reject("May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both");
        }
        seen.push(name);
        filters.extend(filter);
    }
    filters
}

/// A filter type, with the member that it needs, and whether a list may have it twice.
type Type = (&'static str, &'static str, bool);

fn filter(
    block: &Block<'_>,
    item: &Field<'_>,
    types: &[&Type],
) -> Option<(&'static str, Option<Filter>)> {
    let choices: Vec<_> = types
        .iter()
        .map(|kind| (kind.0, (kind.0, kind.1)))
        .collect();
    let kind = block
        .required("type")
        .and_then(|field| field.choice(&choices));
    let mut chosen = None;
    for (name, member, _) in types {
        let field = block.optional(member);
        match kind {
            Some((wanted, _)) if wanted == *name => {
                if field.is_none() {
                    item.reject(format!(
                        "filter.{member} must be specified for {name} filter.type"
                    ));
                }
                chosen = field;
            }
            Some(_) if field.is_some() => {
                item.reject(format!(
                    "filter.{member} must be nil if the filter.type is not {name}"
                ));
            }
            _ => {}
        }
    }
    let (name, _) = kind?;
    Some((name, chosen.and_then(|field| member(name, &field))))
}

fn member(name: &str, field: &Field<'_>) -> Option<Filter> {
    match name {
        "RequestHeaderModifier" => field
            .object(HeaderModifier::decode)
            .map(Filter::RequestHeaderModifier),
        "ResponseHeaderModifier" => field
            .object(HeaderModifier::decode)
            .map(Filter::ResponseHeaderModifier),
        "RequestMirror" => field
            .object(|block| mirror(block, field))
            .flatten()
            .map(Filter::RequestMirror),
        "RequestRedirect" => field
            .object(redirect::redirect)
            .map(Filter::RequestRedirect),
        "URLRewrite" => field.object(redirect::rewrite).map(Filter::UrlRewrite),
        "ExtensionRef" => field.object(|block| {
            let group = reference::group(block, None);
            let kind = reference::kind(block, None);
            let name = reference::name(block);
            Filter::Extension("ExtensionRef".to_owned(), format!("{group}/{kind}/{name}"))
        }),
        _ => {
            field.warn(
                codes::UNSUPPORTED_FIELD,
                format!("filter {name} is accepted but not implemented; the rule answers 500"),
            );
            Some(Filter::Extension(name.to_owned(), String::new()))
        }
    }
}

fn mirror(block: &Block<'_>, field: &Field<'_>) -> Option<RequestMirror> {
    let backend = block.required("backendRef");
    let backend_ref: Option<BackendRef> =
        backend.and_then(|field| field.object(|block| backend_object(block, &field)));
    let percent = block.percent("percent");
    let fraction = block.optional("fraction");
    let fraction = fraction.and_then(|field| field.object(|block| decode_fraction(block, &field)));
    if percent.is_some() && fraction.is_some() {
        field.reject("Only one of percent or fraction may be specified in HTTPRequestMirrorFilter");
    }
    let percent = percent.map(|numerator| Fraction {
        numerator,
        denominator: 100,
    });
    Some(RequestMirror {
        backend_ref: backend_ref?,
        fraction: percent.or(fraction),
    })
}

fn decode_fraction(block: &Block<'_>, field: &Field<'_>) -> Fraction {
    let numerator = block.required("numerator");
    let fraction = Fraction {
        numerator: numerator
            .and_then(|field| field.u32(0..=crate::admission::I32_MAX))
            .unwrap_or_default(),
        // API default: 100.
        denominator: block
            .u32("denominator", 1..=crate::admission::I32_MAX)
            .unwrap_or(100),
    };
    if fraction.numerator > fraction.denominator {
        field.reject("numerator must be less than or equal to denominator");
    }
    fraction
}
