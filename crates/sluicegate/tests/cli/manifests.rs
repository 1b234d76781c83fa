// SPDX-License-Identifier: Apache-2.0
//! Manifests that several tests use.

/// Policies on the example's Service: one that outweighs it, one younger, each with doubts.
pub(crate) const RIVALS: &str = r#"
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata:
  name: platform
  namespace: httpbin
  annotations: {kgateway.dev/policy-weight: "10"}
spec:
  targetRefs:
  - {group: "", kind: Service, name: httpbin}
  connectTimeout: 7s
  outlierDetection: {interval: 5s}
  http2ProtocolOptions: {maxConcurrentStreams: 10}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata:
  name: young
  namespace: httpbin
  creationTimestamp: "2026-01-01T00:00:00Z"
spec:
  targetRefs:
  - {group: "", kind: Service, name: httpbin}
  connectTimeout: 9s
  tls: {insecureSkipVerify: true}
"#;

/// A policy and a route with every kind of broken reference.
pub(crate) const BROKEN: &str = r#"
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: a, namespace: httpbin}
spec:
  targetRefs:
  - {group: "", kind: Service, name: htpbin}
  targetSelectors:
  - {group: "", kind: Service, matchLabels: {app: other}}
  connectTimeout: 7s
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: b, namespace: httpbin}
spec:
  targetRefs:
  - {group: "", kind: Service, name: httpbin}
  tls:
    secretRef: {name: nope}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: httpbin}
spec:
  parentRefs:
  - {name: http, namespace: kgateway-system, sectionName: nope}
  - {name: htp, namespace: kgateway-system}
  rules:
  - backendRefs:
    - {name: httpbin, port: 8001}
    - {name: httpbix, port: 8000}
    - {name: httpbin, namespace: other, port: 8000}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: x}
"#;
