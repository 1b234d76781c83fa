// SPDX-License-Identifier: Apache-2.0
//! Clusters of BackendTrafficPolicies on Envoy: they share the endpoints of the base cluster, warm
//! with them, and go with their policy.

use sluicegate_testkit::eventually;

use crate::support::{Fleet, Setup};

const VARIANT: &str = "kube_httpbin_httpbin_8000|btp|httpbin|traffic";

fn policy(timeout: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: traffic, namespace: httpbin}}
spec:
  targetRef: {{kind: HTTPRoute, name: httpbin}}
  timeout: {{tcp: {{connectTimeout: {timeout}}}}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_a_route_comes_changes_and_goes() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        for timeout in ["1s", "2s"] {
            fleet.folder.write("traffic.yaml", &policy(timeout));
            envoy.wait_for_timeout(VARIANT, timeout).await;
            let before = envoy.stat(&requests()).await;
            // Routes follow their clusters.
            eventually("requests take the new cluster", async || {
                assert_eq!(fleet.get("/get").await.status(), 200, "delta: {delta}");
                (envoy.stat(&requests()).await > before).then_some(())
            })
            .await
            .unwrap();
            let warming = envoy.stat("cluster_manager.warming_clusters").await;
            assert_eq!(warming, 0, "delta: {delta}");
        }
        std::fs::remove_file(fleet.folder.0.join("traffic.yaml")).unwrap();
        eventually("the cluster is gone", async || {
            envoy.cluster(VARIANT).await.is_none().then_some(())
        })
        .await
        .unwrap();
        assert_eq!(fleet.get("/get").await.status(), 200);
        assert!(!envoy.log().contains("fetch timed out"), "{}", envoy.log());
    }
}

fn requests() -> String {
    format!("cluster.{VARIANT}.upstream_rq_total")
}
