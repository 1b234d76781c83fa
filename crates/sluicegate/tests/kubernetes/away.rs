// SPDX-License-Identifier: Apache-2.0
//! An API server that goes away and comes back.

use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::support::{ApiServer, CRDS, WEB, own_address, policy, site, steady_load};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_away_what_was_seen_last_is_served() {
    let Some(mut api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    api.apply(&site(port, origin.address()));
    api.apply(&policy(7));
    let gateway = api.gateway().await;
    let load = steady_load(port).await;

    api.kill();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(gateway.cluster(WEB).await.unwrap()["connect_timeout"], "7s");
    api.resume().await;
    api.apply(&policy(8));
    let enforced = async || {
        let cluster = gateway.cluster(WEB).await?;
        (cluster["connect_timeout"] == "8s").then_some(())
    };
    eventually("the change after the return", enforced)
        .await
        .unwrap();

    // Gone while nobody could tell.
    api.kill();
    api.resume().await;
    api.kubectl(&["delete", "backendconfigpolicy", "web"]);
    let gone = async || {
        let cluster = gateway.cluster(WEB).await?;
        (cluster["connect_timeout"] == "5s").then_some(())
    };
    eventually("the deletion after the return", gone)
        .await
        .unwrap();
    let report = load.stop().await;
    assert!(report.is_clean(), "{report:?}");
    gateway.stop().await;
}
