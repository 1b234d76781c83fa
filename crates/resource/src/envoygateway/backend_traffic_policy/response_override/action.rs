// SPDX-License-Identifier: Apache-2.0
//! `responseOverride[].response` and `.redirect`.
//!
//! In: the blocks. Out: what the client gets in place of the response.

use super::super::reader;
use crate::{
    admission::{Block, Field},
    codes,
    gateway::HeaderModifier,
    value::is_precise_hostname,
};

/// What takes the place of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseAction {
    /// `redirect`.
    Redirect(ResponseRedirect),
    /// `response`.
    Response(ResponseReplacement),
}

/// Another response. What is absent stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseReplacement {
    /// `contentType`.
    pub content_type: Option<String>,
    /// `body`.
    pub body: Option<ResponseBody>,
    /// `statusCode`, 200..599: upstream takes less, which Envoy refuses.
    pub status_code: Option<u16>,
    /// `header`: what to set and add; nothing can be removed.
    pub header: Option<HeaderModifier>,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseBody {
    /// `Inline`.
    Inline(String),
    /// `ValueRef`: a ConfigMap of the policy's namespace; the key `response.body`, else the first.
    ConfigMap(String),
}

/// A redirect. What is absent stays as in the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseRedirect {
    /// `scheme`: `http` or `https`.
    pub scheme: Option<String>,
    /// `hostname`, without wildcard.
    pub hostname: Option<String>,
    /// `path.replaceFullPath`.
    pub path: Option<String>,
    /// `port`.
    pub port: Option<u16>,
    /// `statusCode`, 301 or 302. Absent: 302 (Envoy Gateway default).
    pub status_code: Option<u16>,
}

impl ResponseReplacement {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let header = block.optional("header");
        let header = header.and_then(|field| {
            if let Some(remove) = field.node.get("remove") {
                field
                    .child("remove", remove)
                    .reject("a response override cannot remove headers");
            }
            field.object(HeaderModifier::decode)
        });
        let content_type = block.optional("contentType");
        let status = block.optional("statusCode").and_then(|field| {
            let status = reader::status(&field)?;
            if status < 200 {
                field.reject("must be between 200 and 599: Envoy refuses others");
            }
            Some(status)
        });
        Self {
            content_type: content_type.and_then(|field| reader::name(&field, usize::MAX)),
            body: block.object("body", ResponseBody::decode).flatten(),
            status_code: status,
            header,
        }
    }
}

impl ResponseBody {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let kind = block.optional("type");
        let kind = kind.and_then(|field| field.word(&["Inline", "ValueRef"]));
        let inline_field = block.optional("inline");
        let reference_field = block.optional("valueRef");
        let inline = inline_field.as_ref().and_then(Field::string);
        let reference = reference_field
            .as_ref()
            .and_then(|field| field.object(|block| config_map(block, field)).flatten());
        // API default.
        let referenced = kind.as_deref() == Some("ValueRef");
        let (wanted, present, other) = match referenced {
            true => ("valueRef", &reference_field, &inline_field),
            false => ("inline", &inline_field, &reference_field),
        };
        if present.is_none() {
            block.missing(wanted);
        }
        if let Some(field) = other {
            let kind = if referenced { "ValueRef" } else { "Inline" };
            field.reject(format!("may not be set when type is {kind}"));
        }
        match referenced {
            true => reference.map(Self::ConfigMap),
            false => inline.map(|text| Self::Inline(text.to_owned())),
        }
    }
}

fn config_map(block: &Block<'_>, field: &Field<'_>) -> Option<String> {
    let group = block.string("group").unwrap_or_default();
    let kind = block.required_string("kind");
    let name = reader::required_name(block, "name", 253);
    if !group.is_empty() || kind.is_some_and(|kind| kind != "ConfigMap") {
        field.reject_with(
            "must reference a ConfigMap",
            "write `group: \"\"` and `kind: ConfigMap`",
        );
    }
    name
}

impl ResponseRedirect {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let scheme = block.optional("scheme");
        let hostname = block.optional("hostname").and_then(|field| {
            let hostname = field.text(253)?;
            if !hostname.is_empty() && !is_precise_hostname(hostname) {
                field.reject("must be a lower case DNS name without wildcard");
            }
            Some(hostname.to_owned())
        });
        let path = block.object("path", |block| {
            let kind = block.required("type");
            kind.and_then(|field| field.word(&["ReplaceFullPath"]));
            reader::required_name(block, "replaceFullPath", 1024)
        });
        let status = block.optional("statusCode").and_then(|field| {
            let status = reader::status(&field)?;
            if !matches!(status, 301 | 302) {
                field.reject("must be 301 or 302");
            }
            Some(status)
        });
        if let Some(field) = block
            .optional("port")
            .filter(|_| block.optional("hostname").is_none())
        {
            field.warn(
                codes::NOT_ENFORCED,
                "`port` is read and checked, and changes no traffic yet: it needs a `hostname`",
            );
        }
        Self {
            scheme: scheme.and_then(|field| field.word(&["http", "https"])),
            hostname,
            path: path.flatten(),
            port: block.optional("port").and_then(|field| field.port()),
            status_code: status,
        }
    }
}
