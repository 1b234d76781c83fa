// SPDX-License-Identifier: Apache-2.0
//! Every field of the schema, with the value that it comes to. The founding document's own fields
//! are in `seeds`.

mod filters;

use std::time::Duration;

use super::model;
use crate::envoygateway::backend_traffic_policy::{
    BackendUtilization, CircuitBreaker, ConnectionKeepalive, ConsistentHash, Cookie, Dns,
    HashInput, HealthCheckLog, HealthCheckMatch, HealthChecker, Http2, HttpHealthCheck,
    LoadBalancer, LoadBalancerAlgorithm, LookupFamily, MergeType, OnInvalidMessage, OutOfBand,
    PassiveHealthCheck, Preconnect, PreferLocal, RetryBudget, RetryTrigger, RoutingType, Timeout,
    WeightedZone, ZoneAware,
};

const fn seconds(number: u64) -> Option<Duration> {
    Some(Duration::from_secs(number))
}

fn load_balancer(block: &str) -> LoadBalancer {
    let policy = model(&format!("loadBalancer: {{{block}}}"));
    policy.load_balancer.expect("a block").value
}

#[test]
fn merging_and_routing() {
    let policy = model("mergeType: JSONMerge\nroutingType: Endpoint\nuseClientProtocol: true");
    assert_eq!(policy.merge_type.expect("set").value, MergeType::Json);
    assert_eq!(
        policy.routing_type.expect("set").value,
        RoutingType::Endpoint
    );
    assert!(policy.use_client_protocol.expect("set").value);
}

#[test]
fn hash_inputs() {
    let rows = [
        ("type: SourceIP", HashInput::SourceIp),
        (
            "type: Header, header: {name: x-a}",
            HashInput::Headers(vec!["x-a".to_owned()]),
        ),
        (
            "type: Headers, headers: [{name: x-a}, {name: x-b}]",
            HashInput::Headers(vec!["x-a".to_owned(), "x-b".to_owned()]),
        ),
        (
            "type: QueryParams, queryParams: [{name: a b}]",
            HashInput::QueryParams(vec!["a b".to_owned()]),
        ),
        (
            "type: Cookie, cookie: {name: c, ttl: 0s, path: /x, attributes: {SameSite: Lax}}",
            HashInput::Cookie(Cookie {
                name: "c".to_owned(),
                ttl: Some(Duration::ZERO),
                path: Some("/x".to_owned()),
                attributes: [("SameSite".to_owned(), "Lax".to_owned())].into(),
            }),
        ),
    ];
    for (hash, input) in rows {
        let found = load_balancer(&format!(
            "type: ConsistentHash, consistentHash: {{{hash}, tableSize: 5000011}}"
        ));
        let hash = ConsistentHash {
            input,
            table_size: Some(5_000_011),
        };
        let expected = LoadBalancerAlgorithm::ConsistentHash(Some(hash));
        assert_eq!(found.algorithm, expected);
    }
}

#[test]
fn zones_overrides_and_utilization() {
    let found = load_balancer(
        "type: RoundRobin, slowStart: {window: 0s}, endpointOverride: {extractFrom: [{header: x-to}]}, \
         zoneAware: {preferLocal: {force: {minEndpointsInZoneThreshold: 2}, minEndpointsThreshold: 3, percentageEnabled: 50}}",
    );
    assert_eq!(found.slow_start, Some(Duration::ZERO));
    assert_eq!(found.endpoint_override, ["x-to"]);
    let local = PreferLocal {
        force: Some(Some(2)),
        min_endpoints_threshold: Some(3),
        percentage_enabled: Some(50),
    };
    assert_eq!(
        found.zone_aware.and_then(|zones| zones.prefer_local),
        Some(local)
    );
    let found = load_balancer("type: Random, zoneAware: {preferLocal: {force: {}}}");
    let local = found.zone_aware.and_then(|zones| zones.prefer_local);
    assert_eq!(local.expect("a block").force, Some(None));
    let found = load_balancer("type: Random, zoneAware: {weightedZones: [{zone: a, weight: 3}]}");
    let zones = ZoneAware {
        prefer_local: None,
        weighted_zones: vec![WeightedZone {
            zone: "a".to_owned(),
            weight: 3,
        }],
    };
    assert_eq!(found.zone_aware, Some(zones));
    let found = load_balancer(
        "type: BackendUtilization, backendUtilization: {blackoutPeriod: 1s, weightExpirationPeriod: 2s, weightUpdatePeriod: 3s, \
         errorUtilizationPenaltyPercent: 150, metricNamesForComputingUtilization: [a], keepResponseHeaders: true, \
         outOfBand: {reportingPeriod: 4s, port: 9000, authority: load}}",
    );
    let utilization = BackendUtilization {
        blackout_period: seconds(1),
        weight_expiration_period: seconds(2),
        weight_update_period: seconds(3),
        error_utilization_penalty_percent: Some(150),
        metric_names_for_computing_utilization: vec!["a".to_owned()],
        keep_response_headers: Some(true),
        out_of_band: Some(OutOfBand {
            reporting_period: seconds(4),
            port: Some(9000),
            authority: Some("load".to_owned()),
        }),
    };
    let expected = LoadBalancerAlgorithm::BackendUtilization(utilization);
    assert_eq!(found.algorithm, expected);
}

#[test]
fn circuit_breakers() {
    let found = model(
        "circuitBreaker: {maxRequestsPerConnection: 0, perEndpoint: {maxConnections: 7}, \
         retryBudget: {percent: {numerator: 1, denominator: 8}, minRetryConcurrency: 4}}",
    );
    let expected = CircuitBreaker {
        max_requests_per_connection: Some(0),
        per_endpoint_max_connections: Some(Some(7)),
        retry_budget: Some(RetryBudget {
            percent: 12.5,
            min_retry_concurrency: Some(4),
        }),
        ..CircuitBreaker::default()
    };
    assert_eq!(found.circuit_breaker.expect("a block").value, expected);
    let found = model("circuitBreaker: {perEndpoint: {}, retryBudget: {percent: 20}}");
    let breaker = found.circuit_breaker.expect("a block").value;
    assert_eq!(breaker.per_endpoint_max_connections, Some(None));
    assert_eq!(
        breaker.retry_budget.map(|budget| budget.percent),
        Some(20.0)
    );
}

#[test]
fn active_health_checks() {
    let active = |block: &str| {
        let policy = model(&format!("healthCheck: {{active: {{{block}}}}}"));
        let health = policy.health_check.expect("a block").value;
        health.active.expect("a check").value
    };
    let found = active(
        "initialJitter: 1s, overrides: {port: 8081}, healthCheckLog: {matches: [Failure, Success], sinks: [{type: File, file: {path: /log}}]}, \
         http: {path: /, hostname: a.example, method: post, expectedStatuses: [200], retriableStatuses: [503], expectedResponse: {binary: b2s=}, requestBody: {text: hi}}",
    );
    assert_eq!(found.initial_jitter, seconds(1));
    assert_eq!(found.port, Some(8081));
    let log = HealthCheckLog {
        matches: vec![HealthCheckMatch::Failure, HealthCheckMatch::Success],
        file: Some("/log".to_owned()),
    };
    assert_eq!(found.log, Some(log));
    let http = HttpHealthCheck {
        path: "/".to_owned(),
        hostname: Some("a.example".to_owned()),
        method: Some("POST".to_owned()),
        expected_statuses: vec![200],
        retriable_statuses: vec![503],
        expected_response: Some(b"ok".to_vec()),
        request_body: Some(b"hi".to_vec()),
    };
    assert_eq!(found.checker, HealthChecker::Http(http));
    let rows = [
        (
            "tcp: {}",
            HealthChecker::Tcp {
                send: None,
                receive: None,
            },
        ),
        (
            "type: TCP, tcp: {send: {type: Binary, binary: AA==}, receive: {text: b}}",
            HealthChecker::Tcp {
                send: Some(vec![0]),
                receive: Some(b"b".to_vec()),
            },
        ),
        ("type: GRPC", HealthChecker::Grpc { service: None }),
        (
            "grpc: {service: s}",
            HealthChecker::Grpc {
                service: Some("s".to_owned()),
            },
        ),
    ];
    for (block, expected) in rows {
        assert_eq!(active(block).checker, expected, "{block}");
    }
}

#[test]
fn passive_health_checks() {
    let found = model(
        "healthCheck: {panicThreshold: 0, passive: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, \
         consecutiveGatewayErrors: 2, failurePercentageThreshold: 85, alwaysEjectOneEndpoint: true}}",
    );
    let health = found.health_check.expect("a block").value;
    assert_eq!(health.panic_threshold, Some(0));
    let expected = PassiveHealthCheck {
        split_external_local_origin_errors: Some(true),
        consecutive_local_origin_failures: Some(1),
        consecutive_gateway_errors: Some(2),
        failure_percentage_threshold: Some(85),
        always_eject_one_endpoint: Some(true),
        ..PassiveHealthCheck::default()
    };
    assert_eq!(health.passive.expect("a check").value, expected);
}

#[test]
fn connections() {
    let found = model("tcpKeepalive: {idleTime: 1500ms, interval: 1ms}");
    let keepalive = found.tcp_keepalive.expect("a block").value;
    assert_eq!(
        (keepalive.idle_time, keepalive.interval),
        (seconds(2), seconds(1))
    );
    let found = model(
        "loadBalancer: {type: Random}\nconnection: {preconnect: {perEndpointPercent: 150, predictivePercent: 300}}",
    );
    let preconnect = Preconnect {
        per_endpoint_percent: Some(150),
        predictive_percent: Some(300),
    };
    let connection = found.connection.expect("a block").value;
    assert_eq!(connection.preconnect, Some(preconnect));
    let found = model(
        "http2: {onInvalidMessage: TerminateStream, connectionKeepalive: {interval: 10s, timeout: 9s, intervalJitter: 1, idleInterval: 1s}}\n\
         dns: {lookupFamily: IPv4AndIPv6}",
    );
    let http2 = Http2 {
        on_invalid_message: Some(OnInvalidMessage::TerminateStream),
        connection_keepalive: Some(ConnectionKeepalive {
            timeout: Duration::from_secs(9),
            interval: seconds(10),
            interval_jitter: Some(1),
            idle_interval: seconds(1),
        }),
        ..Http2::default()
    };
    assert_eq!(found.http2.expect("a block").value, http2);
    let dns = Dns {
        lookup_family: Some(LookupFamily::Ipv4AndIpv6),
        ..Dns::default()
    };
    assert_eq!(found.dns.expect("a block").value, dns);
    let found = model("timeout: {http: {maxStreamDuration: 7s}}\nproxyProtocol: {version: V2}");
    let timeout = Timeout {
        max_stream_duration: seconds(7),
        ..Timeout::default()
    };
    assert_eq!(found.timeout.expect("a block").value, timeout);
    assert!(found.secures_connection);
}

#[test]
fn retries() {
    let words = RetryTrigger::ALL.map(|(word, _)| word).join(", ");
    let found = model(&format!(
        "retry: {{numRetries: 0, numAttemptsPerPriority: 2, retryOn: {{triggers: [{words}], httpStatusCodes: [429, 503]}}}}"
    ));
    let retry = found.retry.expect("a block").value;
    assert_eq!(retry.num_retries, Some(0));
    assert_eq!(retry.num_attempts_per_priority, Some(2));
    assert_eq!(retry.http_status_codes, Some(vec![429, 503]));
    let triggers = retry.triggers.expect("set");
    let found: Vec<&str> = triggers.iter().map(|trigger| trigger.word()).collect();
    assert_eq!(found.join(", "), words);
    let found = model("retry: {retryOn: {httpStatusCodes: [500]}}");
    let retry = found.retry.expect("a block").value;
    assert_eq!(
        (retry.triggers, retry.http_status_codes),
        (None, Some(vec![500]))
    );
}
