// SPDX-License-Identifier: Apache-2.0
//! GRPCRoutes on the wire, by Envoy: the same outcomes as from our own data plane.

use sluicegate_testkit::eventually;

use crate::{
    grpc::{Outcome, Server, call, check, manifests},
    support::{Fleet, Setup},
};

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_by_their_method_in_http2_and_are_tried_again() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let server = Server::start().await;
    let parent = "name: http, namespace: kgateway-system";
    let manifests = manifests(parent, server.address.port());
    fleet.folder.write("shop.yaml", &manifests);
    eventually("Envoy has the route", async || {
        let path = "/shop.v1.Orders/Place";
        let outcome = call(fleet.gateway, "shop.example.com", path, "application/grpc").await?;
        (outcome == Outcome::echoed()).then_some(())
    })
    .await
    .unwrap();
    server.calls.lock().unwrap().clear();
    check(fleet.gateway, &server).await;
    let retries = "cluster.kube_default_shop_80|grpc.upstream_rq_retry";
    assert_eq!(envoy.stat(retries).await, 2);
}
