// SPDX-License-Identifier: Apache-2.0
//! The table of precedence between the policy of a backend and that of the traffic, row by row.

use std::sync::Arc;

use sluicegate_manifest::{SourceText, parse};
use sluicegate_resource::{Decoder, UnknownFields, gateway::Carried};

use super::{Row, RowVerdict, Weighed, weigh};
use crate::{Attacher, Options};

/// What the backend's policy says, what the traffic's says, and who sets `row` when the latter is
/// attached to the route, and when it is attached to the Gateway.
const ROWS: [(Row, &str, &str, Won, Won); 33] = [
    (
        Row::ConnectTimeout,
        "connectTimeout: 5s",
        "timeout: {tcp: {connectTimeout: 10s}}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::BufferLimit,
        "perConnectionBufferLimitBytes: 9",
        "connection: {bufferLimit: 8}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::KeepaliveProbes,
        "tcpKeepalive: {keepAliveProbes: 3}",
        "tcpKeepalive: {probes: 4}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::KeepaliveTime,
        "tcpKeepalive: {keepAliveTime: 3s}",
        "tcpKeepalive: {idleTime: 4s}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::KeepaliveInterval,
        "tcpKeepalive: {keepAliveProbes: 3}",
        "tcpKeepalive: {interval: 4s}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::Keepalive,
        "tcpKeepalive: {keepAliveProbes: 3}",
        "tcpKeepalive: {}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::ConnectionIdleTimeout,
        "commonHttpProtocolOptions: {idleTimeout: 5s}",
        "timeout: {http: {connectionIdleTimeout: 9s}}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::LoadBalancer,
        "loadBalancer: {leastRequest: {}}",
        "loadBalancer: {type: Random}",
        Won::Traffic,
        Won::Backend,
    ),
    (
        Row::LoadBalancer,
        "loadBalancer: {leastRequest: {}}",
        "loadBalancer: {type: BackendUtilization, backendUtilization: {}}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::LoadBalancer,
        "connectTimeout: 1s",
        "loadBalancer: {type: BackendUtilization, backendUtilization: {}}",
        Won::Nobody,
        Won::Nobody,
    ),
    (
        Row::MaxConnections,
        "circuitBreakers: {maxConnections: 5}",
        "circuitBreaker: {maxConnections: 9}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::MaxConnections,
        "circuitBreakers: {maxConnections: 5}",
        "circuitBreaker: {maxConnections: 4}",
        Won::Traffic,
        Won::Traffic,
    ),
    (
        Row::MaxConnections,
        "circuitBreakers: {maxConnections: 5}",
        "circuitBreaker: {maxConnections: 5}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::MaxConnections,
        "circuitBreakers: {maxRequests: 5}",
        "circuitBreaker: {maxConnections: 9}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::ConnectionLimit,
        "circuitBreakers: {maxConnections: 5}",
        "connection: {connectionLimit: {value: 4}}",
        Won::Traffic,
        Won::Traffic,
    ),
    (
        Row::MaxPendingRequests,
        "circuitBreakers: {maxPendingRequests: 5}",
        "circuitBreaker: {maxPendingRequests: 4}",
        Won::Traffic,
        Won::Traffic,
    ),
    (
        Row::MaxParallelRequests,
        "circuitBreakers: {maxRequests: 5}",
        "circuitBreaker: {maxRequests: 6}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::MaxParallelRetries,
        "circuitBreakers: {maxRetries: 5}",
        "circuitBreaker: {maxParallelRetries: 4}",
        Won::Traffic,
        Won::Traffic,
    ),
    (
        Row::MaxRequestsPerConnection,
        "commonHttpProtocolOptions: {maxRequestsPerConnection: 5}",
        "circuitBreaker: {maxRequestsPerConnection: 0}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::MaxRequestsPerConnection,
        "commonHttpProtocolOptions: {maxRequestsPerConnection: 5}",
        "circuitBreaker: {maxRequestsPerConnection: 4}",
        Won::Traffic,
        Won::Traffic,
    ),
    (
        Row::ActiveHealthCheck,
        "healthCheck: {timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /a}}",
        "healthCheck: {active: {http: {path: /b}}}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::PanicThreshold,
        "loadBalancer: {healthyPanicThreshold: 5, random: {}}",
        "healthCheck: {panicThreshold: 6}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::PassiveHealthCheck,
        "outlierDetection: {interval: 1s}",
        "healthCheck: {passive: {}}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::ProxyProtocol,
        "upstreamProxyProtocol: {version: V2}",
        "proxyProtocol: {version: V1}",
        Won::Backend,
        Won::Backend,
    ),
    (
        Row::ProxyProtocol,
        "connectTimeout: 1s",
        "proxyProtocol: {version: V1}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::ZoneAware,
        "loadBalancer: {random: {}, zoneAware: {preferLocal: {}}}",
        "loadBalancer: {type: Random, zoneAware: {preferLocal: {}}}",
        Won::Backend,
        // The balancer that it belongs to has lost.
        Won::Nobody,
    ),
    (
        Row::ZoneAware,
        "connectTimeout: 1s",
        "loadBalancer: {type: Random, zoneAware: {preferLocal: {}}}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::SocketBufferLimit,
        "perConnectionBufferLimitBytes: 9",
        "connection: {socketBufferLimit: 8}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::Preconnect,
        "connectTimeout: 1s",
        "connection: {preconnect: {perEndpointPercent: 150}}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::RoutingType,
        "connectTimeout: 1s",
        "routingType: Service",
        // There is no clusterIP.
        Won::Nobody,
        Won::Nobody,
    ),
    (
        Row::AdmissionControl,
        "connectTimeout: 1s",
        "admissionControl: {minSuccessRate: 90}",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::UseClientProtocol,
        "connectTimeout: 1s",
        "useClientProtocol: true",
        Won::Alone,
        Won::Alone,
    ),
    (
        Row::MaxConcurrentStreams,
        "connectTimeout: 1s",
        "http2: {maxConcurrentStreams: 5}",
        Won::Nobody,
        Won::Nobody,
    ),
];

/// The side that sets a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Won {
    /// The traffic's, and nobody else tries.
    Alone,
    /// The backend's.
    Backend,
    /// Nobody: the backend cannot use it.
    Nobody,
    /// The traffic's, over the backend's.
    Traffic,
}

#[test]
fn every_row() {
    for (row, backend, traffic, on_route, on_gateway) in ROWS {
        for (kind, expected) in [("HTTPRoute", on_route), ("Gateway", on_gateway)] {
            let weighed = weighed(backend, traffic, kind);
            let found = weighed.iter().find(|it| it.row == row);
            let found = found.map(|it| match it.verdict {
                RowVerdict::InForce(None) => Won::Alone,
                RowVerdict::InForce(Some(_)) => Won::Traffic,
                RowVerdict::Lost(_) => Won::Backend,
                RowVerdict::NoEffect(_) | RowVerdict::NotEnforced(None) => Won::Nobody,
                RowVerdict::NotEnforced(Some(_)) => Won::Backend,
            });
            assert_eq!(found, Some(expected), "{row:?} of a {kind}: {traffic}");
        }
    }
}

/// Every row that both kinds have is in the table above, but for those of HTTP/2 and DNS, which need
/// other backends and are facts or limits like the others.
#[test]
fn no_row_is_forgotten() {
    let elsewhere = [
        Row::InitialStreamWindowSize,
        Row::InitialConnectionWindowSize,
        Row::OnInvalidMessage,
        Row::ConnectionKeepalive,
        Row::DnsRefreshRate,
        Row::RespectDnsTtl,
    ];
    for row in Row::ALL {
        let tried = ROWS.iter().any(|(tried, ..)| tried == row);
        let shared = row.of_backend().is_some();
        assert!(!shared || tried || elsewhere.contains(row), "{row:?}");
    }
}

fn weighed(backend: &str, traffic: &str, kind: &str) -> Vec<Weighed> {
    let text = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec: {{gatewayClassName: ours, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec: {{parentRefs: [{{name: web}}], rules: [{{backendRefs: [{{name: web, port: 80}}]}}]}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: backend}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web}}]
  {backend}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: traffic}}
spec:
  targetRef: {{kind: {kind}, name: web}}
  {traffic}
"
    );
    let parsed = parse(Arc::new(SourceText::new("test.yaml", text.clone())));
    assert!(parsed.diagnostics.is_empty(), "{text}");
    let store = Decoder::new(UnknownFields::Error).decode(&parsed.documents);
    let mut errors = store.diagnostics.iter();
    assert!(
        errors.all(|found| found.severity != sluicegate_manifest::Severity::Error),
        "{text}\n{:#?}",
        store.diagnostics
    );
    let graph = Attacher::new(Options::default()).attach(&store);
    let route = &graph.gateways[0].listeners[0].routes[0];
    let applied = route.traffic[0]
        .as_ref()
        .expect("invariant: the policy is attached");
    let key = route.rules[0].backends[0].key.as_ref();
    let key = key.expect("invariant: the Service exists");
    weigh(&applied.policy, &graph.backends[key], Carried::Http)
}
