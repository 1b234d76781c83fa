// SPDX-License-Identifier: Apache-2.0
//! Listeners of a ListenerSet on the wire, by our own data plane.

use sluicegate_testkit::{RawClient, RawOrigin, Step, eventually};

use super::{Gateway, free_port, gateway};

fn manifests(port: u16) -> String {
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
  - backendRefs: [{{name: web, port: 80}}]
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

#[tokio::test]
async fn a_listener_set_opens_a_port_with_its_own_policy_once_it_is_allowed() {
    let origin = RawOrigin::start(|_| Step::Stall).await.unwrap();
    let port = free_port();
    let served = Gateway::start(origin.address(), &manifests(port)).await;
    assert!(
        RawClient::connect(([127, 0, 0, 1], port).into())
            .await
            .is_err()
    );
    let allowed = gateway(served.address.port()).replace(
        "spec:\n  gatewayClassName",
        "spec:\n  allowedListeners: {namespaces: {from: Same}}\n  gatewayClassName",
    );
    served.folder.write("gateway.yaml", &allowed);
    let status = eventually("the listener serves", async || {
        let mut client = RawClient::connect(([127, 0, 0, 1], port).into())
            .await
            .ok()?;
        Some(client.get("web", "/").await.ok()?.status())
    });
    assert_eq!(status.await.unwrap(), 504);
    let shown = served.admin("/sluicegate/status").await;
    assert!(shown.contains("attachedListenerSets"), "{shown}");
}
