// SPDX-License-Identifier: Apache-2.0
//! `accessLog` of an HTTPListenerPolicy.
//!
//! In: one entry. Out: its file with format and filter; other sinks are reported by name.

use crate::{
    admission::{Block, Field},
    codes,
    telemetry::{AccessLog, Emitter, LogFormat, filter, format, format::file_path},
};

pub(super) fn decode(item: &Field<'_>) -> Option<AccessLog> {
    item.object(|block| entry(block, item)).flatten()
}

fn entry(block: &Block<'_>, item: &Field<'_>) -> Option<AccessLog> {
    let filter = block.object("filter", filter::decode).flatten();
    let sinks = ["grpcService", "openTelemetry"].map(|name| (name, block.optional(name)));
    for (name, field) in &sinks {
        if let Some(field) = field {
            field.warn(
                codes::UNSUPPORTED_FIELD,
                format!("`{name}` is accepted but not implemented: nothing is sent there"),
            );
        }
    }
    let Some(field) = block.optional("fileSink") else {
        if sinks.iter().all(|(_, field)| field.is_none()) {
            item.reject("one of [fileSink grpcService openTelemetry] must be set");
        }
        return None;
    };
    let (path, format) = field.object(file_sink).flatten()?;
    Some(AccessLog {
        place: field.path(),
        path,
        format,
        emitter: Emitter::Route,
        filter,
    })
}

fn file_sink(block: &Block<'_>) -> Option<(String, LogFormat)> {
    let path = block.required("path").and_then(|field| file_path(&field));
    let text = block.optional("stringFormat").and_then(|field| {
        let text = field.string()?;
        format::check(&field, text);
        Some(LogFormat::Text(text.to_owned()))
    });
    let json = block
        .optional("jsonFormat")
        .map(|field| LogFormat::Json(format::json(&field)));
    let format = match (text, json) {
        (Some(format), None) | (None, Some(format)) => format,
        (None, None) => {
            block.field.reject_with(
                "exactly one of the fields in [stringFormat jsonFormat] must be set",
                "write `stringFormat: \"%REQ(:method)% %RESPONSE_CODE%\\n\"`, or `jsonFormat` with names and operators",
            );
            return None;
        }
        (Some(_), Some(_)) => {
            block
                .field
                .reject("exactly one of the fields in [stringFormat jsonFormat] must be set");
            return None;
        }
    };
    Some((path?, format))
}
