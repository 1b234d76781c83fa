// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.route.v3.RouteMatch`.
//!
//! In: one HTTPRoute match. Out: Envoy's match; all parts are ANDed.

use sluicegate_resource::gateway::{Matcher, PathMatch, RouteMatch};
use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, QueryParameterMatcher, RouteMatch as EnvoyMatch,
        header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
    },
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};

pub(super) fn route_match(one: &RouteMatch) -> EnvoyMatch {
    let method = one
        .method
        .as_ref()
        .map(|method| header(":method", exact(method)));
    let headers = one
        .headers
        .iter()
        .map(|matched| header(&matched.name, string(&matched.value)));
    let query = one
        .query_params
        .iter()
        .map(|matched| QueryParameterMatcher {
            name: matched.name.clone(),
            query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(
                string(&matched.value),
            )),
        });
    EnvoyMatch {
        path_specifier: Some(path_specifier(&one.path)),
        headers: method.into_iter().chain(headers).collect(),
        query_parameters: query.collect(),
        ..EnvoyMatch::default()
    }
}

/// A prefix matches by path elements; its trailing slash does not count.
fn path_specifier(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Exact(path) => PathSpecifier::Path(path.clone()),
        PathMatch::RegularExpression(pattern) => PathSpecifier::SafeRegex(regex(pattern)),
        PathMatch::PathPrefix(prefix) => match prefix.trim_end_matches('/') {
            "" => PathSpecifier::Prefix("/".to_owned()),
            prefix => PathSpecifier::PathSeparatedPrefix(prefix.to_owned()),
        },
    }
}

fn header(name: &str, value: StringMatcher) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(value)),
        ..HeaderMatcher::default()
    }
}

fn string(matcher: &Matcher) -> StringMatcher {
    match matcher {
        Matcher::Exact(value) => exact(value),
        Matcher::RegularExpression(pattern) => StringMatcher {
            match_pattern: Some(MatchPattern::SafeRegex(regex(pattern))),
            ..StringMatcher::default()
        },
    }
}

fn exact(value: &str) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(MatchPattern::Exact(value.to_owned())),
        ..StringMatcher::default()
    }
}

pub(super) fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher {
        regex: pattern.to_owned(),
        ..RegexMatcher::default()
    }
}
