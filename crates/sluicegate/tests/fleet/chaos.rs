// SPDX-License-Identifier: Apache-2.0
//! Processes that end and come back.

use std::net::SocketAddr;

use sluicegate_testkit::{Httpbin, Load, RawClient, SteadyClient, eventually};

use crate::{
    network::Relay,
    support::{Fleet, Setup, policy, service},
};

const CLUSTER: &str = "kube_httpbin_httpbin_8000";

#[tokio::test(flavor = "multi_thread")]
async fn traffic_flows_while_sluicegate_restarts_and_envoy_converges() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let mut fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        let load = load(fleet.gateway);
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

fn load(address: SocketAddr) -> SteadyClient {
    SteadyClient::start(Load {
        address,
        host: "httpbin".to_owned(),
        target: "/get".to_owned(),
        connections: 2,
        rate: 100,
    })
}

/// Make before break: the new cluster is there before its route, the old one until after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_moves_to_a_new_service_without_a_failed_request() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        let load = load(fleet.gateway);
        let mut old = "httpbin".to_owned();
        // They serve on: what Envoy does with connections of a cluster that is gone is another matter.
        let mut origins = Vec::new();
        for number in 0..5 {
            let origin = Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap();
            let new = format!("web{number}");
            let gateway = std::fs::read_to_string(fleet.folder.path("gateway.yaml")).unwrap();
            let route = gateway.replace(
                &format!("name: {old}\n          port"),
                &format!("name: {new}\n          port"),
            );
            assert_ne!(route, gateway);
            // One file, one round: everything changes at once.
            let whole = format!("{route}---\n{}", service(&new, origin.address().port()));
            fleet
                .folder
                .write("gateway.yaml", &whole.replace("\n\n", "\n"));
            if number == 0 {
                std::fs::remove_file(fleet.folder.path("httpbin.yaml")).unwrap();
            }
            eventually("requests reach the new origin", async || {
                (origin.requests() > 20).then_some(())
            })
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
            old = new;
            origins.push(origin);
        }
        let report = load.stop().await;
        assert!(
            report.is_clean(),
            "delta: {delta} {report:?}\n{}",
            envoy.log()
        );
    }
}

/// A network that carries nothing stops no traffic and no other Envoy; when it is mended, the newest
/// arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_network_delays_nobody_else() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let relay = Relay::start(([127, 0, 0, 1], fleet.ads).into()).await;
    let stalled = fleet.envoy_at(&binary, relay.port());
    eventually("Envoy serves the Gateway", async || {
        let mut client = RawClient::connect(fleet.gateway).await.ok()?;
        let response = client.get("httpbin", "/get").await.ok()?;
        (response.status() == 200).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", stalled.log()));
    let load = load(fleet.gateway);
    relay.stall(true);
    // Both listen on the port of the Gateway, as two processes on one machine may.
    let other = fleet.envoy(&binary).await;
    for timeout in ["1s", "2s", "3s"] {
        fleet
            .folder
            .write("policy.yaml", &policy("httpbin", timeout));
        other.wait_for_timeout(CLUSTER, timeout).await;
    }
    let old = stalled.cluster(CLUSTER).await.unwrap();
    assert_eq!(old["connect_timeout"], "5s");
    relay.stall(false);
    stalled.wait_for_timeout(CLUSTER, "3s").await;
    let report = load.stop().await;
    assert!(report.is_clean() && report.sent > 0, "{report:?}");
}

/// A delta client says what it has; nothing of it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_a_change_sends_nothing_in_delta() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let mut fleet = Fleet::start(Setup::of(true)).await;
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
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
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
