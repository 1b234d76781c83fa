// SPDX-License-Identifier: Apache-2.0
//! Compiling path rewrites and redirects.
//!
//! In: a RouteAction or RedirectAction with the condition it was matched by. Out: rules ready to
//! apply; or why they cannot be applied.

use regex::bytes::Regex;
use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        RedirectAction, RouteAction as ProtoAction, RouteMatch as ProtoMatch, redirect_action,
    },
    r#type::matcher::v3::RegexMatchAndSubstitute,
};

use super::matcher;
use crate::route::{Path, PathRewrite, Redirect};

/// The path rewrite of a forwarding route.
pub(super) fn path_rewrite(
    action: &ProtoAction,
    conditions: &ProtoMatch,
) -> Result<PathRewrite, String> {
    if !action.prefix_rewrite.is_empty() {
        return Ok(prefix_rewrite(&action.prefix_rewrite, conditions));
    }
    if let Some(regex) = &action.regex_rewrite {
        return regex_rewrite(regex);
    }
    if !action.path_rewrite.is_empty() {
        return Ok(PathRewrite::Full(action.path_rewrite.as_bytes().into()));
    }
    Ok(PathRewrite::None)
}

/// Replaces the matched part: a prefix, or the whole of an exact or regex match.
fn prefix_rewrite(new: &str, conditions: &ProtoMatch) -> PathRewrite {
    let new = new.as_bytes().into();
    match matcher::path(conditions) {
        Ok(Path::Prefix(text) | Path::SeparatedPrefix(text)) => {
            PathRewrite::Prefix(text.len(), new)
        }
        _ => PathRewrite::Full(new),
    }
}

fn regex_rewrite(rule: &RegexMatchAndSubstitute) -> Result<PathRewrite, String> {
    let pattern = rule.pattern.as_ref().map_or("", |pattern| &pattern.regex);
    let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
    Ok(PathRewrite::Regex(
        regex,
        substitution(&rule.substitution).into(),
    ))
}

/// From RE2's `\1` to this engine's `${1}`.
pub(super) fn substitution(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.extend_from_slice(&[b'$', b'{', digit, b'}']);
                }
                Some(other) => out.push(other),
                None => {}
            },
            b'$' => out.extend_from_slice(b"$$"),
            other => out.push(other),
        }
    }
    out
}

/// A redirect.
pub(super) fn redirect(
    redirect: &RedirectAction,
    conditions: &ProtoMatch,
) -> Result<Redirect, String> {
    let text = |text: &str| (!text.is_empty()).then(|| text.as_bytes().into());
    Ok(Redirect {
        scheme: match &redirect.scheme_rewrite_specifier {
            Some(redirect_action::SchemeRewriteSpecifier::HttpsRedirect(true)) => text("https"),
            Some(redirect_action::SchemeRewriteSpecifier::SchemeRedirect(scheme)) => text(scheme),
            _ => None,
        },
        host: text(&redirect.host_redirect),
        port: match redirect.port_redirect {
            0 => None,
            port => Some(u16::try_from(port).map_err(|_| format!("port {port} is too large"))?),
        },
        path: match &redirect.path_rewrite_specifier {
            Some(redirect_action::PathRewriteSpecifier::PathRedirect(path)) => {
                PathRewrite::Full(path.as_bytes().into())
            }
            Some(redirect_action::PathRewriteSpecifier::PrefixRewrite(new)) => {
                prefix_rewrite(new, conditions)
            }
            Some(redirect_action::PathRewriteSpecifier::RegexRewrite(rule)) => regex_rewrite(rule)?,
            Some(redirect_action::PathRewriteSpecifier::PathRewrite(_)) => {
                return Err("this path rewrite is not implemented".to_owned());
            }
            None => PathRewrite::None,
        },
        status: match redirect.response_code {
            1 => 302,
            2 => 303,
            3 => 307,
            4 => 308,
            _ => 301,
        },
        strip_query: redirect.strip_query,
    })
}
