// SPDX-License-Identifier: Apache-2.0
//! `v1` ConfigMap.
//!
//! In: a document. Out: its contents as bytes.

use std::collections::BTreeMap;

use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
    value::decode_base64,
};

/// A ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigMap {
    /// `data` and `binaryData` (decoded).
    pub data: BTreeMap<String, Vec<u8>>,
}

impl Body for ConfigMap {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        root.accept(&["immutable"]);
        let mut data = root
            .optional("binaryData")
            .map(|field| binary(&field))
            .unwrap_or_default();
        for (key, value) in root
            .optional("data")
            .map(|field| text(&field))
            .unwrap_or_default()
        {
            if data.insert(key.clone(), value).is_some() {
                root.field
                    .duplicate(format!("{key} in data and binaryData"));
            }
        }
        Self { data }
    }
}

/// A map of base64 texts, decoded.
pub(super) fn binary(field: &Field<'_>) -> BTreeMap<String, Vec<u8>> {
    let entries = field.entries().into_iter().filter_map(|(key, value)| {
        let bytes = decode_base64(content(key, &value)?);
        if bytes.is_none() {
            let message = "Invalid value: must be standard base64 with padding";
            let error = value.error(codes::INVALID_VALUE, message);
            let help = "plain text belongs in `stringData` (Secret) or `data` (ConfigMap)";
            value.push(error.help(help));
        }
        Some((key.to_owned(), bytes?))
    });
    entries.collect()
}

/// A map of plain texts.
pub(super) fn text(field: &Field<'_>) -> BTreeMap<String, Vec<u8>> {
    let entries = field.entries().into_iter().filter_map(|(key, value)| {
        let text = content(key, &value)?;
        Some((key.to_owned(), text.as_bytes().to_vec()))
    });
    entries.collect()
}

/// The text under a key. No message repeats a value here: it may be a secret.
fn content<'d>(key: &str, value: &Field<'d>) -> Option<&'d str> {
    check_key(key, value);
    let text = value.node.as_str();
    if text.is_none() {
        let message = format!(
            "Invalid value: \"{}\": must be of type string",
            value.node.shape()
        );
        value.push(
            value
                .error(codes::INVALID_TYPE, message)
                .help("put it in quotes"),
        );
    }
    text
}

fn check_key(key: &str, value: &Field<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let valid =
        (1..=253).contains(&key.len()) && key.bytes().all(allowed) && key != "." && key != "..";
    if !valid {
        value.push(value.error(
            codes::INVALID_VALUE,
            format!(
                "Invalid value: {key:?}: a valid config key must consist of alphanumeric \
                 characters, '-', '_' or '.'"
            ),
        ));
    }
}
