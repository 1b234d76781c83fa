// SPDX-License-Identifier: Apache-2.0
//! Decoding of redirects and rewrites.
//!
//! In: the block of either. Out: the parts of the URL that change.

use super::super::{PathModifier, RequestRedirect, UrlRewrite};
use crate::{
    admission::{Block, Field},
    codes,
    value::is_precise_hostname,
};

pub(super) fn redirect(block: &Block<'_>) -> RequestRedirect {
    let scheme = block
        .optional("scheme")
        .and_then(|field| field.word(&["http", "https"]));
    let status = block
        .optional("statusCode")
        .and_then(|field| status_code(&field));
    RequestRedirect {
        scheme,
        hostname: hostname(block),
        path: path(block),
        port: block.optional("port").and_then(|field| field.port()),
        // API default: 302.
        status_code: status.unwrap_or(302),
    }
}

pub(super) fn rewrite(block: &Block<'_>) -> UrlRewrite {
    UrlRewrite {
        hostname: hostname(block),
        path: path(block),
    }
}

fn status_code(field: &Field<'_>) -> Option<u16> {
    let status = field.integer(i64::MIN..=i64::MAX)?;
    if ![301, 302, 303, 307, 308].contains(&status) {
        let message = format!(
            "Unsupported value: {status}: supported values: \"301\", \"302\", \"303\", \
             \"307\", \"308\""
        );
        field.push(field.error(codes::UNSUPPORTED_VALUE, message));
    }
    u16::try_from(status).ok()
}

fn hostname(block: &Block<'_>) -> Option<String> {
    let field = block.optional("hostname")?;
    let hostname = field.text(253)?;
    if !is_precise_hostname(hostname) {
        field.reject("must be a precise DNS hostname, without wildcard or port");
    }
    Some(hostname.to_owned())
}

fn path(block: &Block<'_>) -> Option<PathModifier> {
    let field = block.optional("path")?;
    field.object(|block| modifier(block, &field)).flatten()
}

fn modifier(block: &Block<'_>, field: &Field<'_>) -> Option<PathModifier> {
    let kind = block
        .required("type")
        .and_then(|field| field.word(&["ReplaceFullPath", "ReplacePrefixMatch"]));
    let text = |name| {
        let field = block.optional(name)?;
        let text = field.string()?;
        field.check_text_length(text, 1024);
        // Envoy refuses every route of the port for one.
        if text.chars().any(char::is_control) {
            field.reject("must not contain control characters");
        }
        Some(text.to_owned())
    };
    let full = text("replaceFullPath");
    let prefix = text("replacePrefixMatch");
    match (kind?.as_str(), full, prefix) {
        ("ReplaceFullPath", Some(full), None) => Some(PathModifier::ReplaceFullPath(full)),
        ("ReplacePrefixMatch", None, Some(prefix)) => {
            Some(PathModifier::ReplacePrefixMatch(prefix))
        }
        ("ReplaceFullPath", None, _) => {
            field.reject("replaceFullPath must be specified when type is set to 'ReplaceFullPath'");
            None
        }
        ("ReplaceFullPath", _, _) => {
            field.reject("type must be 'ReplacePrefixMatch' when replacePrefixMatch is set");
            None
        }
        (_, _, None) => {
            field.reject(
                "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
            );
            None
        }
        _ => {
            field.reject("type must be 'ReplaceFullPath' when replaceFullPath is set");
            None
        }
    }
}
