// SPDX-License-Identifier: Apache-2.0
//! `healthCheck`.

use std::time::Duration;

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
