// SPDX-License-Identifier: Apache-2.0
//! TCPRoutes and TLSRoutes on the wire, by Envoy: the same outcomes as from our own data plane.

use sluicegate_testkit::eventually;

use crate::{
    streams::Scene,
    support::{Fleet, Setup},
};

#[tokio::test(flavor = "multi_thread")]
async fn connections_go_by_port_and_by_the_name_that_tls_asks_for() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let scene = Scene::start();
    fleet.add_listeners(&scene.listeners());
    let manifests = scene.manifests("kgateway-system");
    fleet.folder.write("streams.yaml", &manifests);
    let served = scene.served().await;
    served.unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
    scene.check();
    let limit = Scene::limit("kgateway-system");
    fleet.folder.write("limit.yaml", &limit);
    eventually("the limit holds", async || {
        scene.over_tcp(scene.tcp)?;
        (envoy.stat("tcp.tcp-limited.downstream_cx_total").await > 0).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
    scene.check_limit().await;
    let limited = "connection_limit.tcp-limited.limited_connections";
    assert!(envoy.stat(limited).await > 0);
}
