// SPDX-License-Identifier: Apache-2.0
//! Envoys for each Gateway, in Deployments that the controller makes.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate::{
    bootstrap::HostPort,
    server::{Addressing, Config, Envoys, GatewayServices, Selector, ServiceType},
};
use sluicegate_ads::TlsFiles;
use sluicegate_testkit::{Httpbin, envoy_binary, eventually, free_port};

use crate::{
    addresses::{CLASS, manifest, status},
    bulk::applies,
    pod::Pod,
    support::{ApiServer, CRDS, Gateway, get, other_site, own_address, policy, site},
};

/// Where our objects are.
pub(crate) const NAMESPACE: &str = "edge-system";

/// An API server with the namespace, and a Secret with both ends' files for ADS.
pub(crate) async fn start() -> Option<ApiServer> {
    envoy_binary()?;
    let api = ApiServer::start(&CRDS).await?;
    api.kubectl(&["create", "namespace", NAMESPACE]);
    let label = "pod-security.kubernetes.io/enforce=restricted";
    api.kubectl(&["label", "namespace", NAMESPACE, label]);
    let file = |name: &str| format!("--from-file={}", api.folder().join(name).display());
    let files = ["ca.crt", "tls.crt", "tls.key"].map(file);
    let mut create = vec!["create", "secret", "generic", "ads-tls", "-n", NAMESPACE];
    create.extend(files.iter().map(String::as_str));
    api.kubectl(&create);
    api.apply(CLASS);
    Some(api)
}

/// Serves ADS at a port, carries no traffic, and has Envoys made in a namespace that do.
pub(crate) fn fleet(api: &ApiServer, config: &mut Config, (namespace, ads): (&str, u16)) {
    let file = |name: &str| api.folder().join(name);
    config.data_plane = false;
    config.ads = Some(sluicegate_ads::Options {
        address: ([127, 0, 0, 1], ads).into(),
        tls: Some(TlsFiles {
            certificate: file("tls.crt"),
            key: file("tls.key"),
            client_ca: Some(file("ca.crt")),
        }),
        wait_for_address: false,
    });
    let cluster = config.cluster.as_mut().unwrap();
    cluster.lease_namespace = namespace.to_owned();
    cluster.addressing = Some(Addressing::Services(GatewayServices {
        selector: Selector::default(),
        service_type: ServiceType::ClusterIp,
    }));
    cluster.envoys = Some(Envoys {
        ads: HostPort {
            host: "127.0.0.1".to_owned(),
            port: ads,
        },
        image: "envoyproxy/envoy:distroless-v1.40.0".to_owned(),
        replicas: 2,
        tls_secret: Some("ads-tls".to_owned()),
        system_ca_file: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
        drain_seconds: 30,
    });
}

pub(crate) async fn controller(api: &ApiServer, ads: u16) -> Gateway {
    api.gateway_with(&api.kubeconfig(), |config| {
        fleet(api, config, (NAMESPACE, ads))
    })
    .await
}

pub(crate) fn list(api: &ApiServer, kind: &str) -> Vec<Value> {
    let text = api.kubectl(&["get", kind, "-n", NAMESPACE, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// An object of a Gateway, once it is there.
pub(crate) async fn of_gateway(api: &ApiServer, kind: &str, gateway: &str) -> Value {
    let label = "gateway.networking.k8s.io/gateway-name";
    let found = async || {
        let mut objects = list(api, kind).into_iter();
        objects.find(|it| it["metadata"]["labels"][label] == gateway)
    };
    eventually(kind, found).await.unwrap()
}

/// Another Gateway and a policy, which are in force then; nothing of a Gateway that is there changes.
pub(crate) async fn change_something_else(api: &ApiServer) {
    api.apply(&site(free_port(), (own_address(), 9).into()));
    of_gateway(api, "deployment", "http").await;
    api.apply(&policy(7));
    let accepted = async || {
        let object = api.get("default", "backendconfigpolicy/web");
        object.pointer("/status/ancestors/0").cloned()
    };
    eventually("the policy's status", accepted).await.unwrap();
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// What the controller of Deployments writes.
fn available(api: &ApiServer, deployment: &Value, replicas: u32) {
    let counts = ["replicas", "readyReplicas", "availableReplicas"].map(|it| (it, replicas));
    let patch = json!({ "status": std::collections::BTreeMap::from(counts) });
    let patch = patch.to_string();
    let name = name(deployment);
    let command = [
        "patch",
        "deployment",
        name,
        "-n",
        NAMESPACE,
        "--subresource=status",
    ];
    api.kubectl(&[&command[..], &["--type=merge", "-p", &patch]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoys_of_a_deployment_that_we_made_carry_the_traffic() {
    let Some(api) = start().await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let (port, ads) = (free_port(), free_port());
    let controller = controller(&api, ads).await;
    api.apply(&site(port, origin.address()));
    let deployment = of_gateway(&api, "deployment", "http").await;
    let service = of_gateway(&api, "service", "http").await;
    assert_eq!(name(&deployment), name(&service));
    let spec = &deployment["spec"];
    assert_eq!(spec["replicas"], 2);
    let labels = &spec["template"]["metadata"]["labels"];
    for (label, value) in service["spec"]["selector"].as_object().unwrap() {
        assert_eq!(&labels[label], value);
        assert_eq!(&spec["selector"]["matchLabels"][label], value);
    }
    // The Gateway is in another namespace, where no owner may be.
    assert_eq!(
        deployment["metadata"]["ownerReferences"][0]["kind"],
        "GatewayClass"
    );
    let mut pod = spec["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "one".into();
    let strict = [
        "create",
        "-n",
        NAMESPACE,
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ];
    api.kubectl_with(&strict, &pod.to_string());

    let cluster_ip = service["spec"]["clusterIP"].as_str().unwrap();
    let address = json!([{ "type": "IPAddress", "value": cluster_ip }]);
    let nobody = "has no Envoy yet that is ready";
    status(&api, "http", "NoResources", address.clone(), nobody).await;
    assert!(get(port).await.is_none(), "the controller itself listens");
    let pod = Pod::start(&api, &deployment, "gateway-default-http-one");
    let ready = async || (pod.probe("/ready").await? == 200).then_some(());
    let ready = eventually("Envoy to be ready", ready).await;
    ready.unwrap_or_else(|error| panic!("{error}\n{}", pod.log()));
    assert_eq!(pod.probe("/config_dump").await, Some(404));
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer of the origin", served).await.unwrap();
    let nodes = controller.admin("/xds").await;
    assert!(
        nodes.contains("default/http/gateway-default-http-one"),
        "{nodes}"
    );
    available(&api, &deployment, 1);
    status(&api, "http", "Programmed", address.clone(), "").await;
    available(&api, &deployment, 0);
    status(&api, "http", "NoResources", address, nobody).await;

    // The same port once more: its Service maps it, and its Envoys serve it.
    api.apply(&other_site(port));
    let deployment = of_gateway(&api, "deployment", "other").await;
    let service = of_gateway(&api, "service", "other").await;
    assert_eq!(service["spec"]["ports"][0]["port"], port);
    let target = service["spec"]["ports"][0]["targetPort"].as_u64().unwrap();
    let target = u16::try_from(target).unwrap();
    assert_ne!(target, port);
    let _other = Pod::start(&api, &deployment, "gateway-default-other-one");
    let served = async || get(target).await.filter(|it| it.0 == 200);
    eventually("an answer at the mapped port", served)
        .await
        .unwrap();
    assert_eq!(get(port).await.unwrap().0, 200);
    controller.stop().await;
    // Envoys serve on.
    assert_eq!(get(port).await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployments_come_and_go_with_their_gateways_and_with_the_mode() {
    let Some(api) = start().await else {
        return;
    };
    let first = controller(&api, free_port()).await;
    let leader = async || {
        let output = api.run(&["get", "lease", "sluicegate-status", "-n", NAMESPACE], "");
        output.status.success().then_some(())
    };
    eventually("a leader", leader).await.unwrap();
    // Of two replicas one writes.
    let second = controller(&api, free_port()).await;
    let infrastructure =
        "  infrastructure: {labels: {team: a}, annotations: {example.test/pod: fast}}";
    let here = |more: &str| {
        let text = manifest("web", 80, more);
        text.replace("namespace: default", &format!("namespace: {NAMESPACE}"))
    };
    api.apply(&here(infrastructure));
    let made = of_gateway(&api, "deployment", "web").await;
    let template = &made["spec"]["template"]["metadata"];
    for metadata in [&made["metadata"], template] {
        assert_eq!(metadata["labels"]["team"], "a");
        assert_eq!(metadata["annotations"]["example.test/pod"], "fast");
        let class = "gateway.networking.k8s.io/gateway-class-name";
        assert_eq!(metadata["labels"][class], "edge");
    }
    let owner = &made["metadata"]["ownerReferences"][0];
    let gateway = api.get(NAMESPACE, "gateway/web");
    assert_eq!(
        (&owner["kind"], &owner["uid"]),
        (&"Gateway".into(), &gateway["metadata"]["uid"])
    );
    of_gateway(&api, "service", "web").await;

    // Nothing is written that is there already, whatever else changes.
    available(&api, &made, 1);
    change_something_else(&api).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (applies(&api, "deployments"), applies(&api, "services")),
        (2, 2)
    );

    // What somebody changes is put right; what we do not write is theirs.
    let scale = [
        "scale",
        "deployment",
        name(&made),
        "-n",
        NAMESPACE,
        "--replicas=5",
    ];
    api.kubectl(&scale);
    let pause = [
        "patch",
        "deployment",
        name(&made),
        "-n",
        NAMESPACE,
        "--type=merge",
    ];
    let patch = r#"{"spec":{"template":{"spec":{"nodeSelector":{"disk":"ssd"}}}}}"#;
    api.kubectl(&[&pause[..], &["-p", patch]].concat());
    let mended = async || {
        let now = of_gateway(&api, "deployment", "web").await;
        let right = now["spec"]["replicas"] == 2;
        right.then_some(now)
    };
    let now = eventually("the replicas to be put right", mended)
        .await
        .unwrap();
    assert_eq!(
        now["spec"]["template"]["spec"]["nodeSelector"]["disk"],
        "ssd"
    );
    api.apply(&here(""));
    let plain = async || {
        let now = of_gateway(&api, "deployment", "web").await;
        let labels = &now["spec"]["template"]["metadata"]["labels"];
        labels["team"].is_null().then_some(now)
    };
    let now = eventually("the label to go", plain).await.unwrap();
    assert_eq!(now["metadata"]["uid"], made["metadata"]["uid"]);

    // Somebody else's has the name: it is left alone, and told.
    api.kubectl(&["delete", "gateway", "web", "-n", NAMESPACE]);
    let gone = async || {
        let left = [list(&api, "deployment"), list(&api, "service")].concat();
        let left = left.iter().any(|it| name(it) == name(&made));
        (!left).then_some(())
    };
    eventually("Deployment and Service to go", gone)
        .await
        .unwrap();
    let mut theirs = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name(&made),
            "namespace": NAMESPACE,
            // Many have this label.
            "labels": { "app.kubernetes.io/managed-by": "sluicegate" },
        },
        "spec": made["spec"],
    });
    theirs["spec"]["replicas"] = 0.into();
    api.kubectl_with(&["create", "-f", "-"], &theirs.to_string());
    let theirs = api.get(NAMESPACE, &format!("deployment/{}", name(&made)));
    api.apply(&here(""));
    let told = async || {
        let page = first.admin("/sluicegate/cluster").await;
        let words = format!("Deployment {}: there is one that is not ours", name(&made));
        page.contains(&words).then_some(())
    };
    eventually("the problem to be told", told).await.unwrap();

    // Another mode, and a time at which nobody looked.
    second.stop().await;
    first.stop().await;
    let embedded = |config: &mut Config| {
        let cluster = config.cluster.as_mut().unwrap();
        cluster.lease_namespace = NAMESPACE.to_owned();
    };
    let plane = api.gateway_with(&api.kubeconfig(), embedded).await;
    let gone = async || {
        let left = list(&api, "deployment");
        let right = list(&api, "service").is_empty() && left.len() == 1;
        right.then(|| left[0].clone())
    };
    let left = eventually("everything of ours to go", gone).await.unwrap();
    assert_eq!(left["metadata"], theirs["metadata"]);
    plane.stop().await;
}
