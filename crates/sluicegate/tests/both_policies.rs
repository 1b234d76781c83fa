// SPDX-License-Identifier: Apache-2.0
//! A BackendConfigPolicy and BackendTrafficPolicies on one backend: who wins, in both words.
//!
//! In: what each policy says. Out: the cluster that the route's requests take, and what the policy
//! that lost is told.

// A panic is the failure report.
#![allow(clippy::unwrap_used)]

#[path = "common/harness.rs"]
mod harness;

use harness::{cluster, round_of};
use serde_json::{Value, json};
use sluicegate::pipeline::Round;

/// Base cluster and variants of the only Service.
const BASE: &str = "kube_default_api_80";
const OF_ROUTE: &str = "kube_default_api_80|btp|default|route";
const OF_GATEWAY: &str = "kube_default_api_80|btp|default|gateway";

/// What the backend's policy says, with what the route's and the Gateway's do; empty for none.
fn world(backend: &str, route: &str, gateway: &str) -> Round {
    let mut text = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: sluicegate
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec:
  ports: [{port: 80}]
"
    .to_owned();
    for name in ["route", "other"] {
        text.push_str(&format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: edge}}]
  rules:
  - matches: [{{path: {{value: /{name}}}}}]
    backendRefs: [{{name: api, port: 80}}]
"
        ));
    }
    if !backend.is_empty() {
        text.push_str(&format!(
            "---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: backend}}
spec: {{targetRefs: [{{group: '', kind: Service, name: api}}], {backend}}}
"
        ));
    }
    let targets = [
        ("route", "HTTPRoute", "route", route),
        ("gateway", "Gateway", "edge", gateway),
    ];
    for (name, kind, target, spec) in targets.into_iter().filter(|it| !it.3.is_empty()) {
        text.push_str(&format!(
            "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: {name}}}
spec: {{targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {target}}}, {spec}}}
"
        ));
    }
    round_of(&text)
}

/// The cluster that a route's requests take.
fn taken(round: &Round, route: &str) -> String {
    let routes = harness::messages(
        &round.translation.all,
        sluicegate_snapshot::ResourceType::Route,
    );
    let hosts = routes[0].1["virtual_hosts"].as_array().unwrap();
    let mut routes = hosts.iter().flat_map(|it| it["routes"].as_array().unwrap());
    let prefix = format!("/{route}");
    let found = routes.find(|it| it["match"].to_string().contains(&prefix));
    found.unwrap()["route"]["cluster"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What a traffic policy is told about what it loses.
fn told(round: &Round, policy: &str) -> String {
    let mut all = round.graph.traffic_policies.iter();
    let verdict = all
        .find(|it| &*it.policy.reference().name == policy)
        .unwrap();
    let overridden = verdict.ancestors.iter().flat_map(|it| &it.overridden);
    overridden.cloned().collect::<Vec<_>>().join("\n")
}

fn thresholds(cluster: &Value) -> &Value {
    &cluster["circuit_breakers"]["thresholds"][0]
}

#[test]
fn a_route_cannot_raise_the_limit_of_a_backend() {
    let route =
        "circuitBreaker: {maxConnections: 2048, maxPendingRequests: 1024, maxRequests: 2048}";
    let round = world("circuitBreakers: {maxConnections: 100}", route, "");
    assert_eq!(taken(&round, "route"), OF_ROUTE);
    assert_eq!(
        thresholds(&cluster(&round, OF_ROUTE))["max_connections"],
        100
    );
    let told = told(&round, "route");
    assert!(
        told.contains("spec.circuitBreaker.maxConnections 2048 loses to spec.circuitBreakers.maxConnections 100"),
        "{told}"
    );
    assert!(!told.contains("maxRequests"), "{told}");
}

#[test]
fn limits_of_both_sides_add_up() {
    let route = "circuitBreaker: {maxPendingRequests: 10}";
    let round = world("circuitBreakers: {maxConnections: 5000}", route, "");
    let cluster = cluster(&round, &taken(&round, "route"));
    assert_eq!(thresholds(&cluster)["max_connections"], 5000);
    assert_eq!(thresholds(&cluster)["max_pending_requests"], 10);
    assert_eq!(told(&round, "route"), "");
}

#[test]
fn a_backend_is_closer_than_a_gateway() {
    let gateway = "timeout: {tcp: {connectTimeout: 10s}}";
    let round = world("connectTimeout: 5s", "", gateway);
    assert_eq!(taken(&round, "route"), BASE);
    assert_eq!(cluster(&round, BASE)["connect_timeout"], "5s");
    let told = told(&round, "gateway");
    assert!(
        told.contains("connectTimeout 10s loses to spec.connectTimeout 5s"),
        "{told}"
    );
}

#[test]
fn a_route_is_closer_than_a_backend() {
    let route = "timeout: {tcp: {connectTimeout: 10s}}";
    let round = world("connectTimeout: 5s", route, "");
    assert_eq!(taken(&round, "route"), OF_ROUTE);
    assert_eq!(cluster(&round, OF_ROUTE)["connect_timeout"], "10s");
    assert_eq!(taken(&round, "other"), BASE);
    assert_eq!(cluster(&round, BASE)["connect_timeout"], "5s");
}

const CHECKED: &str = "healthCheck: {timeout: 1s, interval: 5s, unhealthyThreshold: 2, healthyThreshold: 2, http: {path: /ready}}";
const HEALTHZ: &str = "healthCheck: {active: {http: {path: /healthz}}}";

#[test]
fn a_backend_knows_how_it_is_checked() {
    let round = world(CHECKED, HEALTHZ, "");
    assert_eq!(taken(&round, "route"), BASE);
    let checks = &cluster(&round, BASE)["health_checks"];
    assert_eq!(checks.as_array().unwrap().len(), 1);
    assert_eq!(checks[0]["http_health_check"]["path"], "/ready");
    let told = told(&round, "route");
    assert!(
        told.contains("spec.healthCheck.active loses to spec.healthCheck"),
        "{told}"
    );
}

#[test]
fn a_route_checks_a_backend_that_says_nothing() {
    let round = world("", HEALTHZ, "");
    assert_eq!(taken(&round, "route"), OF_ROUTE);
    let checks = &cluster(&round, OF_ROUTE)["health_checks"];
    assert_eq!(checks[0]["http_health_check"]["path"], "/healthz");
    assert_eq!(cluster(&round, BASE)["health_checks"], Value::Null);
}

#[test]
fn a_route_hashes_while_others_do_not() {
    let route = "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: session-cookie, ttl: 3600s, path: /}}}";
    let round = world("loadBalancer: {leastRequest: {}}", route, "");
    let balancer = |name: &str| {
        let policy = &cluster(&round, name)["load_balancing_policy"]["policies"][0];
        policy["typed_extension_config"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(balancer(&taken(&round, "route")).ends_with("maglev"));
    assert_eq!(taken(&round, "other"), BASE);
    assert!(balancer(BASE).ends_with("least_request"));
}

#[test]
fn a_backend_expects_its_own_proxy_header() {
    let round = world(
        "upstreamProxyProtocol: {version: V2}",
        "",
        "proxyProtocol: {version: V1}",
    );
    assert_eq!(taken(&round, "route"), BASE);
    let config = &cluster(&round, BASE)["transport_socket"]["typed_config"]["config"];
    assert_eq!(config["version"], "V2");
    assert!(told(&round, "gateway").contains("spec.proxyProtocol"));
}

#[test]
fn keepalive_is_decided_value_by_value() {
    let backend = "tcpKeepalive: {keepAliveProbes: 3, keepAliveTime: 30s, keepAliveInterval: 5s}";
    let round = world(backend, "tcpKeepalive: {idleTime: 300s}", "");
    let options = &cluster(&round, &taken(&round, "route"))["upstream_connection_options"];
    let expected = json!({"keepalive_probes": 3, "keepalive_time": 300, "keepalive_interval": 5});
    assert_eq!(options["tcp_keepalive"], expected);
}

/// What fills a gap of the backend at the Gateway is the Gateway's.
#[test]
fn a_gateway_fills_gaps() {
    let round = world("connectTimeout: 5s", "", "tcpKeepalive: {probes: 4}");
    assert_eq!(taken(&round, "other"), OF_GATEWAY);
    let cluster = cluster(&round, OF_GATEWAY);
    assert_eq!(cluster["connect_timeout"], "5s");
    assert_eq!(
        cluster["upstream_connection_options"]["tcp_keepalive"]["keepalive_probes"],
        4
    );
}
