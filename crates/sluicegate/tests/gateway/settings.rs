// SPDX-License-Identifier: Apache-2.0
//! Settings of a BackendTrafficPolicy that the founding document does not have, on the wire.

use sluicegate_testkit::Httpbin;

use super::{Gateway, loopback, traffic::of_route};

#[tokio::test]
async fn a_route_has_numbers_under_the_name_that_its_policy_makes() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings =
        "  telemetry: {metrics: {routeStatName: '%ROUTE_KIND%/%ROUTE_NAMESPACE%/%ROUTE_NAME%'}}\n";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let response = gateway.client().await.get("web", "/get").await.unwrap();
    assert_eq!(response.status(), 200);
    let stats = gateway.admin("/stats?filter=vhost").await;
    let wanted = ".route.HTTPRoute/default/web.upstream_rq_200: 1";
    assert!(stats.contains(wanted), "{stats}");
}
