// SPDX-License-Identifier: Apache-2.0
//! HTTP filters on the wire: what a BackendTrafficPolicy asks of them happens to requests.

use std::time::{Duration, Instant};

use sluicegate_testkit::Httpbin;

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
