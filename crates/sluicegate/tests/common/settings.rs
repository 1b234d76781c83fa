// SPDX-License-Identifier: Apache-2.0
//! Settings of BackendTrafficPolicies that every data plane has to carry out alike.
//!
//! In: the parent of the routes. Out: manifests, and what clients of the gateway see. Needs `grpc`
//! beside it, whose server speaks HTTP/2 only.

use std::{net::SocketAddr, process::Command};

use sluicegate_testkit::{RawClient, RawOrigin, Step, eventually};

use crate::grpc::{Server, call};

/// The zone that the gateway is said to run in.
pub(crate) const ZONE: &str = "a";

/// Retries of a failing request.
const RETRIES: usize = 3;

/// Backends of the routes.
pub(crate) struct Settings {
    /// Answers 503 in HTTP/1.
    failing: RawOrigin,
    /// Answers 200 in HTTP/1.
    http1: RawOrigin,
    http2: Server,
    /// Answers 200; connections to it have small buffers.
    small: RawOrigin,
}

impl Settings {
    pub(crate) async fn start() -> Self {
        let failing = |_: &_| Step::response("503 Service Unavailable", "", "no");
        Self {
            failing: RawOrigin::start(failing).await.unwrap(),
            http1: RawOrigin::start(|_| Step::ok("")).await.unwrap(),
            http2: Server::start().await,
            small: RawOrigin::start(|_| Step::ok("")).await.unwrap(),
        }
    }

    /// A Service, a route for the host of its name and a policy for each setting. The policy
    /// `protocol` is that of two Services: a backend that speaks HTTP/1 and one that speaks HTTP/2.
    pub(crate) fn manifests(&self, parent: &str) -> String {
        let retry = format!(
            "retry: {{numRetries: {RETRIES}, numAttemptsPerPriority: 1, retryOn: {{triggers: [5xx]}}, \
             backoff: {{baseInterval: 1ms, maxInterval: 2ms}}}}"
        );
        let local = "loadBalancer: {type: RoundRobin, zoneAware: {preferLocal: \
             {minEndpointsThreshold: 1, force: {minEndpointsInZoneThreshold: 1}}}}";
        let here = "{addresses: [127.0.0.1], zone: a}";
        // Nobody listens on the address in zone b.
        let zones = "{addresses: [127.0.0.1], zone: a}, {addresses: [127.0.0.2], zone: b}";
        let http1 = self.http1.address().port();
        let of = |name, port, endpoints, policy| one(parent, name, port, endpoints, policy);
        [
            of("retry", self.failing.address().port(), here, &retry),
            of("one", http1, here, "useClientProtocol: true"),
            of(
                "two",
                self.http2.address.port(),
                here,
                "useClientProtocol: true",
            ),
            of("zones", http1, zones, local),
            of(
                "small",
                self.small.address().port(),
                here,
                "connection: {socketBufferLimit: 16Ki}",
            ),
        ]
        .join("---\n")
    }

    /// What every data plane does with these manifests, once it has them.
    pub(crate) async fn check(&self, gateway: SocketAddr) {
        let get = async |host: &str| {
            let mut client = RawClient::connect(gateway).await.ok()?;
            Some(client.get(host, "/").await.ok()?.status())
        };
        for (host, status) in [("retry", 503), ("one", 200), ("zones", 200), ("small", 200)] {
            eventually(host, async || (get(host).await? == status).then_some(()))
                .await
                .unwrap();
        }

        // Attempts go on after every priority, the only one, had its share.
        let before = self.failing.received().len();
        assert_eq!(get("retry").await, Some(503));
        assert_eq!(self.failing.received().len() - before, 1 + RETRIES);

        // Nothing says that the backend speaks HTTP/2, but that the client does.
        let outcome = call(gateway, "two", "/", "text/plain").await;
        assert_eq!(outcome.map(|it| it.http), Some(200));
        let refused = get("two").await;
        assert!(matches!(refused, Some(502 | 503)), "to HTTP/1: {refused:?}");
        assert_eq!(get("one").await, Some(200));

        for _ in 0..20 {
            assert_eq!(get("zones").await, Some(200), "zone {ZONE} only");
        }

        // The kernel doubles what it is given.
        let buffers = buffers_to(self.small.address().port());
        assert!(buffers.contains("rb32768,"), "{buffers}");
        assert!(buffers.contains("tb32768,"), "{buffers}");
    }
}

/// What the kernel says of the memory of connections to `port`.
fn buffers_to(port: u16) -> String {
    let filter = format!("( dport = :{port} )");
    let sockets = Command::new("ss")
        .args(["-tnmH", "state", "established", &filter])
        .output();
    let sockets = sockets.expect("this test needs ss: apt-get install iproute2");
    String::from_utf8(sockets.stdout).unwrap()
}

fn one(parent: &str, name: &str, port: u16, endpoints: &str, policy: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{name: main, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{endpoints}]
ports: [{{name: main, port: {port}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{{parent}}}]
  hostnames: [{name}]
  rules: [{{backendRefs: [{{name: {name}, port: 80}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: {name}}}
spec:
  targetRef: {{kind: HTTPRoute, name: {name}}}
  {policy}
"
    )
}
