// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.accesslog.v3.AccessLog`.
//!
//! In: the logs of a listener. Out: file loggers for who writes: requests, connections, or the
//! listener itself.

use std::collections::BTreeMap;

use sluicegate_attach::{AttachedLog, Telemetry};
use sluicegate_resource::telemetry::{Emitter, LogFormat};
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                accesslog::v3::{
                    AccessLog, AccessLogFilter, ResponseFlagFilter, access_log::ConfigType,
                    access_log_filter::FilterSpecifier,
                },
                core::v3::{SubstitutionFormatString, substitution_format_string::Format},
            },
            extensions::access_loggers::file::v3::{
                FileAccessLog, file_access_log::AccessLogFormat,
            },
        },
        google::protobuf::{ListValue, Struct, Value, value::Kind},
    },
};

use super::filter;
use crate::pb;

/// Envoy's name for the extension.
const FILE: &str = "envoy.access_loggers.file";

/// The logs of requests.
pub(crate) fn of_requests(telemetry: &Telemetry) -> Vec<AccessLog> {
    let logs = by_routes(telemetry);
    logs.map(|log| access_log(log, filter::of(&log.log)))
        .collect()
}

/// The logs of connections: their lines are those of requests, with the fields of requests empty. A
/// filter asks about requests; without any, every line is written.
pub(crate) fn of_connections(telemetry: &Telemetry) -> Vec<AccessLog> {
    let logs = by_routes(telemetry).filter(|log| log.log.filter.is_none());
    logs.map(|log| access_log(log, None)).collect()
}

/// The logs of the listener itself: those that ask for it, and for connections that no chain takes
/// also those that leave it open who writes (Envoy Gateway's rule). A listener with `every` chain
/// has no such connections.
pub(crate) fn of_listener<'t>(
    telemetries: impl Iterator<Item = &'t Telemetry>,
    every: bool,
) -> Vec<AccessLog> {
    // One entry per file and format, however many listeners of the port ask for it.
    let mut logs: BTreeMap<(String, String), AccessLog> = BTreeMap::new();
    for attached in telemetries.flat_map(|telemetry| &telemetry.access_logs) {
        let filter = match attached.log.emitter {
            Emitter::Listener => None,
            Emitter::Any if !every => Some(no_chain()),
            Emitter::Any | Emitter::Route => continue,
        };
        let key = (attached.place.clone(), attached.log.path.clone());
        logs.insert(key, access_log(attached, filter));
    }
    logs.into_values().collect()
}

fn by_routes(telemetry: &Telemetry) -> impl Iterator<Item = &AttachedLog> {
    let logs = telemetry.access_logs.iter().map(AsRef::as_ref);
    logs.filter(|attached: &&AttachedLog| attached.log.emitter != Emitter::Listener)
}

fn no_chain() -> AccessLogFilter {
    AccessLogFilter {
        filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(ResponseFlagFilter {
            flags: vec!["NR".to_owned()],
        })),
    }
}

fn access_log(attached: &AttachedLog, filter: Option<AccessLogFilter>) -> AccessLog {
    let file = FileAccessLog {
        path: attached.log.path.clone(),
        access_log_format: access_log_format(&attached.log.format),
    };
    AccessLog {
        name: FILE.to_owned(),
        filter,
        // A JSON format is a map.
        config_type: Some(ConfigType::TypedConfig(any::pack_sorted(&file))),
    }
}

fn access_log_format(format: &LogFormat) -> Option<AccessLogFormat> {
    let format = match format {
        LogFormat::Envoy => return None,
        LogFormat::Text(text) => Format::TextFormatSource(pb::inline_string(text)?),
        LogFormat::Json(fields) => Format::JsonFormat(structure(fields)),
    };
    Some(AccessLogFormat::LogFormat(SubstitutionFormatString {
        format: Some(format),
        ..SubstitutionFormatString::default()
    }))
}

fn structure(fields: &serde_json::Map<String, serde_json::Value>) -> Struct {
    let fields = fields.iter();
    Struct {
        fields: fields
            .map(|(name, field)| (name.clone(), value(field)))
            .collect(),
    }
}

fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(value).collect(),
        }),
        Json::Object(fields) => Kind::StructValue(structure(fields)),
    };
    Value { kind: Some(kind) }
}
