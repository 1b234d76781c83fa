// SPDX-License-Identifier: Apache-2.0
//! GRPCRoutes on the wire, by our own data plane.

use super::{
    Gateway,
    grpc::{Server, check, manifests},
};

#[tokio::test]
async fn calls_go_by_their_method_in_http2_and_are_tried_again() {
    let server = Server::start().await;
    let manifests = manifests("name: http", server.address.port());
    let gateway = Gateway::start(server.address, &manifests).await;
    check(gateway.address, &server).await;
    let cluster = "cluster.kube_default_shop_80|grpc";
    let retries = gateway.stat(&format!("{cluster}.upstream_rq_retry")).await;
    assert_eq!(retries, 2);
}
