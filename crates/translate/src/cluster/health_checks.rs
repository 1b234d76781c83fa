// SPDX-License-Identifier: Apache-2.0
//! Active health checks of a cluster.
//!
//! In: `healthCheck`. Out: one health check; only status 200 counts as healthy (Envoy default).

use sluicegate_attach::EffectivePolicy;
use sluicegate_resource::kgateway::backend_config_policy::HealthChecker;
use sluicegate_xds::pb::envoy::config::core::v3::{
    HealthCheck, RequestMethod,
    health_check::{GrpcHealthCheck, HealthChecker as Checker, HttpHealthCheck},
};

use crate::pb;

pub(super) fn health_checks(policy: &EffectivePolicy) -> Vec<HealthCheck> {
    let Some(check) = policy.health_check() else {
        return Vec::new();
    };
    let checker = match &check.checker {
        HealthChecker::Http { path, host, method } => Checker::HttpHealthCheck(HttpHealthCheck {
            path: path.clone(),
            host: host.clone().unwrap_or_default(),
            method: method
                .as_deref()
                .and_then(RequestMethod::from_str_name)
                .map_or(0, |method| method as i32),
            ..HttpHealthCheck::default()
        }),
        HealthChecker::Grpc {
            service_name,
            authority,
        } => Checker::GrpcHealthCheck(GrpcHealthCheck {
            service_name: service_name.clone().unwrap_or_default(),
            authority: authority.clone().unwrap_or_default(),
            ..GrpcHealthCheck::default()
        }),
    };
    vec![HealthCheck {
        timeout: pb::duration(check.timeout),
        interval: pb::duration(check.interval),
        unhealthy_threshold: pb::u32(check.unhealthy_threshold),
        healthy_threshold: pb::u32(check.healthy_threshold),
        health_checker: Some(checker),
        ..HealthCheck::default()
    }]
}
