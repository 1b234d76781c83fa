// SPDX-License-Identifier: Apache-2.0
//! The log of health check events.
//!
//! In: what became of a host. Out: a line of JSON in the files of the check, as Envoy's file sink
//! writes them, fields with default values too.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    net::SocketAddr,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use sluicegate_xds::pb::envoy::{
    config::core::v3::Locality, data::core::v3::HealthCheckFailureType,
};

use super::active::CheckResult;
use crate::{http::rfc3339, plan::Events};

/// The files of one check.
#[derive(Debug)]
pub(super) struct EventLog {
    files: Vec<Mutex<File>>,
    config: Events,
}

/// What a line is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The cluster.
    pub(super) cluster: &'a str,
    /// The host.
    pub(super) address: SocketAddr,
    /// Where it runs.
    pub(super) locality: Option<&'a Locality>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HealthEvent {
    /// `add_healthy_event`
    Add { first_check: bool },
    /// `degraded_healthy_host`
    Degraded,
    /// `eject_unhealthy_event`
    Eject {
        why: HealthCheckFailureType,
        status: u16,
    },
    /// `health_check_failure_event`
    Failure {
        why: HealthCheckFailureType,
        first_check: bool,
        status: u16,
    },
    /// `no_longer_degraded_host`
    NoLongerDegraded,
    /// `successful_health_check_event`
    Success,
}

impl EventLog {
    /// Opens the files; none if there are none.
    pub(super) fn open(config: &Events) -> Option<Self> {
        let paths = config.paths.iter();
        let files: Vec<Mutex<File>> = paths
            .filter_map(|path| {
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.inspect_err(|error| tracing::warn!(path, %error, "no health check log"))
                    .ok()
            })
            .map(Mutex::new)
            .collect();
        (!files.is_empty()).then(|| Self {
            files,
            config: config.clone(),
        })
    }

    /// Whether results are logged that change nothing.
    pub(super) fn config(&self) -> &Events {
        &self.config
    }

    /// Writes one line.
    pub(super) fn write(&self, about: About<'_>, event: HealthEvent) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        let line = line(self.config.checker, about, event, &rfc3339(millis));
        for file in &self.files {
            let mut file = file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            // A full disk must not stop the checks.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

impl CheckResult {
    /// How a failure is called in the log.
    pub(super) fn why(self) -> HealthCheckFailureType {
        match self {
            Self::Network => HealthCheckFailureType::Network,
            Self::NetworkTimeout => HealthCheckFailureType::NetworkTimeout,
            Self::Failed | Self::Retriable | Self::Succeeded { .. } => {
                HealthCheckFailureType::Active
            }
        }
    }
}

/// Fields come in the order of their numbers.
fn line(checker: &str, about: About<'_>, event: HealthEvent, timestamp: &str) -> String {
    let why = |why: HealthCheckFailureType| why.as_str_name();
    let (early, event) = match event {
        HealthEvent::Add { first_check } => (
            true,
            format!(r#""add_healthy_event":{{"first_check":{first_check}}}"#),
        ),
        HealthEvent::Degraded => (false, r#""degraded_healthy_host":{}"#.to_owned()),
        HealthEvent::Eject { why: cause, status } => (
            true,
            format!(
                r#""eject_unhealthy_event":{{"failure_type":"{}","http_status_code":{status}}}"#,
                why(cause)
            ),
        ),
        HealthEvent::Failure {
            why: cause,
            first_check,
            status,
        } => (
            false,
            format!(
                r#""health_check_failure_event":{{"failure_type":"{}","first_check":{first_check},"http_status_code":{status}}}"#,
                why(cause)
            ),
        ),
        HealthEvent::NoLongerDegraded => (false, r#""no_longer_degraded_host":{}"#.to_owned()),
        HealthEvent::Success => (false, r#""successful_health_check_event":{}"#.to_owned()),
    };
    let timestamp = format!(r#""timestamp":"{timestamp}""#);
    let [first, second] = if early {
        [event, timestamp]
    } else {
        [timestamp, event]
    };
    let cluster = quoted(about.cluster);
    let (ip, port) = (about.address.ip(), about.address.port());
    let part = |of: fn(&Locality) -> &str| quoted(about.locality.map_or("", of));
    let (region, zone) = (part(|one| &one.region), part(|one| &one.zone));
    let sub_zone = part(|one| &one.sub_zone);
    format!(
        concat!(
            r#"{{"health_checker_type":"{}","host":{{"socket_address":{{"protocol":"TCP","#,
            r#""address":"{}","port_value":{},"resolver_name":"","ipv4_compat":false,"#,
            r#""network_namespace_filepath":""}}}},"cluster_name":{},{},{},"#,
            r#""locality":{{"region":{},"zone":{},"sub_zone":{}}}}}"#,
            "\n"
        ),
        checker, ip, port, cluster, first, second, region, zone, sub_zone,
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of Envoy 1.40.
    #[test]
    fn lines_are_envoys() {
        let about = About {
            cluster: "chunk",
            address: "127.0.0.1:9102".parse().unwrap(),
            locality: None,
        };
        let time = "2026-11-21T12:04:50.285Z";
        let added = HealthEvent::Add { first_check: true };
        assert_eq!(
            line("HTTP", about, added, time),
            concat!(
                r#"{"health_checker_type":"HTTP","host":{"socket_address":{"protocol":"TCP","#,
                r#""address":"127.0.0.1","port_value":9102,"resolver_name":"","#,
                r#""ipv4_compat":false,"network_namespace_filepath":""}},"#,
                r#""cluster_name":"chunk","add_healthy_event":{"first_check":true},"#,
                r#""timestamp":"2026-11-21T12:04:50.285Z","#,
                r#""locality":{"region":"","zone":"","sub_zone":""}}"#,
                "\n"
            )
        );
        let failed = HealthEvent::Failure {
            why: HealthCheckFailureType::Active,
            first_check: true,
            status: 503,
        };
        let wanted = concat!(
            r#""timestamp":"2026-11-21T12:04:50.285Z","health_check_failure_event":"#,
            r#"{"failure_type":"ACTIVE","first_check":true,"http_status_code":503},"locality""#,
        );
        let text = line("HTTP", about, failed, time);
        assert!(text.contains(wanted), "{text}");
        assert_eq!(quoted("a\"\\\n"), r#""a\"\\\u000a""#);
    }
}
