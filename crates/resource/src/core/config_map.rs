// SPDX-License-Identifier: Apache-2.0
//! `v1` ConfigMap.
//!
//! In: a document. Out: its contents as bytes.

use std::collections::BTreeMap;

use crate::{
    Metadata,
    admission::{Block, Field},
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
        check_key(key, &value);
        let bytes = decode_base64(value.string()?);
        if bytes.is_none() {
            // The value is not repeated in the message: it may be a secret.
            value.push(
                value
                    .error(
                        crate::codes::INVALID_VALUE,
                        "Invalid value: must be standard base64 with padding",
                    )
                    .help("plain text belongs in `stringData` (Secret) or `data` (ConfigMap)"),
            );
        }
        Some((key.to_owned(), bytes?))
    });
    entries.collect()
}

/// A map of plain texts.
pub(super) fn text(field: &Field<'_>) -> BTreeMap<String, Vec<u8>> {
    let entries = field.entries().into_iter().filter_map(|(key, value)| {
        check_key(key, &value);
        Some((key.to_owned(), value.string()?.as_bytes().to_vec()))
    });
    entries.collect()
}

fn check_key(key: &str, value: &Field<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let valid =
        (1..=253).contains(&key.len()) && key.bytes().all(allowed) && key != "." && key != "..";
    if !valid {
        value.push(value.error(
            crate::codes::INVALID_VALUE,
            format!(
                "Invalid value: {key:?}: a valid config key must consist of alphanumeric \
                 characters, '-', '_' or '.'"
            ),
        ));
    }
}
