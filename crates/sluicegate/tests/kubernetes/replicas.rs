// SPDX-License-Identifier: Apache-2.0
//! Several gateways at one API server: all serve, one writes.

use sluicegate_testkit::{Httpbin, eventually};

use crate::support::{ApiServer, CRDS, free_port, own_address, policy, site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_writes_when_the_first_one_ends() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    api.apply(&site(free_port(), origin.address()));
    let holder = || {
        let output = api.run(&["get", "lease", "sluicegate-status", "-o", "json"], "");
        let lease: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let holder = lease["spec"]["holderIdentity"].as_str()?.to_owned();
        (!holder.is_empty()).then_some(holder)
    };
    let first = api.gateway().await;
    let leader = eventually("a leader", async || holder()).await.unwrap();
    let second = api.gateway().await;
    api.apply(&policy(7));
    let version = || {
        let object = api.get("default", "backendconfigpolicy/web");
        object["status"]["ancestors"][0]["conditions"][0]["observedGeneration"].as_u64()
    };
    let written = async |wanted: u64| (version() == Some(wanted)).then_some(());
    eventually("the status of the leader", async || written(1).await)
        .await
        .unwrap();
    assert_eq!(holder().unwrap(), leader);

    first.stop().await;
    let other = async || holder().filter(|it| *it != leader);
    eventually("another leader", other).await.unwrap();
    api.apply(&policy(8));
    eventually("the status of the other leader", async || written(2).await)
        .await
        .unwrap();
    second.stop().await;
}
