// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicies on the wire: what a route's policy says happens to its requests.

use std::time::{Duration, Instant};

use sluicegate_testkit::{FullBacklog, Httpbin, RawOrigin, Step, eventually};
use tokio::time::timeout;

use super::{Gateway, loopback, policy};

pub(super) fn traffic(kind: &str, name: &str, settings: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: of-{name}}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {name}}}
{settings}"
    )
}

/// A policy of the one route.
pub(super) fn of_route(settings: &str) -> String {
    traffic("HTTPRoute", "web", settings)
}

#[tokio::test]
async fn a_request_ends_after_the_timeout_of_its_route() {
    let origin = RawOrigin::start(|_| Step::Stall).await.unwrap();
    let settings = "  timeout: {http: {requestTimeout: 300ms}}\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let response = gateway.client().await.get("web", "/").await.unwrap();
    assert_eq!(response.status(), 504);
    assert_eq!(response.text(), "upstream request timeout");
}

#[tokio::test]
async fn three_retries_make_four_attempts() {
    let origin = RawOrigin::start(|_| Step::response("503 Service Unavailable", "", "no"))
        .await
        .unwrap();
    let settings = "  retry:
    numRetries: 3
    retryOn: {triggers: [5xx, reset, connect-failure]}
    perRetryTimeout: 30s
    backoff: {baseInterval: 1ms, maxInterval: 2ms}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let response = gateway.client().await.get("web", "/").await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(origin.received().len(), 4);
}

#[tokio::test]
async fn a_session_gets_its_cookie() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  loadBalancer:
    type: ConsistentHash
    consistentHash:
      type: Cookie
      cookie: {name: session-cookie, ttl: 3600s, path: /}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let response = gateway.client().await.get("web", "/get").await.unwrap();
    assert_eq!(response.status(), 200);
    let cookie = response.header("set-cookie").unwrap();
    assert!(cookie.starts_with("session-cookie=\""), "{cookie}");
    assert!(
        cookie.ends_with("\"; Max-Age=3600; Path=/; HttpOnly"),
        "{cookie}"
    );
}

#[tokio::test]
async fn the_route_connects_in_its_own_time_through_a_cluster_of_its_own() {
    let backlog = FullBacklog::start().unwrap();
    let both = format!(
        "{}---\n{}",
        policy("  connectTimeout: 60s\n"),
        of_route("  timeout: {tcp: {connectTimeout: 400ms}}\n")
    );
    let gateway = Gateway::start(backlog.address(), &both).await;
    let started = Instant::now();
    let response = gateway.client().await.get("web", "/").await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(started.elapsed() >= Duration::from_millis(390));
    let cluster = "cluster.kube_default_web_80|btp|default|of-web";
    let stat = format!("{cluster}.upstream_cx_connect_timeout");
    assert_eq!(gateway.stat(&stat).await, 1);
}

#[tokio::test]
async fn a_limit_of_the_backend_cannot_be_raised_by_a_route() {
    let origin = RawOrigin::start(|_| Step::Stall).await.unwrap();
    let both = format!(
        "{}---\n{}",
        policy("  circuitBreakers: {maxRequests: 1}\n"),
        of_route("  circuitBreaker: {maxRequests: 1000, maxPendingRequests: 7}\n")
    );
    let gateway = Gateway::start(origin.address(), &both).await;
    let mut first = gateway.client().await;
    let request = "GET / HTTP/1.1\r\nhost: web\r\n\r\n";
    first.send(request).await.unwrap();
    let arrived = async || (origin.received().len() == 1).then_some(());
    eventually("the first request at the origin", arrived)
        .await
        .unwrap();
    let response = gateway.client().await.get("web", "/").await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(
        response.header("x-envoy-overloaded").as_deref(),
        Some("true")
    );
}

#[tokio::test]
async fn a_policy_of_the_route_replaces_that_of_the_gateway_and_goes_again() {
    let origin = RawOrigin::start(|_| Step::Stall).await.unwrap();
    let gateway_only = traffic(
        "Gateway",
        "http",
        "  timeout: {http: {requestTimeout: 200ms}}\n",
    );
    let gateway = Gateway::start(origin.address(), &gateway_only).await;
    let mut client = gateway.client().await;
    assert_eq!(client.get("web", "/").await.unwrap().status(), 504);

    let route = of_route("  retry: {}\n");
    let in_force = async |timeout: Option<&str>| {
        let shown = async || {
            let text = gateway
                .admin("/config_dump?resource=dynamic_route_configs")
                .await;
            let found = text.contains("\"timeout\": \"0.200s\"");
            (found == timeout.is_some()).then_some(())
        };
        eventually("the routes in config_dump", shown)
            .await
            .unwrap();
    };
    in_force(Some("0.200s")).await;
    gateway
        .folder
        .write("policy.yaml", &format!("{gateway_only}---\n{route}"));
    in_force(None).await;
    gateway.folder.write("policy.yaml", &gateway_only);
    in_force(Some("0.200s")).await;
    // What is shown reaches the workers a moment later; until then a request waits for the origin.
    let cut = async || {
        let mut client = gateway.client().await;
        let response = timeout(Duration::from_secs(2), client.get("web", "/")).await;
        (response.ok()?.unwrap().status() == 504).then_some(())
    };
    eventually("the time limit of the Gateway", cut)
        .await
        .unwrap();
}
