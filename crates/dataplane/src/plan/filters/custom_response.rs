// SPDX-License-Identifier: Apache-2.0
//! Compiling answers in place of others.
//!
//! In: the configuration of a route. Out: its rules; or what cannot be done.

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::core::v3::{
                DataSource, SubstitutionFormatString, data_source, substitution_format_string,
            },
            extensions::{
                filters::http::custom_response::v3::CustomResponse as Proto,
                http::custom_response::local_response_policy::v3::LocalResponsePolicy,
            },
            r#type::matcher::v3::{
                HttpResponseHeaderMatchInput, HttpResponseLocalReplyMatchInput,
                HttpResponseStatusCodeMatchInput,
            },
        },
        xds::{
            core::v3::TypedExtensionConfig,
            r#type::matcher::v3::{
                Matcher, StringMatcher,
                matcher::{
                    MatcherType, OnMatch,
                    matcher_list::{
                        FieldMatcher, Predicate,
                        predicate::{MatchType, PredicateList, SinglePredicate, single_predicate},
                    },
                    on_match,
                },
                string_matcher::MatchPattern,
            },
        },
    },
};

use super::super::{matcher, mutation, value::data};
use crate::{
    filter::{Condition, CustomResponse, Replacement},
    route::{Format, Mutations, ValueMatch},
};

/// What of a configuration is implemented.
pub(super) fn compile(config: &Proto) -> Result<Option<CustomResponse>, &'static str> {
    let Some(matcher) = &config.custom_response_matcher else {
        return Ok(None);
    };
    let Matcher {
        matcher_type: Some(MatcherType::MatcherList(list)),
        on_no_match: None,
    } = matcher
    else {
        return Err("custom_response: a matcher other than a list");
    };
    let rules: Result<_, _> = list.matchers.iter().map(rule).collect();
    Ok(Some(CustomResponse { rules: rules? }))
}

fn rule(rule: &FieldMatcher) -> Result<(Condition, Replacement), &'static str> {
    let condition = condition(rule.predicate.as_ref().ok_or(ODD)?)?;
    let Some(OnMatch {
        on_match: Some(on_match::OnMatch::Action(action)),
        keep_matching: false,
    }) = &rule.on_match
    else {
        return Err("custom_response: a match without an action of its own");
    };
    Ok((condition, replacement(action)?))
}

fn condition(predicate: &Predicate) -> Result<Condition, &'static str> {
    let all = |list: &PredicateList| -> Result<Vec<_>, _> {
        list.predicate.iter().map(condition).collect()
    };
    Ok(match predicate.match_type.as_ref().ok_or(ODD)? {
        MatchType::SinglePredicate(single) => one(single)?,
        MatchType::OrMatcher(list) => Condition::Any(all(list)?),
        MatchType::AndMatcher(list) => Condition::All(all(list)?),
        MatchType::NotMatcher(inner) => Condition::Not(Box::new(condition(inner)?)),
    })
}

fn one(single: &SinglePredicate) -> Result<Condition, &'static str> {
    let Some(single_predicate::Matcher::ValueMatch(value)) = &single.matcher else {
        return Err("custom_response: a custom matcher");
    };
    let value = string(value)?;
    let input = single
        .input
        .as_ref()
        .and_then(|input| input.typed_config.as_ref());
    let input = input.ok_or(ODD)?;
    if any::unpack::<HttpResponseStatusCodeMatchInput>(input).is_some() {
        Ok(Condition::Status(value))
    } else if any::unpack::<HttpResponseLocalReplyMatchInput>(input).is_some() {
        Ok(Condition::Local(value))
    } else if let Some(header) = any::unpack::<HttpResponseHeaderMatchInput>(input) {
        let name = header.header_name.to_ascii_lowercase();
        Ok(Condition::Header(name.into(), value))
    } else {
        Err("custom_response: an input other than status, header and local reply")
    }
}

fn string(matcher: &StringMatcher) -> Result<ValueMatch, &'static str> {
    let bytes = |text: &String| text.as_bytes().into();
    let ignore = matcher.ignore_case;
    Ok(match matcher.match_pattern.as_ref().ok_or(ODD)? {
        MatchPattern::Exact(text) => ValueMatch::Exact(bytes(text), ignore),
        MatchPattern::Prefix(text) => ValueMatch::Prefix(bytes(text), ignore),
        MatchPattern::Suffix(text) => ValueMatch::Suffix(bytes(text), ignore),
        MatchPattern::Contains(text) => ValueMatch::Contains(bytes(text), ignore),
        MatchPattern::SafeRegex(regex) => {
            let regex = matcher::whole(&regex.regex);
            ValueMatch::Regex(regex.map_err(|_| "custom_response: an odd expression")?)
        }
        MatchPattern::Custom(_) => return Err("custom_response: a custom matcher"),
    })
}

fn replacement(action: &TypedExtensionConfig) -> Result<Replacement, &'static str> {
    let packed = action.typed_config.as_ref();
    let policy = packed.and_then(any::unpack::<LocalResponsePolicy>);
    let policy = policy.ok_or("custom_response: a policy other than a local response")?;
    if policy.response_code_details_action.is_some() {
        return Err("custom_response: response_code_details");
    }
    let body = match &policy.body_format {
        None => data(policy.body.as_ref()).map_err(|_| "custom_response: a body of no file")?,
        Some(format) => constant(format)?,
    };
    let status = policy.status_code.as_ref().map(|status| status.value);
    let added = &policy.response_headers_to_add;
    for header in added.iter().filter_map(|option| option.header.as_ref()) {
        Format::for_route(&header.value, "").map_err(|_| "custom_response: an odd formatter")?;
    }
    let fields: Mutations = mutation::merge("", [(&[], added), (&[], &[]), (&[], &[]), (&[], &[])]);
    Ok(Replacement {
        status: status.and_then(|status| u16::try_from(status).ok()),
        body,
        fields,
    })
}

/// A format that comes to the same for everybody.
fn constant(format: &SubstitutionFormatString) -> Result<Vec<u8>, &'static str> {
    const FORMAT: &str = "custom_response.body_format with formatters";
    let Some(substitution_format_string::Format::TextFormatSource(DataSource {
        specifier: Some(data_source::Specifier::InlineString(text)),
        ..
    })) = &format.format
    else {
        return Err(FORMAT);
    };
    let compiled = Format::for_route(text, "").map_err(|_| FORMAT)?;
    compiled.constant().map(<[u8]>::to_vec).ok_or(FORMAT)
}

const ODD: &str = "custom_response: an incomplete matcher";
