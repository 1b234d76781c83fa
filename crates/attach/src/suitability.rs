// SPDX-License-Identifier: Apache-2.0
//! Settings that a particular backend cannot use, or that will not do there what they seem to say.
//!
//! In: a backend with its merged policy. Out: the same, with units that have no effect taken out of
//! force and doubts written down.

use std::time::Duration;

use sluicegate_manifest::FieldPath;
use sluicegate_resource::kgateway::{
    BackendType,
    backend_config_policy::{HashPolicy, HashPolicyKind, HealthChecker, LoadBalancerAlgorithm},
};

use crate::{Backend, BackendSource, CaSource, ProtocolClass, Unit, verdict::Warning};

/// Checks every unit of `backend` against what the backend is.
pub(crate) fn apply(backend: &mut Backend) {
    if let Some(policy) = &backend.tls_policy {
        let winner = policy.policy.reference();
        let reason = format!("spec.tls overridden by {winner}");
        backend.policy.without_effect(Unit::Tls, reason);
    }
    for (unit, reason) in unusable(backend) {
        backend.policy.without_effect(unit, reason);
    }
    backend.policy.warnings = doubts(backend);
}

fn unusable(backend: &Backend) -> Vec<(Unit, String)> {
    let policy = &backend.policy;
    let mut found = Vec::new();
    let http2 = backend.protocol == ProtocolClass::Http2;
    if backend.connections_only {
        for unit in OF_REQUESTS {
            let reason = format!(
                "only TCPRoutes and TLSRoutes name {}; {unit} is for requests",
                backend.key
            );
            found.push((unit, reason));
        }
    } else if http2 && policy.http1_protocol_options().is_some() {
        let reason = format!(
            "{} speaks HTTP/2; http1ProtocolOptions has no effect",
            backend.key
        );
        found.push((Unit::Http1ProtocolOptions, reason));
    } else if !http2 && policy.http2_protocol_options().is_some() {
        let reason = format!(
            "{} speaks HTTP/1.1; http2ProtocolOptions needs appProtocol kubernetes.io/h2c, or \
             http2 or grpc as appProtocol or port name",
            backend.key
        );
        found.push((Unit::Http2ProtocolOptions, reason));
    }
    let grpc_check = policy
        .health_check()
        .is_some_and(|check| matches!(check.checker, HealthChecker::Grpc { .. }));
    if grpc_check && !http2 {
        let reason = format!(
            "{} speaks HTTP/1.1; a gRPC health check needs HTTP/2",
            backend.key
        );
        found.push((Unit::HealthCheck, reason));
    }
    if !backend.source.resolves_names() {
        for unit in [Unit::DnsRefreshRate, Unit::DnsJitter, Unit::DnsRespectTtl] {
            let reason = format!("{} is not found by DNS; {unit} has no effect", backend.key);
            found.push((unit, reason));
        }
    }
    found
}

const OF_REQUESTS: [Unit; 3] = [
    Unit::CommonHttpProtocolOptions,
    Unit::Http1ProtocolOptions,
    Unit::Http2ProtocolOptions,
];

fn doubts(backend: &Backend) -> Vec<(Unit, Warning)> {
    let mut found = Vec::new();
    keepalive(backend, &mut found);
    load_balancer(backend, &mut found);
    health(backend, &mut found);
    tls(backend, &mut found);
    found
}

fn keepalive(backend: &Backend, found: &mut Vec<(Unit, Warning)>) {
    let Some(keepalive) = backend.policy.tcp_keepalive() else {
        return;
    };
    let zero = keepalive.keep_alive_probes == Some(0);
    let mut doubt = |reason, message: &str, field| {
        warn(
            backend,
            found,
            Unit::TcpKeepalive,
            (reason, message.to_owned()),
            field,
        );
    };
    if zero {
        let message = "a value of 0 switches TCP keep-alive off altogether";
        doubt("NoEffect", message, Some("keepAliveProbes"));
    }
    let times = [
        ("keepAliveTime", keepalive.keep_alive_time),
        ("keepAliveInterval", keepalive.keep_alive_interval),
    ];
    for (field, time) in times {
        if time.is_some_and(|time| time.subsec_nanos() > 0) {
            doubt(
                "Truncated",
                "TCP keep-alive counts whole seconds; the rest is cut",
                Some(field),
            );
        }
    }
}

fn load_balancer(backend: &Backend, found: &mut Vec<(Unit, Warning)>) {
    let Some(balancer) = backend.policy.load_balancer() else {
        return;
    };
    let (hostname_hashing, policies, block) = match &balancer.algorithm {
        Some(LoadBalancerAlgorithm::RingHash {
            use_hostname_for_hashing,
            hash_policies,
            ..
        }) => (*use_hostname_for_hashing, hash_policies, "ringHash"),
        Some(LoadBalancerAlgorithm::Maglev {
            use_hostname_for_hashing,
            hash_policies,
        }) => (*use_hostname_for_hashing, hash_policies, "maglev"),
        _ => return,
    };
    if hostname_hashing == Some(true) && !backend.source.has_hostnames() {
        let message = format!(
            "{} has no host names to hash; useHostnameForHashing is switched off",
            backend.key
        );
        warn(
            backend,
            found,
            Unit::LoadBalancer,
            ("NoEffect", message),
            Some(block),
        );
    }
    let is_address = |policy: &HashPolicy| policy.kind == HashPolicyKind::SourceIp;
    let message = match policies.is_empty() {
        true => "no hashPolicies: every request gets a random host".to_owned(),
        false if backend.connections_only && !policies.iter().any(is_address) => format!(
            "only TCPRoutes and TLSRoutes name {}, and connections have nothing but sourceIP to \
             hash: every one gets a random host",
            backend.key
        ),
        false => return,
    };
    let doubt = ("HashWithoutInput", message);
    warn(backend, found, Unit::LoadBalancer, doubt, Some(block));
}

fn health(backend: &Backend, found: &mut Vec<(Unit, Warning)>) {
    let endpoints = endpoint_count(&backend.source);
    if let Some(outlier) = backend.policy.outlier_detection() {
        let percent = outlier.max_ejection_percent as usize;
        if ejects_nobody(percent, endpoints) {
            let message = format!(
                "maxEjectionPercent {percent} of {endpoints} endpoint(s) is less than one: nothing \
                 is ever ejected"
            );
            let field = Some("maxEjectionPercent");
            warn(
                backend,
                found,
                Unit::OutlierDetection,
                ("NeverEjects", message),
                field,
            );
        }
        let local = outlier.consecutive_local_origin_failure.is_some()
            || outlier.enforcing_consecutive_local_origin_failure.is_some();
        if local && outlier.split_external_local_origin_errors != Some(true) {
            let message = "consecutiveLocalOriginFailure counts only with \
                           splitExternalLocalOriginErrors: true";
            let doubt = ("NoEffect", message.to_owned());
            warn(
                backend,
                found,
                Unit::OutlierDetection,
                doubt,
                Some("consecutiveLocalOriginFailure"),
            );
        }
    }
    let panic_threshold = backend
        .policy
        .load_balancer()
        .and_then(|lb| lb.healthy_panic_threshold);
    let Some(check) = backend.policy.health_check() else {
        return;
    };
    if endpoints == 1 && panic_threshold != Some(0) {
        let message = "with 1 endpoint, panic mode keeps sending to it when it is unhealthy; set \
                       loadBalancer.healthyPanicThreshold: 0 to answer 503 instead";
        warn(
            backend,
            found,
            Unit::HealthCheck,
            ("PanicThreshold", message.to_owned()),
            None,
        );
    }
    if check.timeout > check.interval && check.interval > Duration::ZERO {
        let message = "timeout is longer than interval: checks of a dead host come at the pace of \
                       timeout plus interval";
        warn(
            backend,
            found,
            Unit::HealthCheck,
            ("SlowDetection", message.to_owned()),
            Some("timeout"),
        );
    }
}

fn tls(backend: &Backend, found: &mut Vec<(Unit, Warning)>) {
    let Some(material) = backend
        .tls
        .as_ref()
        .filter(|_| backend.policy.tls().is_some())
    else {
        return;
    };
    if material.ca == CaSource::None {
        let message = "no certificate authority: any certificate of the backend is accepted";
        let doubt = ("UnverifiedBackend", message.to_owned());
        warn(backend, found, Unit::Tls, doubt, None);
    }
}

/// Adds a doubt about `unit`, or about the field of that name directly below it.
fn warn(
    backend: &Backend,
    found: &mut Vec<(Unit, Warning)>,
    unit: Unit,
    (reason, message): (&'static str, String),
    field: Option<&str>,
) {
    let Some(winner) = backend.policy.winner(unit) else {
        return;
    };
    let written = |path: &FieldPath| winner.policy.document.root.at(path).is_some();
    let path = field
        .map(|field| winner.path.field(field))
        .filter(written)
        .unwrap_or_else(|| winner.path.clone());
    found.push((
        unit,
        Warning {
            reason,
            message,
            path,
        },
    ));
}

/// Whether this share of the endpoints, in percent, is less than one of them.
pub(crate) fn ejects_nobody(percent: usize, endpoints: usize) -> bool {
    endpoints > 0 && percent * endpoints < 100
}

/// Endpoints that are known without resolving names.
pub(crate) fn endpoint_count(source: &BackendSource) -> usize {
    match source {
        BackendSource::Service { slices, .. } => slices
            .iter()
            .flat_map(|slice| &slice.spec.endpoints)
            .filter(|endpoint| endpoint.ready)
            .map(|endpoint| endpoint.addresses.len().min(1))
            .sum(),
        BackendSource::Backend { groups, .. } => groups
            .iter()
            .flatten()
            .map(|member| match &member.spec.backend_type {
                BackendType::Static { hosts, .. } => hosts.len(),
                _ => 0,
            })
            .sum(),
        BackendSource::ServiceEntry { object, .. } => object.spec.endpoints.len(),
    }
}
