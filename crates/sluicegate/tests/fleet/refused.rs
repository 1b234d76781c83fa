// SPDX-License-Identifier: Apache-2.0
//! What Envoy refuses stays alone, and its words are told.

use sluicegate_snapshot::ResourceType;
use sluicegate_testkit::eventually;
use sluicegate_xds::pb::{
    envoy::config::cluster::v3::{Cluster, cluster::LbPolicy},
    google::protobuf::Duration,
};

use crate::support::{Fleet, Setup, poison, policy, service};

const GOOD: &str = "kube_httpbin_httpbin_8000";
const BAD: &str = "kube_httpbin_poisoned_8000";

/// Breaks a constraint of the API: Envoy refuses the response before it looks at any cluster, and
/// prints the message.
fn break_constraint(cluster: &mut Cluster) {
    cluster.connect_timeout = Some(Duration::default());
}

/// Breaks a rule of protobuf: Envoy refuses the response and names nothing.
fn break_silently(cluster: &mut Cluster) {
    cluster.connect_timeout = Some(Duration {
        seconds: -1,
        nanos: 0,
    });
}

/// Makes no sense: Envoy applies the other clusters of the response.
fn break_sense(cluster: &mut Cluster) {
    cluster.lb_policy = LbPolicy::ClusterProvided as i32;
}

async fn check(delta: bool, spoil: fn(&mut Cluster), words: &str) {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let setup = Setup {
        delta,
        tamper: Some(poison(ResourceType::Cluster, BAD, spoil)),
        ..Setup::default()
    };
    let fleet = Fleet::start(setup).await;
    let envoy = fleet.envoy(&binary).await;
    let port = fleet.origin.address().port();
    fleet
        .folder
        .write("httpbin-policy.yaml", &policy("httpbin", "1s"));
    envoy.wait_for_timeout(GOOD, "1s").await;

    // The poisoned one comes together with a change of the good one.
    fleet
        .folder
        .write("poisoned.yaml", &service("poisoned", port));
    fleet
        .folder
        .write("poisoned-policy.yaml", &policy("poisoned", "3s"));
    fleet
        .folder
        .write("httpbin-policy.yaml", &policy("httpbin", "2s"));
    envoy.wait_for_timeout(GOOD, "2s").await;
    let status = eventually("status has Envoy's words", async || {
        let status = fleet.status("BackendConfigPolicy", "poisoned").await;
        status.contains(words).then_some(status)
    });
    let status = match status.await {
        Ok(status) => status,
        Err(error) => panic!(
            "{error}\n{}\n{}\n{}",
            fleet.status("BackendConfigPolicy", "poisoned").await,
            fleet.page("/sluicegate/nodes").await,
            envoy.log()
        ),
    };
    assert!(status.contains("\"Programmed\""), "{status}");
    let good = fleet.status("BackendConfigPolicy", "httpbin").await;
    assert!(!good.contains("Programmed"), "{good}");
    let nodes = fleet.page("/sluicegate/nodes?format=json").await;
    assert!(nodes.contains(BAD) && nodes.contains(words), "{nodes}");

    let table = fleet.status_command();
    for part in ["refuses 1 resource", "not Programmed (Invalid)", BAD, words] {
        assert!(table.contains(part), "{part:?} not in\n{table}");
    }

    // Others go on, and what was refused is not sent again.
    let rejected = envoy.stat("cluster_manager.cds.update_rejected").await;
    for timeout in ["3s", "4s"] {
        fleet
            .folder
            .write("httpbin-policy.yaml", &policy("httpbin", timeout));
        envoy.wait_for_timeout(GOOD, timeout).await;
    }
    assert_eq!(
        envoy.stat("cluster_manager.cds.update_rejected").await,
        rejected
    );
    assert!(
        rejected <= 4,
        "{rejected} responses refused for one cluster"
    );
    assert_eq!(envoy.cluster(BAD).await, None);
    assert_eq!(fleet.get("/get").await.status(), 200);

    // Without it, nothing is refused any more.
    std::fs::remove_file(fleet.folder.0.join("poisoned.yaml")).unwrap();
    eventually("nothing is refused", async || {
        let nodes = fleet.page("/sluicegate/nodes").await;
        (!nodes.contains("refuses")).then_some(())
    })
    .await
    .unwrap();
}

const CONSTRAINT: &str = "Proto constraint validation failed";
const NAMELESS: &str = "Expected positive duration";
const SENSE: &str = "cluster provided LB specified";

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_constraint_stays_alone_in_delta() {
    check(true, break_constraint, CONSTRAINT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_constraint_stays_alone_in_the_state_of_the_world() {
    check(false, break_constraint, CONSTRAINT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nameless_error_stays_alone_in_delta() {
    check(true, break_silently, NAMELESS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nameless_error_stays_alone_in_the_state_of_the_world() {
    check(false, break_silently, NAMELESS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_senseless_cluster_stays_alone_in_delta() {
    check(true, break_sense, SENSE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_senseless_cluster_stays_alone_in_the_state_of_the_world() {
    check(false, break_sense, SENSE).await;
}
