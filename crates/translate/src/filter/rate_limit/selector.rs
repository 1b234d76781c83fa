// SPDX-License-Identifier: Apache-2.0
//! Conditions of a rate limit rule, as actions that make entries of a descriptor.
//!
//! In: client selectors, all of which must hold. Out: actions, and the entries that they make where
//! they hold: an empty value stands for any, with a bucket for each.

use sluicegate_resource::envoygateway::backend_traffic_policy::{
    ClientSelector, SourceCidr, ValueMatch,
};
use sluicegate_xds::pb::{
    envoy::{
        config::route::v3::{
            HeaderMatcher, QueryParameterMatcher,
            header_matcher::HeaderMatchSpecifier,
            query_parameter_matcher::QueryParameterMatchSpecifier,
            rate_limit::{
                Action,
                action::{
                    ActionSpecifier, HeaderValueMatch, QueryParameterValueMatch, QueryParameters,
                    RemoteAddress, RemoteAddressMatch, RequestHeaders,
                },
            },
        },
        r#type::matcher::v3::{
            AddressMatcher, RegexMatcher, StringMatcher, string_matcher::MatchPattern,
        },
    },
    xds::core::v3::CidrRange,
};

use crate::pb;

/// A key with its value.
type Entry = (String, String);

/// Actions and entries of the rule `index`.
pub(super) fn conditions(index: usize, selectors: &[ClientSelector]) -> (Vec<Action>, Vec<Entry>) {
    let mut made = Made {
        rule: format!("rule-{index}"),
        actions: Vec::new(),
        entries: Vec::new(),
    };
    let headers: Vec<HeaderMatcher> = selectors.iter().flat_map(header_matchers).collect();
    if !headers.is_empty() {
        made.add(|key, value| {
            ActionSpecifier::HeaderValueMatch(HeaderValueMatch {
                descriptor_key: key,
                descriptor_value: value,
                headers,
                ..HeaderValueMatch::default()
            })
        });
    }
    for selector in selectors {
        for (name, value) in &selector.query_params {
            made.query(name, value);
        }
        if let Some(source) = &selector.source_cidr {
            made.source(source);
        }
        for (name, value) in &selector.headers {
            if *value == ValueMatch::Distinct {
                made.distinct_header(name);
            }
        }
        if selector.path == Some(ValueMatch::Distinct) {
            made.distinct_header(":path");
        }
    }
    (made.actions, made.entries)
}

struct Made {
    rule: String,
    actions: Vec<Action>,
    entries: Vec<Entry>,
}

impl Made {
    /// A key that nothing else of the rule has.
    fn key(&self) -> String {
        format!("{}-{}", self.rule, self.entries.len())
    }

    /// A condition with a value of its own.
    fn add(&mut self, specifier: impl FnOnce(String, String) -> ActionSpecifier) {
        let (key, value) = (self.key(), self.rule.clone());
        self.push(specifier(key.clone(), value.clone()), (key, value));
    }

    fn push(&mut self, specifier: ActionSpecifier, entry: Entry) {
        self.actions.push(Action {
            action_specifier: Some(specifier),
        });
        self.entries.push(entry);
    }

    fn distinct_header(&mut self, name: &str) {
        let key = self.key();
        let action = RequestHeaders {
            header_name: name.to_owned(),
            descriptor_key: key.clone(),
            skip_if_absent: false,
        };
        let entry = (key, String::new());
        self.push(ActionSpecifier::RequestHeaders(action), entry);
    }

    fn query(&mut self, name: &str, value: &ValueMatch) {
        let Some((pattern, invert)) = pattern(value) else {
            let key = self.key();
            let action = QueryParameters {
                query_parameter_name: name.to_owned(),
                descriptor_key: key.clone(),
                skip_if_absent: false,
            };
            let entry = (key, String::new());
            return self.push(ActionSpecifier::QueryParameters(action), entry);
        };
        let matcher = StringMatcher {
            match_pattern: Some(pattern),
            ..StringMatcher::default()
        };
        let parameter = QueryParameterMatcher {
            name: name.to_owned(),
            query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(
                matcher,
            )),
        };
        self.add(|key, value| {
            ActionSpecifier::QueryParameterValueMatch(QueryParameterValueMatch {
                descriptor_key: key,
                descriptor_value: value,
                expect_match: pb::bool(!invert),
                query_parameters: vec![parameter],
                ..QueryParameterValueMatch::default()
            })
        });
    }

    fn source(&mut self, source: &SourceCidr) {
        let (address, length) = source
            .value
            .split_once('/')
            .unwrap_or((&source.value, "32"));
        let range = CidrRange {
            address_prefix: address.to_owned(),
            prefix_len: pb::u32(length.parse().unwrap_or(32)),
        };
        self.add(|key, value| {
            ActionSpecifier::RemoteAddressMatch(RemoteAddressMatch {
                descriptor_key: key,
                descriptor_value: value,
                address_matcher: Some(AddressMatcher {
                    ranges: vec![range],
                    invert_match: source.invert,
                }),
                ..RemoteAddressMatch::default()
            })
        });
        if source.distinct {
            let action = ActionSpecifier::RemoteAddress(RemoteAddress {});
            self.push(action, ("remote_address".to_owned(), String::new()));
        }
    }
}

fn header_matchers(selector: &ClientSelector) -> Vec<HeaderMatcher> {
    let headers = selector.headers.iter();
    let mut matchers: Vec<HeaderMatcher> = headers
        .filter_map(|(name, value)| {
            let (pattern, invert) = pattern(value)?;
            Some(matcher(name, pattern, invert))
        })
        .collect();
    let named = |inverted: bool| {
        let methods = selector.methods.iter();
        let methods = methods.filter(move |(_, invert)| *invert == inverted);
        methods.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    for invert in [false, true] {
        // One of several is enough; of inverted ones, none may be it.
        let names = named(invert).join("|");
        if !names.is_empty() {
            matchers.push(matcher(":method", regex(names), invert));
        }
    }
    if let Some((expression, invert)) = selector.path.as_ref().and_then(path) {
        matchers.push(matcher(":path", regex(expression), invert));
    }
    matchers
}

fn matcher(name: &str, pattern: MatchPattern, invert: bool) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        invert_match: invert,
        // A request without the header does not have that value.
        treat_missing_header_as_empty: invert,
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(pattern),
            ..StringMatcher::default()
        })),
    }
}

/// `None` for `Distinct`.
fn pattern(value: &ValueMatch) -> Option<(MatchPattern, bool)> {
    Some(match value {
        ValueMatch::Distinct => return None,
        ValueMatch::Exact(text, invert) => (MatchPattern::Exact(text.clone()), *invert),
        ValueMatch::PathPrefix(text, invert) => (MatchPattern::Prefix(text.clone()), *invert),
        ValueMatch::RegularExpression(text, invert) => (regex(text.clone()), *invert),
    })
}

fn regex(regex: String) -> MatchPattern {
    MatchPattern::SafeRegex(RegexMatcher {
        regex,
        ..RegexMatcher::default()
    })
}

/// An expression for path and query. A prefix ends where an element of the path ends.
fn path(value: &ValueMatch) -> Option<(String, bool)> {
    Some(match value {
        ValueMatch::Distinct => return None,
        ValueMatch::Exact(text, invert) => (format!("{}(\\?.*)?", quoted(text)), *invert),
        ValueMatch::PathPrefix(text, invert) => {
            let text = quoted(text.trim_end_matches('/'));
            (format!("{text}([/?].*)?"), *invert)
        }
        ValueMatch::RegularExpression(text, invert) => (format!("(?:{text})(\\?.*)?"), *invert),
    })
}

/// A text as an expression that matches it alone.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
