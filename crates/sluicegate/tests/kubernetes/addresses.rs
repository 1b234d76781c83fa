// SPDX-License-Identifier: Apache-2.0
//! Addresses of Gateways from a Service for each.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use sluicegate::server::{Addressing, GatewayServices, ServiceType};
use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::{
    commands,
    support::{ApiServer, Gateway, get, other_site, own_address, site},
};

pub(crate) const CLASS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: sluicegate.dev/gateway-controller}
";

/// A Gateway with one HTTP listener, and more in its spec.
pub(crate) fn manifest(name: &str, port: u16, more: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: edge
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
{more}
"
    )
}

async fn gateway(api: &ApiServer, addressing: Addressing) -> Gateway {
    api.gateway_with(&api.kubeconfig(), |config| {
        let cluster = config.cluster.as_mut().unwrap();
        cluster.lease_namespace = "edge-system".to_owned();
        cluster.addressing = Some(addressing);
    })
    .await
}

pub(crate) async fn start() -> Option<ApiServer> {
    let api = ApiServer::start(&["gateway-api"]).await?;
    api.kubectl(&["create", "namespace", "edge-system"]);
    api.apply(CLASS);
    Some(api)
}

/// Waits until a Gateway has this in its status.
pub(crate) async fn status(
    api: &ApiServer,
    name: &str,
    reason: &str,
    addresses: Value,
    message: &str,
) {
    let mut seen = Value::Null;
    let says = async || {
        let object = api.get("default", &format!("gateway/{name}"));
        seen = object["status"].clone();
        let mut conditions = seen["conditions"].as_array()?.iter();
        let programmed = conditions.find(|it| it["type"] == "Programmed")?;
        let given = seen["addresses"].as_array().cloned().unwrap_or_default();
        let right = programmed["reason"] == reason && Value::from(given) == addresses;
        let said = programmed["message"].as_str()?;
        (right && said.contains(message)).then_some(())
    };
    let found = eventually(reason, says).await;
    found.unwrap_or_else(|error| panic!("{name}: {error}\n{seen:#}"));
}

pub(crate) fn ip(address: &str) -> Value {
    json!([{ "type": "IPAddress", "value": address }])
}

/// The Service of a Gateway, once it is there.
pub(crate) async fn service(api: &ApiServer, gateway: &str) -> Value {
    let label = format!("gateway.networking.k8s.io/gateway-name={gateway}");
    let found = async || {
        let get = [
            "get",
            "service",
            "-n",
            "edge-system",
            "-l",
            &label,
            "-o",
            "json",
        ];
        let list: Value = serde_json::from_str(&api.kubectl(&get)).unwrap();
        list["items"].as_array()?.first().cloned()
    };
    eventually("the Service", found).await.unwrap()
}

/// What a load balancer writes.
fn give(api: &ApiServer, service: &Value, ingress: Value) {
    let name = service["metadata"]["name"].as_str().unwrap();
    let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } }).to_string();
    let patch = [
        "patch",
        "service",
        name,
        "-n",
        "edge-system",
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    api.kubectl(&patch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_comes_and_goes_with_its_gateway_and_gives_it_its_address() {
    let Some(api) = start().await else {
        return;
    };
    let services = |service_type| {
        Addressing::Services(GatewayServices {
            selector: "app.kubernetes.io/name=sluicegate,tier=edge"
                .parse()
                .unwrap(),
            service_type,
        })
    };
    let plane = gateway(&api, services(ServiceType::LoadBalancer)).await;
    let (port, other_port) = (free_port(), free_port());
    let infrastructure =
        "  infrastructure: {labels: {team: a}, annotations: {example.test/lb: fast}}";
    api.apply(&manifest("web", port, infrastructure));
    let made = service(&api, "web").await;
    let metadata = &made["metadata"];
    assert_eq!(metadata["labels"]["team"], "a");
    assert_eq!(metadata["annotations"]["example.test/lb"], "fast");
    assert_eq!(
        metadata["annotations"]["sluicegate.dev/gateway"],
        "default/web"
    );
    assert_eq!(metadata["ownerReferences"][0]["kind"], "GatewayClass");
    assert_eq!(made["spec"]["type"], "LoadBalancer");
    assert_eq!(
        made["spec"]["selector"],
        json!({ "app.kubernetes.io/name": "sluicegate", "tier": "edge" })
    );
    assert_eq!(made["spec"]["ports"][0]["port"], port);
    let reason = "AddressNotAssigned";
    status(&api, "web", reason, json!([]), "has no address yet").await;

    give(
        &api,
        &made,
        json!([{ "ip": "203.0.113.7" }, { "hostname": "lb.example.com" }]),
    );
    let both = json!([
        { "type": "IPAddress", "value": "203.0.113.7" },
        { "type": "Hostname", "value": "lb.example.com" },
    ]);
    status(&api, "web", "Programmed", both.clone(), "").await;

    // Another port and no more labels: the same Service, changed; its address stays.
    api.apply(&manifest("web", other_port, ""));
    let changed = async || {
        let now = service(&api, "web").await;
        let labels = &now["metadata"]["labels"];
        let right = now["spec"]["ports"][0]["port"] == other_port && labels["team"].is_null();
        right.then_some(now)
    };
    let now = eventually("the other port", changed).await.unwrap();
    assert_eq!(now["metadata"]["uid"], metadata["uid"]);
    status(&api, "web", "Programmed", both, "").await;

    // An address that the load balancer does not give.
    api.apply(&manifest(
        "web",
        other_port,
        "  addresses: [{value: 203.0.113.9}]",
    ));
    let wanted = async || {
        let now = service(&api, "web").await;
        (now["spec"]["loadBalancerIP"] == "203.0.113.9").then_some(())
    };
    eventually("the wish for an address", wanted).await.unwrap();
    give(&api, &made, json!([{ "ip": "203.0.113.7" }]));
    let why = "the load balancer gave 203.0.113.7, not 203.0.113.9";
    status(&api, "web", "AddressNotUsable", ip("203.0.113.7"), why).await;
    give(&api, &made, json!([{ "ip": "203.0.113.9" }]));
    status(&api, "web", "Programmed", ip("203.0.113.9"), "").await;

    // Somebody who changes it is put right, somebody else's is left alone.
    let name = metadata["name"].as_str().unwrap();
    let patch = r#"{"spec":{"selector":{"app.kubernetes.io/name":"other"}}}"#;
    api.kubectl(&[
        "patch",
        "service",
        name,
        "-n",
        "edge-system",
        "--type=merge",
        "-p",
        patch,
    ]);
    let mended = async || {
        let now = service(&api, "web").await;
        (now["spec"]["selector"]["app.kubernetes.io/name"] == "sluicegate").then_some(())
    };
    eventually("the selector to be put right", mended)
        .await
        .unwrap();
    api.kubectl(&[
        "create",
        "service",
        "clusterip",
        "theirs",
        "-n",
        "edge-system",
        "--tcp=80",
    ]);

    // Also while nobody looks.
    plane.stop().await;
    api.kubectl(&["delete", "gateway", "web"]);
    let plane = gateway(&api, services(ServiceType::LoadBalancer)).await;
    let gone = async || {
        let list = api.kubectl(&["get", "service", "-n", "edge-system", "-o", "name"]);
        (list.trim() == "service/theirs").then_some(())
    };
    eventually("the Service to go", gone).await.unwrap();
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_too_long_for_a_service_gets_one_all_the_same() {
    let Some(api) = start().await else {
        return;
    };
    let addressing = Addressing::Services(GatewayServices {
        selector: "app.kubernetes.io/name=sluicegate".parse().unwrap(),
        service_type: ServiceType::ClusterIp,
    });
    let plane = gateway(&api, addressing).await;
    let name = ["a-long-label-of-a-name"; 11].join(".");
    assert_eq!(name.len(), 252);
    api.apply(&manifest(&name, free_port(), ""));
    let made = async || {
        let list = api.kubectl(&["get", "service", "-n", "edge-system", "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let made = list["items"].as_array()?.first()?.clone();
        Some(made["spec"]["clusterIP"].as_str()?.to_owned())
    };
    let address = eventually("the Service", made).await.unwrap();
    status(&api, &name, "Programmed", ip(&address), "").await;
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_with_one_port_have_it_each_behind_a_service_of_its_own() {
    let Some(api) = start().await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let addressing = Addressing::Services(GatewayServices {
        selector: "app.kubernetes.io/name=sluicegate".parse().unwrap(),
        service_type: ServiceType::ClusterIp,
    });
    let plane = gateway(&api, addressing).await;
    let port = free_port();
    api.apply(&site(port, origin.address()));
    // Of the same second the name decides.
    tokio::time::sleep(Duration::from_secs(1)).await;
    api.apply(&other_site(port));
    // Where a client of the Service's port comes out.
    let target = async |gateway: &str| {
        let ports = service(&api, gateway).await["spec"]["ports"].clone();
        assert_eq!(ports[0]["port"], port);
        u16::try_from(ports[0]["targetPort"].as_u64().unwrap()).unwrap()
    };
    assert_eq!(target("http").await, port);
    let mapped = target("other").await;
    assert_ne!(mapped, port);
    // Whoever asks the API server is told what the controller does.
    assert_eq!(commands::unavailable(&api), Vec::<Value>::new());
    let mut listeners = [format!("listener~{mapped}"), format!("listener~{port}")];
    listeners.sort();
    assert_eq!(commands::listeners(&api, &[]), listeners);
    // Manifests say neither that ports are mapped nor whose is the older Gateway.
    let folder = api.folder().join("manifests");
    fs::create_dir_all(&folder).unwrap();
    let text = [site(port, origin.address()), other_site(port)].join("---");
    fs::write(folder.join("all.yaml"), text).unwrap();
    let none = [const { Vec::<Value>::new() }; 3];
    assert_eq!(commands::changed(&api, &plane, &folder), none);
    for (gateway, port) in [("http", port), ("other", mapped)] {
        let served = async || get(port).await.filter(|it| it.0 == 200);
        eventually(gateway, served).await.unwrap();
        let address = &service(&api, gateway).await["spec"]["clusterIP"];
        let address = ip(address.as_str().unwrap());
        status(&api, gateway, "Programmed", address, "").await;
    }

    api.kubectl(&["delete", "gateway", "http"]);
    let moved = async || (target("other").await == port).then_some(());
    eventually("the port of the older one", moved)
        .await
        .unwrap();
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer there", served).await.unwrap();
    // The one that was older is the younger one now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    api.apply(&site(port, origin.address()));
    let moved = async || {
        let list = api.kubectl(&["get", "service", "-n", "edge-system", "-o", "name"]);
        (list.lines().count() == 2 && target("http").await != port).then_some(())
    };
    eventually("a port for the younger one", moved)
        .await
        .unwrap();
    assert_eq!(commands::changed(&api, &plane, &folder), none);
    plane.stop().await;
}
