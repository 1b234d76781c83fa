// SPDX-License-Identifier: Apache-2.0
//! `healthCheck`.
//!
//! In: the block. Out: times, thresholds and what is asked.

use std::time::Duration;

use crate::admission::{Block, I32_MAX};

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `timeout`, more than zero.
    pub timeout: Duration,
    /// `interval`, more than zero.
    pub interval: Duration,
    /// `unhealthyThreshold`.
    pub unhealthy_threshold: u32,
    /// `healthyThreshold`.
    pub healthy_threshold: u32,
    /// `http` or `grpc`.
    pub checker: HealthChecker,
}

/// How a host is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthChecker {
    /// `grpc`.
    Grpc {
        /// `serviceName`.
        service_name: Option<String>,
        /// `authority`.
        authority: Option<String>,
    },
    /// `http`.
    Http {
        /// `path`, not empty.
        path: String,
        /// `host`.
        host: Option<String>,
        /// `method`, one of GET HEAD POST PUT DELETE OPTIONS TRACE PATCH.
        method: Option<String>,
    },
}

/// The methods that a check may use, in the order of the API.
const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
];

impl HealthCheck {
    pub(super) fn decode(block: &Block<'_>) -> Option<Self> {
        let timeout = block.required("timeout");
        let interval = block.required("interval");
        let timeout = timeout.and_then(|field| field.positive_duration());
        let interval = interval.and_then(|field| field.positive_duration());
        let unhealthy = block.required("unhealthyThreshold");
        let healthy = block.required("healthyThreshold");
        let unhealthy = unhealthy.and_then(|field| field.u32(0..=I32_MAX));
        let healthy = healthy.and_then(|field| field.u32(0..=I32_MAX));
        let checker = match (block.optional("http"), block.optional("grpc")) {
            (Some(http), None) => http.object(HealthChecker::http).flatten(),
            (None, Some(grpc)) => grpc.object(HealthChecker::grpc),
            _ => {
                block
                    .field
                    .reject("exactly one of the fields in [http grpc] must be set");
                None
            }
        };
        Some(Self {
            timeout: timeout?,
            interval: interval?,
            unhealthy_threshold: unhealthy?,
            healthy_threshold: healthy?,
            checker: checker?,
        })
    }
}

impl HealthChecker {
    fn http(block: &Block<'_>) -> Option<Self> {
        let path = block.required("path").and_then(|field| {
            let path = field.header_safe()?;
            if path.is_empty() {
                field.reject_with("must not be empty", "write \"/\" for the root");
            }
            Some(path)
        });
        let host = block.optional("host").and_then(|field| field.header_safe());
        let method = block
            .optional("method")
            .and_then(|field| field.word(METHODS));
        Some(Self::Http {
            path: path?,
            host,
            method,
        })
    }

    fn grpc(block: &Block<'_>) -> Self {
        Self::Grpc {
            service_name: block.string("serviceName").map(str::to_owned),
            authority: block
                .optional("authority")
                .and_then(|field| field.header_safe()),
        }
    }
}
