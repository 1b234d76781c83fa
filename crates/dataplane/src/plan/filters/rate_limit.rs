// SPDX-License-Identifier: Apache-2.0
//! Compiling a local rate limit.
//!
//! In: the configuration of a route. Out: its limits, with full buckets; or what cannot be done.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use sluicegate_xds::pb::{
    envoy::{
        config::{
            core::v3::RuntimeFractionalPercent,
            route::v3::{
                RateLimit as ProtoRule,
                rate_limit::{HitsAddend, action::ActionSpecifier},
            },
        },
        extensions::{
            common::ratelimit::v3::LocalRateLimitDescriptor,
            filters::http::local_ratelimit::v3::LocalRateLimit,
        },
        r#type::v3::TokenBucket,
    },
    xds::core::v3::CidrRange,
};

use super::super::{
    matcher,
    route::millionths,
    value::{duration, flag, number},
};
use crate::filter::{Action, Bucket, Buckets, Cidr, Descriptor, Known, Rate, RateLimit, Rule};

/// What of a configuration is implemented.
pub(super) fn compile(config: &LocalRateLimit) -> Result<Option<RateLimit>, &'static str> {
    let LocalRateLimit {
        stat_prefix,
        status,
        token_bucket,
        filter_enabled,
        filter_enforced,
        descriptors,
        rate_limits,
        enable_x_ratelimit_headers,
        max_dynamic_descriptors,
        always_consume_default_token_bucket,
        ..
    } = config;
    let plain = LocalRateLimit {
        stat_prefix: stat_prefix.clone(),
        status: *status,
        token_bucket: *token_bucket,
        filter_enabled: filter_enabled.clone(),
        filter_enforced: filter_enforced.clone(),
        descriptors: descriptors.clone(),
        rate_limits: rate_limits.clone(),
        enable_x_ratelimit_headers: *enable_x_ratelimit_headers,
        max_dynamic_descriptors: *max_dynamic_descriptors,
        always_consume_default_token_bucket: *always_consume_default_token_bucket,
        vh_rate_limits: config.vh_rate_limits,
        ..LocalRateLimit::default()
    };
    if plain != *config {
        return Err("local_ratelimit: more than buckets, descriptors and x-ratelimit headers");
    }
    if rate_limits.is_empty() && !descriptors.is_empty() {
        return Err("local_ratelimit.descriptors without rate_limits beside them");
    }
    let most = number(max_dynamic_descriptors.as_ref()).unwrap_or(DYNAMIC) as usize;
    let default = token_bucket.as_ref().map(rate).transpose()?;
    let rules: Result<_, _> = rate_limits.iter().map(rule).collect();
    let descriptors: Result<_, _> = descriptors.iter().map(|it| descriptor(it, most)).collect();
    let status = status.as_ref().map_or(0, |status| status.code);
    Ok(Some(RateLimit {
        stat_prefix: stat_prefix.as_str().into(),
        // Envoy takes errors only.
        status: u16::try_from(status)
            .ok()
            .filter(|status| *status >= 400)
            .unwrap_or(429),
        enabled: share(filter_enabled.as_ref()),
        enforced: share(filter_enforced.as_ref()),
        default: default.map(|rate| Arc::new(Bucket::new(rate))),
        always_default: flag(always_consume_default_token_bucket.as_ref(), true),
        rules: rules?,
        descriptors: descriptors?,
        announce: *enable_x_ratelimit_headers == 1,
    }))
}

/// Unset is nobody.
fn share(fraction: Option<&RuntimeFractionalPercent>) -> u32 {
    let fraction = fraction.and_then(|fraction| fraction.default_value.as_ref());
    fraction.map_or(0, millionths)
}

fn rate(bucket: &TokenBucket) -> Result<Rate, &'static str> {
    let interval = bucket.fill_interval.as_ref().map(duration);
    let interval = interval.filter(|interval| !interval.is_zero());
    let interval = interval.ok_or("local_ratelimit: a bucket without fill_interval")?;
    // Envoy default.
    let tokens = number(bucket.tokens_per_fill.as_ref()).unwrap_or(1);
    Ok(Rate::new(bucket.max_tokens, tokens, interval.as_secs_f64()))
}

fn rule(rule: &ProtoRule) -> Result<Rule, &'static str> {
    let plain = ProtoRule {
        actions: rule.actions.clone(),
        hits_addend: rule.hits_addend.clone(),
        ..ProtoRule::default()
    };
    if plain != *rule {
        return Err("local_ratelimit.rate_limits: more than actions and hits_addend");
    }
    let actions = rule.actions.iter().map(|it| it.action_specifier.as_ref());
    let actions: Result<_, _> = actions.map(action).collect();
    let hits = match &rule.hits_addend {
        None => 1,
        Some(HitsAddend {
            number: Some(number),
            is_negative_hits: false,
            ..
        }) => u32::try_from(number.value).unwrap_or(u32::MAX),
        Some(_) => return Err("local_ratelimit.rate_limits.hits_addend.format"),
    };
    Ok(Rule {
        actions: actions?,
        hits,
    })
}

fn action(specifier: Option<&ActionSpecifier>) -> Result<Action, &'static str> {
    const UNKNOWN: &str = "local_ratelimit.rate_limits.actions of another kind";
    const FORMAT: &str = "local_ratelimit.rate_limits.actions with a format or default_value";
    let key = |given: &str, default: &str| -> Box<str> {
        match given {
            "" => default.into(),
            given => given.into(),
        }
    };
    let plain = |value: &str, default: &str| -> Result<Box<[u8]>, &'static str> {
        match value.contains('%') || !default.is_empty() {
            true => Err(FORMAT),
            false => Ok(value.as_bytes().into()),
        }
    };
    let condition = |_: String| "local_ratelimit.rate_limits.actions with an odd condition";
    Ok(match specifier.ok_or(UNKNOWN)? {
        ActionSpecifier::RemoteAddress(_) => Action::Client,
        ActionSpecifier::GenericKey(it) => Action::Fixed(
            key(&it.descriptor_key, "generic_key"),
            plain(&it.descriptor_value, &it.default_value)?,
        ),
        ActionSpecifier::RequestHeaders(it) => Action::Header {
            key: it.descriptor_key.as_str().into(),
            name: it.header_name.to_ascii_lowercase().into_bytes().into(),
            skip: it.skip_if_absent,
        },
        ActionSpecifier::HeaderValueMatch(it) => Action::Headers {
            key: key(&it.descriptor_key, "header_match"),
            value: plain(&it.descriptor_value, &it.default_value)?,
            expect: flag(it.expect_match.as_ref(), true),
            headers: it
                .headers
                .iter()
                .map(matcher::header)
                .collect::<Result<_, _>>()
                .map_err(condition)?,
        },
        ActionSpecifier::MaskedRemoteAddress(it) => {
            let bits = |value, most: u8| {
                let bits = number(value).map_or(most, |bits| u8::try_from(bits).unwrap_or(most));
                bits.min(most)
            };
            let v4 = bits(it.v4_prefix_mask_len.as_ref(), 32);
            Action::Masked(v4, bits(it.v6_prefix_mask_len.as_ref(), 128))
        }
        ActionSpecifier::QueryParameters(it) => Action::Parameter {
            key: it.descriptor_key.as_str().into(),
            name: it.query_parameter_name.as_bytes().into(),
            skip: it.skip_if_absent,
        },
        ActionSpecifier::QueryParameterValueMatch(it) => Action::Parameters {
            key: key(&it.descriptor_key, "query_match"),
            value: plain(&it.descriptor_value, &it.default_value)?,
            expect: flag(it.expect_match.as_ref(), true),
            parameters: it
                .query_parameters
                .iter()
                .map(matcher::query)
                .collect::<Result<_, _>>()
                .map_err(condition)?,
        },
        ActionSpecifier::RemoteAddressMatch(it) => {
            let matcher = it.address_matcher.as_ref().ok_or(UNKNOWN)?;
            let ranges: Option<_> = matcher.ranges.iter().map(cidr).collect();
            Action::Range {
                key: key(&it.descriptor_key, "remote_address_match"),
                value: plain(&it.descriptor_value, &it.default_value)?,
                ranges: ranges.ok_or("local_ratelimit: a range that is none")?,
                invert: matcher.invert_match,
            }
        }
        _ => return Err(UNKNOWN),
    })
}

fn cidr(range: &CidrRange) -> Option<Cidr> {
    let address: IpAddr = range.address_prefix.parse().ok()?;
    let length = number(range.prefix_len.as_ref()).unwrap_or(0);
    Some(Cidr {
        address,
        length: u8::try_from(length).ok()?,
    })
}

fn descriptor(proto: &LocalRateLimitDescriptor, most: usize) -> Result<Descriptor, &'static str> {
    let bucket = proto.token_bucket.as_ref();
    let rate = rate(bucket.ok_or("local_ratelimit: a descriptor without bucket")?)?;
    let entries = proto.entries.iter();
    let entries = entries.map(|entry| (entry.key.as_str().into(), entry.value.as_bytes().into()));
    let each = proto.entries.iter().any(|entry| entry.value.is_empty());
    Ok(Descriptor {
        entries: entries.collect(),
        shadow: proto.shadow_mode,
        buckets: match each {
            true => Buckets::Each(rate, Mutex::new(Known::new(most))),
            false => Buckets::One(Arc::new(Bucket::new(rate))),
        },
    })
}

/// Envoy default.
const DYNAMIC: u32 = 20;
