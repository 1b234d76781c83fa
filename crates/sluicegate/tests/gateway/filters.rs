// SPDX-License-Identifier: Apache-2.0
//! HTTP filters on the wire: what a BackendTrafficPolicy asks of them happens to requests.

use std::time::{Duration, Instant};

use sluicegate_testkit::{Httpbin, eventually};

use super::{Gateway, loopback, traffic::of_route};

#[tokio::test]
async fn a_fault_on_purpose_is_seen() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  faultInjection:
    delay: {fixedDelay: 100ms}
    abort: {httpStatus: 503}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let mut client = gateway.client().await;
    let begun = Instant::now();
    let response = client.get("web", "/get").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(95));
    assert_eq!(response.status(), 503);
    assert_eq!(response.text(), "fault filter abort");
    assert_eq!(gateway.stat("http.http.fault.aborts_injected").await, 1);
    assert_eq!(gateway.stat("http.http.fault.delays_injected").await, 1);
}

#[tokio::test]
async fn a_rate_limit_counts_whom_its_selectors_name() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  rateLimit:
    local:
      rules:
        - limit: {requests: 3, unit: Hour}
        - clientSelectors:
            - path: {value: /status}
              methods: [{value: GET}]
          limit: {requests: 1, unit: Hour}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let mut client = gateway.client().await;
    let mut statuses = Vec::new();
    for path in [
        "/status/204",
        "/status/204",
        "/statuses",
        "/get?a",
        "/get",
        "/get",
    ] {
        statuses.push(client.get("web", path).await.unwrap().status());
    }
    assert_eq!(statuses, [204, 429, 404, 200, 200, 429]);
    let stats = "http_local_rate_limiter.http_local_rate_limit";
    assert_eq!(gateway.stat(&format!("{stats}.enforced")).await, 2);
    assert_eq!(gateway.stat(&format!("{stats}.ok")).await, 4);
}

#[tokio::test]
async fn a_request_over_the_buffer_is_refused() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  requestBuffer: {limit: 10}\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    for (length, status) in [(10, 200), (11, 413)] {
        let mut client = gateway.client().await;
        let body = "x".repeat(length);
        let request =
            format!("POST /post HTTP/1.1\r\nhost: web\r\ncontent-length: {length}\r\n\r\n{body}");
        client.send(request).await.unwrap();
        assert_eq!(client.response().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn a_limited_body_takes_its_time() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  bandwidthLimit: {response: {limit: {value: 10Ki, unit: Second}}}\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let mut client = gateway.client().await;
    let begun = Instant::now();
    let response = client.get("web", "/bytes/16384").await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(begun.elapsed() >= Duration::from_millis(550));
    let stats = "http_bandwidth_limiter.http_bandwidth_limit";
    let allowed = format!("{stats}.response_allowed_total_size");
    assert_eq!(gateway.stat(&allowed).await, 16_384);
}

#[tokio::test]
async fn a_backend_that_fails_is_spared() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  admissionControl:
    minSuccessRate: 100
    rejectionAggression: 1000000
    maxRejectionPercent: 100
    successCriteria: {http: {statusCodes: [200, 404]}}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let mut client = gateway.client().await;
    let mut statuses = Vec::new();
    for path in ["/get", "/status/404", "/status/204", "/get"] {
        statuses.push(client.get("web", path).await.unwrap().status());
    }
    assert_eq!(statuses, [200, 404, 204, 503]);
}

#[tokio::test]
async fn only_the_named_upgrades_are_allowed() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  httpUpgrade: [{type: spdy/3.1}]\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    for (kind, status) in [("spdy/3.1", 200), ("websocket", 403)] {
        let mut client = gateway.client().await;
        let request = format!(
            "GET /get HTTP/1.1\r\nhost: web\r\nconnection: upgrade\r\nupgrade: {kind}\r\n\r\n"
        );
        client.send(request).await.unwrap();
        assert_eq!(client.response().await.unwrap().status(), status, "{kind}");
    }
}

#[tokio::test]
async fn a_response_gets_the_text_of_a_config_map_which_may_change() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let pages = |text: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: pages}}\ndata: {{a: {text}}}\n---\n"
        )
    };
    let policy = of_route(
        "  responseOverride:
    - match: {statusCodes: [{value: 404}]}
      response:
        contentType: text/html
        statusCode: 410
        body: {type: ValueRef, valueRef: {group: \"\", kind: ConfigMap, name: pages}}
    - match: {statusCodes: [{type: Range, range: {start: 500, end: 599}}]}
      redirect: {hostname: sorry.example.com}
",
    );
    let gateway = Gateway::start(origin.address(), &(pages("first") + &policy)).await;
    let mut client = gateway.client().await;
    let response = client.get("web", "/status/404").await.unwrap();
    assert_eq!(
        (response.status(), response.text()),
        (410, "first".to_owned())
    );
    assert_eq!(
        response.header("content-type").as_deref(),
        Some("text/html")
    );
    let response = client.get("web", "/status/502").await.unwrap();
    assert_eq!(response.status(), 302);
    let location = response.header("location");
    assert_eq!(
        location.as_deref(),
        Some("http://sorry.example.com/status/502")
    );
    assert_eq!(client.get("web", "/get").await.unwrap().status(), 200);
    gateway
        .folder
        .write("policy.yaml", &(pages("second") + &policy));
    let changed = async || {
        let mut client = gateway.client().await;
        let response = client.get("web", "/status/404").await.unwrap();
        (response.text() == "second").then_some(())
    };
    eventually("the new text", changed).await.unwrap();
}

#[tokio::test]
async fn responses_are_compressed_with_what_the_policy_prefers() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  compressor:\n    - {type: Zstd, zstd: {}}\n    - {type: Gzip, gzip: {}}\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    for (accept, coding) in [
        ("gzip, zstd", Some("zstd")),
        ("*", Some("zstd")),
        ("gzip", Some("gzip")),
        ("br", None),
    ] {
        let mut client = gateway.client().await;
        let request =
            format!("GET /get HTTP/1.1\r\nhost: web\r\naccept-encoding: {accept}\r\n\r\n");
        client.send(request).await.unwrap();
        let response = client.response().await.unwrap();
        assert_eq!(
            response.header("content-encoding").as_deref(),
            coding,
            "{accept}"
        );
        assert_eq!(response.header("vary").as_deref(), Some("Accept-Encoding"));
    }
    let stat = "http.http.compressor.envoy.compression.zstd.compressor.zstd.response.compressed";
    assert_eq!(gateway.stat(stat).await, 2);
}
