// SPDX-License-Identifier: Apache-2.0
//! `telemetry.accessLog` of an EnvoyProxy.
//!
//! In: the block. Out: its file sinks, each with the format of its setting.

use crate::{
    admission::Block,
    codes,
    telemetry::{AccessLog, Emitter, LogFormat, format, format::file_path},
};

/// Where Envoy Gateway writes when settings are left out (Envoy Gateway default).
const STANDARD_OUTPUT: &str = "/dev/stdout";

pub(super) fn decode(block: &Block<'_>) -> Vec<AccessLog> {
    let disabled = block.boolean("disable").unwrap_or_default();
    let Some(settings) = block.optional("settings") else {
        return match disabled {
            true => Vec::new(),
            false => vec![AccessLog {
                place: block.field.path(),
                path: STANDARD_OUTPUT.to_owned(),
                format: LogFormat::envoy_gateway(),
                emitter: Emitter::Any,
                filter: None,
            }],
        };
    };
    let settings = settings.items(1..=50);
    let logs: Vec<AccessLog> = settings
        .iter()
        .filter_map(|item| item.object(setting))
        .flatten()
        .collect();
    match disabled {
        true => Vec::new(),
        false => logs,
    }
}

fn setting(block: &Block<'_>) -> Vec<AccessLog> {
    const EMITTERS: [(&str, Option<Emitter>); 3] = [
        ("Listener", Some(Emitter::Listener)),
        ("Route", Some(Emitter::Route)),
        ("Upstream", None),
    ];
    let format = block.object("format", log_format).flatten();
    let format = format.unwrap_or_else(LogFormat::envoy_gateway);
    let kind = block.optional("type");
    let emitter = match kind.as_ref().and_then(|field| field.choice(&EMITTERS)) {
        None => Some(Emitter::default()),
        Some(emitter) => emitter,
    };
    if let (None, Some(field)) = (emitter, kind) {
        field.warn(
            codes::UNSUPPORTED_FIELD,
            "type `Upstream` is accepted but not implemented: nothing is written",
        );
    }
    if let Some(field) = block.optional("matches") {
        field.strings(1..=10);
        field.warn(
            codes::UNSUPPORTED_FIELD,
            "`matches` is accepted but not implemented: CEL is not evaluated, and every line is written",
        );
    }
    let sinks = block
        .required("sinks")
        .map(|field| field.items(1..=50))
        .unwrap_or_default();
    let logs = sinks.iter().filter_map(|item| {
        let path = item.object(sink).flatten()?;
        Some(AccessLog {
            place: item.path(),
            path,
            format: format.clone(),
            emitter: emitter?,
            filter: None,
        })
    });
    logs.collect()
}

/// The path of a file; other sinks have none.
fn sink(block: &Block<'_>) -> Option<String> {
    const TYPES: [(&str, &str); 3] = [
        ("File", "file"),
        ("ALS", "als"),
        ("OpenTelemetry", "openTelemetry"),
    ];
    block.accept(&["als", "openTelemetry"]);
    let path = block.object("file", |block| file_path(&block.required("path")?));
    let field = block.required("type")?;
    let member = field.choice(&TYPES)?;
    if block.optional(member).is_none() {
        block.missing(member);
    }
    if member != "file" {
        let name = field.node.as_str().unwrap_or_default();
        field.warn(
            codes::UNSUPPORTED_FIELD,
            format!("sink type `{name}` is accepted but not implemented: nothing is sent there"),
        );
        return None;
    }
    path.flatten()
}

fn log_format(block: &Block<'_>) -> Option<LogFormat> {
    let text = block.optional("text");
    let text = text.and_then(|field| {
        let text = field.string()?;
        format::check(&field, text);
        Some(LogFormat::Text(text.to_owned()))
    });
    let json = block.optional("json");
    let json = json.map(|field| LogFormat::Json(format::json(&field)));
    let kind = block
        .optional("type")
        .and_then(|field| field.word(&["Text", "JSON"]));
    match (kind.as_deref(), text, json) {
        (Some("Text") | None, Some(text), None) => Some(text),
        (Some("JSON") | None, None, Some(json)) => Some(json),
        (Some("Text"), ..) => {
            block.field.reject(
                "If AccessLogFormat type is Text, text field needs to be set, and json does not",
            );
            None
        }
        (Some(_), ..) => {
            block.field.reject(
                "If AccessLogFormat type is JSON, json field needs to be set, and text does not",
            );
            None
        }
        (None, Some(_), Some(_)) => {
            block
                .field
                .reject("a file takes one format: text or json, not both");
            None
        }
        (None, None, None) => None,
    }
}
