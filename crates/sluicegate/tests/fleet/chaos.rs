// SPDX-License-Identifier: Apache-2.0
//! Processes that end and come back.

use sluicegate_testkit::{Load, SteadyClient, eventually};

use crate::{
    envoy_binary,
    support::{Fleet, Setup, policy},
};

const CLUSTER: &str = "kube_httpbin_httpbin_8000";

#[tokio::test(flavor = "multi_thread")]
async fn traffic_flows_while_sluicegate_restarts_and_envoy_converges() {
    let Some(binary) = envoy_binary::find() else {
        return;
    };
    for delta in [true, false] {
        let setup = Setup {
            delta,
            ..Setup::default()
        };
        let mut fleet = Fleet::start(setup).await;
        let envoy = fleet.envoy(&binary).await;
        let load = SteadyClient::start(Load {
            address: fleet.gateway,
            host: "httpbin".to_owned(),
            target: "/get".to_owned(),
            connections: 2,
            rate: 100,
        });
        for timeout in ["1s", "2s"] {
            fleet.stop_server().await;
            // What changes while nobody serves is there afterwards.
            fleet
                .folder
                .write("policy.yaml", &policy("httpbin", timeout));
            fleet.start_server().await;
            envoy.wait_for_timeout(CLUSTER, timeout).await;
        }
        let report = load.stop().await;
        assert!(report.is_clean() && report.sent > 0, "{report:?}");
    }
}

/// A delta client says what it has; nothing of it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_a_change_sends_nothing_in_delta() {
    let Some(binary) = envoy_binary::find() else {
        return;
    };
    let setup = Setup {
        delta: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(setup).await;
    let envoy = fleet.envoy(&binary).await;
    fleet.stop_server().await;
    fleet.start_server().await;
    eventually("Envoy is back", async || {
        let nodes = fleet.page("/sluicegate/nodes").await;
        nodes.contains("rds wants 1").then_some(())
    })
    .await
    .unwrap();
    fleet.folder.write("policy.yaml", &policy("httpbin", "2s"));
    envoy.wait_for_timeout(CLUSTER, "2s").await;
    let stats = fleet.page("/stats?filter=ads.*resources_total").await;
    assert!(stats.contains("ads.cds.resources_total: 1"), "{stats}");
    assert!(stats.contains("ads.lds.resources_total: 0"), "{stats}");
    assert!(stats.contains("ads.rds.resources_total: 0"), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_was_killed_comes_back_to_the_newest() {
    let Some(binary) = envoy_binary::find() else {
        return;
    };
    let setup = Setup {
        delta: true,
        ..Setup::default()
    };
    let fleet = Fleet::start(setup).await;
    drop(fleet.envoy(&binary).await);
    eventually("the ledger knows that it is gone", async || {
        let nodes = fleet.page("/sluicegate/nodes").await;
        nodes.contains("gone since").then_some(())
    })
    .await
    .unwrap();
    fleet.folder.write("policy.yaml", &policy("httpbin", "7s"));
    let envoy = fleet.envoy(&binary).await;
    envoy.wait_for_timeout(CLUSTER, "7s").await;
    let nodes = fleet.page("/sluicegate/nodes").await;
    assert!(!nodes.contains("gone since"), "{nodes}");
}
