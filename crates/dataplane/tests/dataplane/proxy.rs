// SPDX-License-Identifier: Apache-2.0
//! Requests from end to end.

use crate::support::{Gateway, Upstream, gateway::Resources};

#[test]
fn a_get_goes_through_and_connections_are_reused() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    for _ in 0..3 {
        let response = client.get("/a?b=c");
        assert_eq!(response.status(), 200);
        assert_eq!(response.text(), "ok");
        assert_eq!(
            response.lines(),
            [
                "content-length: 2",
                "x-envoy-upstream-service-time: *",
                "date: *",
                "server: envoy"
            ]
        );
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(
        upstream.heads.lock().unwrap()[0],
        "GET /a?b=c HTTP/1.1\nhost: test\nx-forwarded-proto: http\nx-request-id: *\n\
         x-envoy-expected-rq-timeout-ms: 15000"
    );
    gateway.expect("cluster.c.upstream_rq_200", 3);
    gateway.expect("http.test.downstream_rq_total", 3);
}
