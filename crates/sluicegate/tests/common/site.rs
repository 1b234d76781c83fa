// SPDX-License-Identifier: Apache-2.0
//! The smallest thing that serves.
//!
//! In: where clients come, and where requests go. Out: the manifests.

use std::net::SocketAddr;

/// A Gateway `http` on `port`, and a route `web` from it to port 80 of the Service `web`.
pub(crate) fn gateway(port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: http}}
spec:
  gatewayClassName: kgateway
  listeners: [{{name: http, protocol: HTTP, port: {port}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: http}}]
  rules:
  - backendRefs: [{{name: web, port: 80}}]
"
    )
}

/// The Service `web` with one endpoint.
pub(crate) fn service(endpoint: SocketAddr) -> String {
    let (address, port) = (endpoint.ip(), endpoint.port());
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
endpoints: [{{addresses: [{address}]}}]
ports: [{{name: http, port: {port}}}]
"
    )
}
