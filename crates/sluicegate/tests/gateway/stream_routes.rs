// SPDX-License-Identifier: Apache-2.0
//! TCPRoutes and TLSRoutes on the wire, by our own data plane.

use sluicegate_testkit::{Httpbin, eventually};

use super::{Gateway, gateway, loopback, streams::Scene};

#[tokio::test(flavor = "multi_thread")]
async fn connections_go_by_port_and_by_the_name_that_tls_asks_for() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let scene = Scene::start();
    let served = Gateway::start(origin.address(), &scene.manifests("default")).await;
    let listeners = format!("listeners: [{}, ", scene.listeners().join(", "));
    let all = gateway(served.address.port()).replace("listeners: [", &listeners);
    served.folder.write("gateway.yaml", &all);
    scene.served().await.unwrap();
    scene.check();
    served.folder.write("limit.yaml", &Scene::limit("default"));
    eventually("the limit holds", async || {
        scene.over_tcp(scene.tcp)?;
        (served.stat("tcp.tcp-limited.downstream_cx_total").await > 0).then_some(())
    })
    .await
    .unwrap();
    scene.check_limit().await;
    let limited = "connection_limit.tcp-limited.limited_connections";
    assert!(served.stat(limited).await > 0);
}
