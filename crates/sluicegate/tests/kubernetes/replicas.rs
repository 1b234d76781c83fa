// SPDX-License-Identifier: Apache-2.0
//! Several gateways at one API server: all serve, one writes.
//!
//! In: replicas that end, and one that is killed. Out: whose status an object has.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::{
    shipped::Shipped,
    support::{ApiServer, CRDS, WEB, own_address, policy, site},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_writes_when_the_one_that_did_ends_or_is_killed() {
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

    // Killed, it can give nothing back: its Lease has to run out.
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let leader = Shipped::start(&api, admin).await;
    let leads = async || holder().filter(|it| it.contains(&format!("_{}_", leader.id())));
    let name = eventually("the process to lead", leads).await.unwrap();
    let third = api.gateway().await;
    leader.kill();
    let killed = Instant::now();
    api.apply(&policy(9));
    let enforced = async || {
        let cluster = third.cluster(WEB).await?;
        (cluster["connect_timeout"] == "9s").then_some(())
    };
    eventually("the policy of a cluster without a leader", enforced)
        .await
        .unwrap();
    let seen = (holder(), version());
    // A machine that took longer than the Lease may have seen the next one.
    if killed.elapsed() < LEASE {
        assert_eq!(seen, (Some(name.clone()), Some(2)));
    }
    tokio::time::sleep(LEASE).await;
    eventually("the status of the third leader", async || written(3).await)
        .await
        .unwrap();
    assert_ne!(holder().unwrap(), name);
    third.stop().await;
}

/// How long a Lease lasts that nobody renews, as the documentation says.
const LEASE: Duration = Duration::from_secs(15);
