// SPDX-License-Identifier: Apache-2.0
//! Hash policies of a route or of a cluster.
//!
//! In: `hash_policy`. Out: what the request phase runs.

use regex::bytes::Regex;
use sluicegate_xds::pb::envoy::config::route::v3::route_action::{
    HashPolicy as ProtoPolicy,
    hash_policy::{Cookie, Header, PolicySpecifier},
};

use super::{rewrite::substitution, value::duration};
use crate::balance::{CookieMethod, HashMethod, HashPolicy, HeaderMethod};

/// Compiles a list. A policy that hashes nothing known here is left out; see [`is_unsupported`].
pub(super) fn compile(policies: &[ProtoPolicy]) -> Result<Vec<HashPolicy>, String> {
    policies
        .iter()
        .filter_map(|policy| one(policy).transpose())
        .collect()
}

/// Whether something of the list is left out.
pub(super) fn is_unsupported(policies: &[ProtoPolicy]) -> bool {
    policies.iter().any(|policy| {
        matches!(
            policy.policy_specifier,
            Some(PolicySpecifier::FilterState(_))
        )
    })
}

fn one(policy: &ProtoPolicy) -> Result<Option<HashPolicy>, String> {
    let method = match &policy.policy_specifier {
        Some(PolicySpecifier::Header(header)) => HashMethod::Header(self::header(header)?),
        Some(PolicySpecifier::Cookie(cookie)) => HashMethod::Cookie(self::cookie(cookie)),
        Some(PolicySpecifier::ConnectionProperties(connection)) if connection.source_ip => {
            HashMethod::SourceIp
        }
        Some(PolicySpecifier::QueryParameter(parameter)) => {
            HashMethod::QueryParameter(parameter.name.clone())
        }
        Some(PolicySpecifier::ConnectionProperties(_) | PolicySpecifier::FilterState(_)) | None => {
            return Ok(None);
        }
    };
    Ok(Some(HashPolicy {
        method,
        terminal: policy.terminal,
    }))
}

fn header(header: &Header) -> Result<HeaderMethod, String> {
    let rewrite = match &header.regex_rewrite {
        Some(rule) => {
            let pattern = rule.pattern.as_ref().map_or("", |pattern| &pattern.regex);
            let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
            Some((pattern, substitution(&rule.substitution)))
        }
        None => None,
    };
    Ok(HeaderMethod {
        name: header.header_name.clone(),
        rewrite,
    })
}

fn cookie(cookie: &Cookie) -> CookieMethod {
    CookieMethod {
        name: cookie.name.clone(),
        ttl: cookie.ttl.as_ref().map(duration),
        path: cookie.path.clone(),
        attributes: cookie
            .attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), attribute.value.clone()))
            .collect(),
    }
}
