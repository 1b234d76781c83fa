// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.custom_response.v3.CustomResponse`.
//!
//! In: `responseOverride`. Out: the filter: conditions on status, fields and origin, with what the
//! client gets instead.

use sluicegate_attach::TrafficPolicy;
use sluicegate_resource::{
    envoygateway::backend_traffic_policy::{
        ResponseAction, ResponseBody, ResponseMatch, ResponseOverride, ResponseRedirect,
        ResponseReplacement, ResponseSource, StatusRange, StringMatch,
    },
    gateway::HeaderValue,
};
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::core::v3::{
                HeaderValue as EnvoyHeader, HeaderValueOption,
                header_value_option::HeaderAppendAction,
            },
            extensions::{
                filters::http::custom_response::v3::CustomResponse,
                http::custom_response::local_response_policy::v3::LocalResponsePolicy,
            },
            r#type::matcher::v3::{
                HttpResponseHeaderMatchInput, HttpResponseLocalReplyMatchInput,
                HttpResponseStatusCodeMatchInput,
            },
        },
        google::protobuf::Any,
        xds::{
            core::v3::TypedExtensionConfig,
            r#type::matcher::v3::{
                Matcher, RegexMatcher, StringMatcher,
                matcher::{
                    MatcherList, MatcherType, OnMatch,
                    matcher_list::{
                        FieldMatcher, Predicate,
                        predicate::{MatchType, PredicateList, SinglePredicate, single_predicate},
                    },
                    on_match,
                },
                regex_matcher::{EngineType, GoogleRe2},
                string_matcher::MatchPattern,
            },
        },
    },
    prost::{Message, Name},
};

use super::{Filter, On};
use crate::pb;

pub(super) const FILTER: Filter = Filter {
    name: "envoy.filters.http.custom_response",
    base: || any::pack(&CustomResponse::default()),
    on_route,
};

fn on_route(policy: &TrafficPolicy, on: On) -> Option<Any> {
    let overrides = &policy.spec.response_override.as_ref()?.value;
    if overrides.is_empty() {
        return None;
    }
    let matchers = overrides.iter().enumerate();
    let matchers = matchers.map(|(index, one)| FieldMatcher {
        predicate: Some(predicate(one)),
        on_match: Some(OnMatch {
            on_match: Some(on_match::OnMatch::Action(TypedExtensionConfig {
                name: format!("override-{index}"),
                typed_config: Some(any::pack(&policy_of(&one.action, on))),
            })),
            ..OnMatch::default()
        }),
    });
    let list = MatcherList {
        matchers: matchers.collect(),
    };
    Some(any::pack(&CustomResponse {
        custom_response_matcher: Some(Matcher {
            matcher_type: Some(MatcherType::MatcherList(list)),
            on_no_match: None,
        }),
    }))
}

fn predicate(one: &ResponseOverride) -> Predicate {
    let ResponseMatch {
        status_codes,
        response_headers,
    } = &one.matches;
    let codes = status_codes.iter().map(|range| {
        let input = HttpResponseStatusCodeMatchInput {};
        single("status", &input, statuses(range))
    });
    let headers = response_headers.iter().map(|(name, value)| {
        let input = HttpResponseHeaderMatchInput {
            header_name: name.clone(),
        };
        single("header", &input, string(value))
    });
    let source = match one.source {
        Some(ResponseSource::Local) => Some("true"),
        Some(ResponseSource::Backend) => Some("false"),
        // Envoy Gateway default.
        Some(ResponseSource::All) | None => None,
    };
    let source = source.map(|text| {
        let value = MatchPattern::Exact(text.to_owned());
        single("local_reply", &HttpResponseLocalReplyMatchInput {}, value)
    });
    let parts = [
        several(codes.collect(), MatchType::OrMatcher),
        several(headers.collect(), MatchType::OrMatcher),
        source,
    ];
    let parts = parts.into_iter().flatten().collect();
    several(parts, MatchType::AndMatcher).unwrap_or_default()
}

/// One as it is, more of them joined.
fn several(
    mut predicates: Vec<Predicate>,
    join: fn(PredicateList) -> MatchType,
) -> Option<Predicate> {
    match predicates.len() {
        0 | 1 => predicates.pop(),
        _ => Some(Predicate {
            match_type: Some(join(PredicateList {
                predicate: predicates,
            })),
        }),
    }
}

fn single<M: Message + Name>(name: &str, input: &M, pattern: MatchPattern) -> Predicate {
    let single = SinglePredicate {
        input: Some(TypedExtensionConfig {
            name: name.to_owned(),
            typed_config: Some(any::pack(input)),
        }),
        matcher: Some(single_predicate::Matcher::ValueMatch(StringMatcher {
            match_pattern: Some(pattern),
            ..StringMatcher::default()
        })),
    };
    Predicate {
        match_type: Some(MatchType::SinglePredicate(single)),
    }
}

fn string(value: &StringMatch) -> MatchPattern {
    match value {
        StringMatch::Exact(text) => MatchPattern::Exact(text.clone()),
        StringMatch::Prefix(text) => MatchPattern::Prefix(text.clone()),
        StringMatch::RegularExpression(text) => regex(text.clone()),
        StringMatch::Suffix(text) => MatchPattern::Suffix(text.clone()),
    }
}

fn regex(regex: String) -> MatchPattern {
    MatchPattern::SafeRegex(RegexMatcher {
        regex,
        engine_type: Some(EngineType::GoogleRe2(GoogleRe2 {})),
    })
}

/// Statuses are matched as text.
fn statuses(range: &StatusRange) -> MatchPattern {
    if range.start == range.end {
        return MatchPattern::Exact(range.start.to_string());
    }
    let mut parts = Vec::new();
    let (mut at, end) = (range.start, range.end);
    while at <= end {
        let (part, count) = if at.is_multiple_of(100) && at + 99 <= end {
            (format!("{}[0-9][0-9]", at / 100), 100)
        } else {
            let last = end.min(at / 10 * 10 + 9);
            (
                format!("{}[{}-{}]", at / 10, at % 10, last % 10),
                last - at + 1,
            )
        };
        parts.push(part);
        at += count;
    }
    regex(parts.join("|"))
}

fn policy_of(action: &ResponseAction, on: On) -> LocalResponsePolicy {
    match action {
        ResponseAction::Response(response) => response_policy(response),
        ResponseAction::Redirect(redirect) => LocalResponsePolicy {
            // Envoy Gateway default.
            status_code: pb::u32(u32::from(redirect.status_code.unwrap_or(302))),
            response_headers_to_add: vec![overwrite("location", &location(redirect, on))],
            ..LocalResponsePolicy::default()
        },
    }
}

fn response_policy(response: &ResponseReplacement) -> LocalResponsePolicy {
    let text = match &response.body {
        Some(ResponseBody::Inline(text)) => Some(text),
        // A reference that leads nowhere makes the policy Invalid; others were resolved.
        Some(ResponseBody::ConfigMap(_)) | None => None,
    };
    // Envoy reads % as the start of a command.
    let plain = |value: &str| value.replace('%', "%%");
    let kind = response.content_type.iter();
    let kind = kind.map(|kind| overwrite("content-type", &plain(kind)));
    let header = response.header.iter();
    let fields = header.flat_map(|header| {
        let set = |it: &HeaderValue| overwrite(&it.name, &plain(&it.value));
        let add = |it: &HeaderValue| HeaderValueOption {
            append_action: HeaderAppendAction::AppendIfExistsOrAdd as i32,
            ..overwrite(&it.name, &plain(&it.value))
        };
        let set = header.set.iter().map(set);
        set.chain(header.add.iter().map(add)).collect::<Vec<_>>()
    });
    LocalResponsePolicy {
        body: text.and_then(|text| pb::inline_string(text)),
        status_code: response
            .status_code
            .and_then(|status| pb::u32(u32::from(status))),
        response_headers_to_add: kind.chain(fields).collect(),
        ..LocalResponsePolicy::default()
    }
}

fn overwrite(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(EnvoyHeader {
            key: name.to_owned(),
            value: value.to_owned(),
            ..EnvoyHeader::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        ..HeaderValueOption::default()
    }
}

/// What is not given stays as in the request.
fn location(redirect: &ResponseRedirect, on: On) -> String {
    let scheme = redirect.scheme.as_deref();
    let scheme = scheme.unwrap_or(if on.https { "https" } else { "http" });
    let host = redirect.hostname.as_deref().unwrap_or("%REQ(:AUTHORITY)%");
    let port = redirect.port.filter(|_| redirect.hostname.is_some());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = match &redirect.path {
        Some(path) => path.replace('%', "%%"),
        None => "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%".to_owned(),
    };
    format!("{scheme}://{host}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_statuses_are_expressions() {
        let expression = |start, end| match statuses(&StatusRange { start, end }) {
            MatchPattern::SafeRegex(regex) => regex.regex,
            MatchPattern::Exact(text) => text,
            _ => String::new(),
        };
        assert_eq!(expression(503, 503), "503");
        assert_eq!(expression(500, 599), "5[0-9][0-9]");
        assert_eq!(expression(404, 425), "40[4-9]|41[0-9]|42[0-5]");
        assert_eq!(expression(398, 500), "39[8-9]|4[0-9][0-9]|50[0-0]");
    }
}
