// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.route.v3.RouteMatch`.
//!
//! In: one match of an HTTPRoute or a GRPCRoute. Out: Envoy's match; all parts are ANDed.

use sluicegate_resource::gateway::{GrpcMethod, HeaderMatch, Matcher, PathMatch, RouteMatch};
use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, QueryParameterMatcher, RouteMatch as EnvoyMatch,
        header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier,
        route_match::{GrpcRouteMatchOptions, PathSpecifier},
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
        grpc: matches!(one.path, PathMatch::Grpc(_)).then(GrpcRouteMatchOptions::default),
        ..EnvoyMatch::default()
    }
}

/// A prefix matches by path elements; its trailing slash does not count.
fn path_specifier(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Exact(path) => PathSpecifier::Path(path.clone()),
        PathMatch::Grpc(method) => grpc_path(method),
        PathMatch::RegularExpression(pattern) => PathSpecifier::SafeRegex(regex(pattern)),
        PathMatch::PathPrefix(prefix) => match prefix.trim_end_matches('/') {
            "" => PathSpecifier::Prefix("/".to_owned()),
            prefix => PathSpecifier::PathSeparatedPrefix(prefix.to_owned()),
        },
    }
}

/// The path of a gRPC method is `/service/method`.
fn grpc_path(GrpcMethod { service, method }: &GrpcMethod) -> PathSpecifier {
    let prefix = |text: String| PathSpecifier::Prefix(text);
    match (service, method) {
        (None, None) => prefix("/".to_owned()),
        (Some(Matcher::Exact(service)), None) => prefix(format!("/{service}/")),
        (Some(Matcher::Exact(service)), Some(Matcher::Exact(method))) => {
            PathSpecifier::Path(format!("/{service}/{method}"))
        }
        (service, method) => {
            let (service, method) = (
                path_element(service.as_ref()),
                path_element(method.as_ref()),
            );
            PathSpecifier::SafeRegex(regex(&format!("/{service}/{method}")))
        }
    }
}

fn path_element(matcher: Option<&Matcher>) -> String {
    match matcher {
        None => "[^/]+".to_owned(),
        // Of an exact name only the dot means something to a regular expression.
        Some(Matcher::Exact(name)) => name.replace('.', r"\."),
        Some(Matcher::RegularExpression(pattern)) => format!("(?:{pattern})"),
    }
}

/// A header of a match, or of whatever else asks for one.
pub(crate) fn header_matcher(one: &HeaderMatch) -> HeaderMatcher {
    header(&one.name, string(&one.value))
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
