// SPDX-License-Identifier: Apache-2.0
//! Compiling route conditions.
//!
//! In: a RouteMatch. Out: conditions ready to test; or why they cannot be tested.

#![expect(deprecated, reason = "control planes still send these fields")]

use regex::bytes::Regex;
use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, QueryParameterMatcher, RouteMatch as ProtoMatch,
        header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};

use super::{route::millionths, value::flag};
use crate::route::{HeaderMatch, Path, PathMatch, QueryMatch, RouteMatch, ValueMatch};

/// Compiles all conditions of a route.
pub(super) fn compile(conditions: &ProtoMatch) -> Result<RouteMatch, String> {
    if !conditions.cookies.is_empty()
        || conditions.tls_context.is_some()
        || !conditions.dynamic_metadata.is_empty()
    {
        return Err("a match condition is not implemented".to_owned());
    }
    let fraction = conditions.runtime_fraction.as_ref();
    Ok(RouteMatch {
        path: PathMatch {
            path: path(conditions)?,
            ignore_case: !flag(conditions.case_sensitive.as_ref(), true),
        },
        headers: conditions
            .headers
            .iter()
            .map(header)
            .collect::<Result<_, _>>()?,
        query: conditions
            .query_parameters
            .iter()
            .map(query)
            .collect::<Result<_, _>>()?,
        grpc: conditions.grpc.is_some(),
        fraction: fraction
            .and_then(|fraction| fraction.default_value.as_ref())
            .map(millionths),
    })
}

/// Compiles the path condition.
pub(super) fn path(conditions: &ProtoMatch) -> Result<Path, String> {
    match conditions
        .path_specifier
        .as_ref()
        .ok_or("no path condition")?
    {
        PathSpecifier::Prefix(text) => Ok(Path::Prefix(text.as_bytes().into())),
        PathSpecifier::Path(text) => Ok(Path::Exact(text.as_bytes().into())),
        PathSpecifier::SafeRegex(regex) => Ok(Path::Regex(whole(&regex.regex)?)),
        PathSpecifier::PathSeparatedPrefix(text) => {
            Ok(Path::SeparatedPrefix(text.as_bytes().into()))
        }
        PathSpecifier::ConnectMatcher(_) => Ok(Path::Connect),
        PathSpecifier::PathMatchPolicy(_) => Err("path_match_policy is not implemented".to_owned()),
    }
}

/// Compiles a condition on a header.
pub(super) fn header(matcher: &HeaderMatcher) -> Result<HeaderMatch, String> {
    let exact = |text: &str| ValueMatch::Exact(text.as_bytes().into(), false);
    let value = match &matcher.header_match_specifier {
        None => ValueMatch::Present(true),
        Some(HeaderMatchSpecifier::ExactMatch(text)) => exact(text),
        Some(HeaderMatchSpecifier::SafeRegexMatch(regex)) => {
            ValueMatch::Regex(whole(&regex.regex)?)
        }
        Some(HeaderMatchSpecifier::RangeMatch(range)) => ValueMatch::Range(range.start, range.end),
        Some(HeaderMatchSpecifier::PresentMatch(present)) => ValueMatch::Present(*present),
        Some(HeaderMatchSpecifier::PrefixMatch(text)) => {
            ValueMatch::Prefix(text.as_bytes().into(), false)
        }
        Some(HeaderMatchSpecifier::SuffixMatch(text)) => {
            ValueMatch::Suffix(text.as_bytes().into(), false)
        }
        Some(HeaderMatchSpecifier::ContainsMatch(text)) => {
            ValueMatch::Contains(text.as_bytes().into(), false)
        }
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => string(matcher)?,
    };
    Ok(HeaderMatch {
        name: matcher.name.to_ascii_lowercase().into_bytes().into(),
        value,
        invert: matcher.invert_match,
        missing_is_empty: matcher.treat_missing_header_as_empty,
    })
}

/// Compiles a condition on a query parameter.
pub(super) fn query(matcher: &QueryParameterMatcher) -> Result<QueryMatch, String> {
    let value = match &matcher.query_parameter_match_specifier {
        None => ValueMatch::Present(true),
        Some(QueryParameterMatchSpecifier::PresentMatch(present)) => ValueMatch::Present(*present),
        Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => string(matcher)?,
    };
    Ok(QueryMatch {
        name: matcher.name.as_bytes().into(),
        value,
    })
}

/// Compiles a string condition.
pub(crate) fn string(matcher: &StringMatcher) -> Result<ValueMatch, String> {
    let ignore = matcher.ignore_case;
    match matcher.match_pattern.as_ref().ok_or("no pattern")? {
        MatchPattern::Exact(text) => Ok(ValueMatch::Exact(text.as_bytes().into(), ignore)),
        MatchPattern::Prefix(text) => Ok(ValueMatch::Prefix(text.as_bytes().into(), ignore)),
        MatchPattern::Suffix(text) => Ok(ValueMatch::Suffix(text.as_bytes().into(), ignore)),
        MatchPattern::Contains(text) => Ok(ValueMatch::Contains(text.as_bytes().into(), ignore)),
        MatchPattern::SafeRegex(regex) => Ok(ValueMatch::Regex(whole(&regex.regex)?)),
        MatchPattern::Custom(_) => Err("custom string matchers are not implemented".to_owned()),
    }
}

/// An expression that must match all of its input.
fn whole(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())
}
