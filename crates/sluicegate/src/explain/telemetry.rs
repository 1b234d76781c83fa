// SPDX-License-Identifier: Apache-2.0
//! Access logs and traces of a listener, in words.
//!
//! In: what attachment found. Out: a line per log, and one about traces.

use sluicegate_attach::Telemetry;
use sluicegate_resource::telemetry::{Collector, Emitter, LogFormat};

use super::name::text;

/// One line per log.
pub(super) fn access_logs(telemetry: &Telemetry) -> Vec<String> {
    let logs = telemetry.access_logs.iter().map(|attached| {
        let log = &attached.log;
        let format = match &log.format {
            LogFormat::Envoy => "Envoy's format",
            LogFormat::Json(_) => "JSON",
            LogFormat::Text(_) => "text",
        };
        let which = match (log.emitter, &log.filter) {
            (Emitter::Listener, _) => ", connections",
            (_, Some(_)) => ", filtered",
            (_, None) => "",
        };
        let author = match &attached.source {
            Some(source) => format!("{source} at {}", attached.place),
            None => attached.place.clone(),
        };
        format!("{} ({format}{which}) by {author}", log.path)
    });
    logs.collect()
}

/// Where spans go.
pub(super) fn tracing(telemetry: &Telemetry) -> Option<String> {
    let attached = telemetry.tracing.as_ref()?;
    let collector = match (&attached.backend, &attached.tracing.collector) {
        (Some(key), _) => text(key),
        (None, Collector::Address { host, port }) => format!("{host}:{port}"),
        (None, Collector::Backend(reference)) => reference.name.clone(),
    };
    Some(format!(
        "{}% to {collector} by {} at {}",
        attached.tracing.random_sampling, attached.source, attached.place
    ))
}
