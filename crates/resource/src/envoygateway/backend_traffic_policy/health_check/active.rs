// SPDX-License-Identifier: Apache-2.0
//! `healthCheck.active`.
//!
//! In: the block; the seed writes none of its types. Out: times, thresholds and what is asked.

use std::time::Duration;

use super::{HealthCheckLog, HttpHealthCheck, payload::payload};
use crate::admission::{Block, Field};

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveHealthCheck {
    /// `timeout`, more than zero. Absent: 1 s (Envoy Gateway default).
    pub timeout: Option<Duration>,
    /// `interval`, more than zero. Absent: 3 s (Envoy Gateway default).
    pub interval: Option<Duration>,
    /// `initialJitter`. Absent: none.
    pub initial_jitter: Option<Duration>,
    /// `unhealthyThreshold`, at least 1. Absent: 3 (Envoy Gateway default). A definite wrong answer
    /// counts at once.
    pub unhealthy_threshold: Option<u32>,
    /// `healthyThreshold`, at least 1. Absent: 1 (Envoy Gateway default).
    pub healthy_threshold: Option<u32>,
    /// `type`, or the one block of `http`, `tcp` and `grpc` that is there.
    pub checker: HealthChecker,
    /// `overrides.port`. Absent: the serving port.
    pub port: Option<u16>,
    /// `healthCheckLog`. Absent: probes are not logged.
    pub log: Option<HealthCheckLog>,
}

/// How a host is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthChecker {
    /// `grpc`; needs a backend that speaks HTTP/2.
    Grpc {
        /// `service`. Absent: the server as a whole.
        service: Option<String>,
    },
    /// `http`.
    Http(HttpHealthCheck),
    /// `tcp`. Without either payload a connection is enough.
    Tcp {
        /// `send`, as bytes.
        send: Option<Vec<u8>>,
        /// `receive`, as bytes: what the answer must contain.
        receive: Option<Vec<u8>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Grpc,
    Http,
    Tcp,
}

/// The types with their blocks.
const TYPES: [(&str, Type, &str); 3] = [
    ("HTTP", Type::Http, "http"),
    ("TCP", Type::Tcp, "tcp"),
    ("GRPC", Type::Grpc, "grpc"),
];

impl ActiveHealthCheck {
    pub(super) fn decode(block: &Block<'_>) -> Option<Self> {
        let chosen = chosen(block);
        let http = block.object("http", HttpHealthCheck::decode).flatten();
        let tcp = block.object("tcp", |block| HealthChecker::Tcp {
            send: block.optional("send").and_then(|field| payload(&field)),
            receive: block.optional("receive").and_then(|field| payload(&field)),
        });
        let grpc = block.object("grpc", |block| {
            let service = block.optional("service");
            service.and_then(|field| field.header_safe())
        });
        let overrides = block.object("overrides", |block| {
            block.optional("port").and_then(|field| field.port())
        });
        let times = |name| block.positive_duration(name);
        let threshold = |name| block.u32(name, 1..=u32::MAX);
        let (timeout, interval) = (times("timeout"), times("interval"));
        let initial_jitter = block.duration("initialJitter");
        let unhealthy_threshold = threshold("unhealthyThreshold");
        let healthy_threshold = threshold("healthyThreshold");
        let log = block.object("healthCheckLog", HealthCheckLog::decode);
        let checker = match chosen? {
            Type::Http => http.map(HealthChecker::Http),
            Type::Tcp => tcp,
            Type::Grpc => Some(HealthChecker::Grpc {
                service: grpc.flatten(),
            }),
        };
        Some(Self {
            timeout,
            interval,
            initial_jitter,
            unhealthy_threshold,
            healthy_threshold,
            checker: checker?,
            port: overrides.flatten(),
            log,
        })
    }
}

/// The type that is written, or the only one whose block is there.
fn chosen(block: &Block<'_>) -> Option<Type> {
    let present: Vec<(&str, Type, Field<'_>)> = TYPES
        .iter()
        .filter_map(|(name, chosen, member)| Some((*name, *chosen, block.optional(member)?)))
        .collect();
    let Some(field) = block.optional("type") else {
        return match present.as_slice() {
            [(_, chosen, _)] => Some(*chosen),
            [] => {
                block.field.reject_with(
                    "one of the fields in [http tcp grpc] must be set",
                    "say how hosts are asked, such as `http: {path: /healthz}`",
                );
                None
            }
            _ => {
                block.field.reject_with(
                    "at most one of the fields in [http tcp grpc] may be set",
                    "keep one of the blocks",
                );
                None
            }
        };
    };
    let written = field.choice(&TYPES.map(|(name, chosen, _)| (name, chosen)))?;
    for (name, chosen, field) in &present {
        if *chosen != written {
            field.reject_with(
                format!("may only be set when type is {name}"),
                format!("write `type: {name}`, or remove the block"),
            );
        }
    }
    let absent = TYPES.iter().find(|(_, chosen, member)| {
        *chosen == written && *chosen != Type::Grpc && block.optional(member).is_none()
    });
    if let Some((_, _, member)) = absent {
        block.missing(member);
    }
    Some(written)
}
