// SPDX-License-Identifier: Apache-2.0
//! A ListenerSet with a route and a policy of its own.
//!
//! In: where the Gateway and the backend are. Out: the manifests.

/// A set of one listener at `port` for the Gateway `http` of its own namespace, a route for it to
/// the backend `backend`, and a policy of that listener: 300 ms for a request.
pub(crate) fn manifests(port: u16, backend: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: set}}
spec:
  parentRef: {{name: http}}
  listeners: [{{name: http, protocol: HTTP, port: {port}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: of-set}}
spec:
  parentRefs: [{{kind: ListenerSet, name: set}}]
  rules:
  - backendRefs: [{{{backend}}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: of-set}}
spec:
  targetRef: {{kind: ListenerSet, name: set, sectionName: http}}
  timeout: {{http: {{requestTimeout: 300ms}}}}
"
    )
}

/// The Gateway's manifest, which now lets sets of its own namespace in.
pub(crate) fn allowed(gateway: &str) -> String {
    gateway.replace(
        "spec:\n  gatewayClassName",
        "spec:\n  allowedListeners: {namespaces: {from: Same}}\n  gatewayClassName",
    )
}
