// SPDX-License-Identifier: Apache-2.0
//! Settings of a BackendTrafficPolicy that the founding document does not have, on the wire.

use sluicegate_dataplane::LocalZone;
use sluicegate_testkit::{Httpbin, RawOrigin, Step, eventually};
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use super::{
    Gateway, loopback,
    settings_scene::{Settings, ZONE},
    traffic::{of_route, traffic},
};

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

#[tokio::test]
async fn requests_go_to_the_endpoint_that_a_header_names() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  loadBalancer:
    type: Random
    endpointOverride: {extractFrom: [{header: x-endpoint}]}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    let mut client = gateway.client().await;
    for named in [origin.address().to_string(), "10.0.0.1:80".to_owned()] {
        let request = format!("GET /get HTTP/1.1\r\nhost: web\r\nx-endpoint: {named}\r\n\r\n");
        client.send(&request).await.unwrap();
        assert_eq!(client.response().await.unwrap().status(), 200, "{named}");
    }
}

#[tokio::test]
async fn a_probe_carries_the_body_that_its_policy_has() {
    let origin = RawOrigin::start(|_| Step::response("200 OK", "", "well"))
        .await
        .unwrap();
    let settings = "  healthCheck:
    active:
      http:
        path: /health
        method: POST
        requestBody: {type: Text, text: ping}
";
    let gateway = Gateway::start(origin.address(), &of_route(settings)).await;
    assert_eq!(
        gateway
            .client()
            .await
            .get("web", "/")
            .await
            .unwrap()
            .status(),
        200
    );
    let probed = async || {
        let received = origin.received();
        let found = received.iter().any(|it| {
            it.message.first_line().starts_with("POST /health") && it.message.body == b"ping"
        });
        found.then_some(())
    };
    eventually("a probe with a body", probed).await.unwrap();
}

/// A Service `more` of these fields and endpoints, with a route for the host `more` and its policy.
fn of_more(spec: &str, endpoints: &str, port: u16, settings: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: more}}
spec: {{{spec}ports: [{{port: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: more-1, labels: {{kubernetes.io/service-name: more}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{endpoints}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: more}}
spec:
  parentRefs: [{{name: http}}]
  hostnames: [more]
  rules: [{{backendRefs: [{{name: more, port: {port}}}]}}]
---
{}",
        traffic("HTTPRoute", "more", settings)
    )
}

#[tokio::test]
async fn the_address_of_a_service_takes_the_place_of_its_endpoints() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let port = origin.address().port();
    let settings = "  routingType: Service\n";
    let manifests = of_more("clusterIP: 127.0.0.1, ", "", port, settings);
    let gateway = Gateway::start(origin.address(), &manifests).await;
    let response = gateway.client().await.get("more", "/get").await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Nobody listens on the address in zone b.
#[tokio::test]
async fn a_zone_without_weight_gets_nothing() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let port = origin.address().port();
    let endpoints = "{addresses: [127.0.0.1], zone: a}, {addresses: [127.0.0.2], zone: b}";
    let settings = "  loadBalancer:
    type: RoundRobin
    zoneAware: {weightedZones: [{zone: b, weight: 0}]}
";
    let manifests = of_more("", endpoints, port, settings);
    let gateway = Gateway::start(origin.address(), &manifests).await;
    let mut client = gateway.client().await;
    for _ in 0..20 {
        let response = client.get("more", "/get").await.unwrap();
        assert_eq!(response.status(), 200);
    }
}

/// The cluster of the gateways is the one of a Service in the same zone.
#[tokio::test(flavor = "multi_thread")]
async fn priorities_protocols_of_clients_and_zones_are_as_policies_say() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = Settings::start().await;
    let zone = LocalZone {
        locality: Locality {
            zone: ZONE.to_owned(),
            ..Locality::default()
        },
        local_cluster_name: "kube_default_one_80".to_owned(),
    };
    let manifests = settings.manifests("name: http");
    let gateway = Gateway::start_in(Some(zone), origin.address(), &manifests).await;
    settings.check(gateway.address).await;
    let retries = "cluster.kube_default_retry_80.upstream_rq_retry";
    assert!(gateway.stat(retries).await >= 6);
}
