// SPDX-License-Identifier: Apache-2.0
//! The walk of the founding document about connections, on Envoy.

use sluicegate_testkit::{RawClient, eventually};

use crate::{
    documents::{assert_shows, example_output, manifests, seed},
    support::{Fleet, Setup},
};

const CLUSTER: &str = "kube_httpbin_httpbin_8000";

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_about_connections_shows_what_it_promises_on_envoy() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        let document = seed("000_c8f54e3f9dbeff2a.txt");
        fleet
            .folder
            .write("policy.yaml", &manifests(&document).pop().unwrap());
        eventually("Envoy has the policy", async || {
            let cluster = envoy.cluster(CLUSTER).await?;
            cluster.get("per_connection_buffer_limit_bytes").cloned()
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
        assert_shows(&envoy.dump().await, &example_output(&document));
        // It is in force, not only shown: header case is preserved from end to end.
        let response = fleet.get("/get").await;
        let head = String::from_utf8_lossy(&response.head).into_owned();
        assert_eq!(response.status(), 200, "{head}");
        // A changed cluster warms again, and its endpoints came with it: nothing is warming.
        let warming = envoy.stat("cluster_manager.warming_clusters").await;
        assert_eq!(warming, 0, "delta: {delta}");
        assert!(!envoy.log().contains("fetch timed out"), "{}", envoy.log());
    }
}

/// An endpoint that moves reaches Envoy without its cluster, and a Service that goes takes its
/// cluster with it.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_and_removals_reach_envoy() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        let clusters = envoy.stat("cluster_manager.cds.update_success").await;
        let other = sluicegate_testkit::Httpbin::start(([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let moved = crate::support::service("httpbin", other.address().port());
        fleet.folder.write("httpbin.yaml", &moved);
        eventually("requests reach the new endpoint", async || {
            let mut client = RawClient::connect(fleet.gateway).await.ok()?;
            client.get("httpbin", "/get").await.ok()?;
            (other.requests() > 0).then_some(())
        })
        .await
        .unwrap();
        let after = envoy.stat("cluster_manager.cds.update_success").await;
        assert_eq!(after, clusters, "an endpoint is no cluster");

        std::fs::remove_file(fleet.folder.0.join("httpbin.yaml")).unwrap();
        eventually("the cluster is gone", async || {
            envoy.cluster(CLUSTER).await.is_none().then_some(())
        })
        .await
        .unwrap();
        assert_eq!(fleet.get("/get").await.status(), 500);
    }
}
