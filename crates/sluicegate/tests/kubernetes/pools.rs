// SPDX-License-Identifier: Apache-2.0
//! Addresses of Gateways from a pool: each listens on its own, so they may have the same port.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use sluicegate::server::{Addressing, Config};
use sluicegate_testkit::{RawClient, envoy_binary, eventually, free_port};

use crate::{
    addresses::{CLASS, ip, manifest, start, status},
    commands,
    support::{ApiServer, Gateway, log},
};

async fn gateway(api: &ApiServer, pool: &str, change: impl FnOnce(&mut Config)) -> Gateway {
    let pool = Addressing::Pool(vec![pool.parse().unwrap()]);
    api.gateway_with(&api.kubeconfig(), |config| {
        config.bind = None;
        let cluster = config.cluster.as_mut().unwrap();
        cluster.lease_namespace = "edge-system".to_owned();
        cluster.addressing = Some(pool);
        change(config);
    })
    .await
}

/// A Gateway, and a route that sends its clients to a host of its name.
fn named(name: &str, port: u16, more: &str) -> String {
    let gateway = manifest(name, port, more);
    format!(
        "{gateway}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {name}}}]
  rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{hostname: {name}.example.com}}}}]}}]
"
    )
}

/// Whose route answers there; `None` while nobody listens.
async fn whose(address: &str, port: u16) -> Option<String> {
    let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
    let mut client = RawClient::connect(address).await.ok()?;
    let response = client.get("web.example.com", "/").await.ok()?;
    let location = response.header("location")?;
    let host = location.strip_prefix("http://")?;
    Some(host.split_once('.')?.0.to_owned())
}

async fn answers(name: &str, address: &str, port: u16) {
    let answered = async || (whose(address, port).await? == name).then_some(());
    eventually(name, answered).await.unwrap();
}

/// The condition of a Gateway's only listener.
fn listener_condition(api: &ApiServer, gateway: &str, name: &str) -> Value {
    let object = api.get("default", &format!("gateway/{gateway}"));
    let conditions = &object["status"]["listeners"][0]["conditions"];
    let mut conditions = conditions.as_array().unwrap().iter();
    conditions.find(|it| it["type"] == name).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_with_one_port_listen_each_on_its_own_address() {
    let Some(api) = start().await else {
        return;
    };
    let plane = gateway(&api, "127.0.77.1-127.0.77.2", |_| ()).await;
    let port = free_port();
    api.apply(&named("one", port, ""));
    status(&api, "one", "Programmed", ip("127.0.77.1"), "").await;
    api.apply(&named("two", port, ""));
    status(&api, "two", "Programmed", ip("127.0.77.2"), "").await;
    answers("one", "127.0.77.1", port).await;
    answers("two", "127.0.77.2", port).await;
    assert_eq!(whose("127.0.0.1", port).await, None);
    let listeners = plane.admin("/listeners").await;
    for address in ["127.0.77.1", "127.0.77.2"] {
        let line = format!("listener~{address}:{port}::{address}:{port}\n");
        assert!(listeners.contains(&line), "{listeners}");
    }

    // Whoever asks the API server is told the same, knowing the pool or not.
    let names = ["127.0.77.1", "127.0.77.2"].map(|it| format!("listener~{it}:{port}"));
    let pool = ["--address-pool", "127.0.77.1-127.0.77.2"];
    assert_eq!(commands::unavailable(&api), Vec::<Value>::new());
    assert_eq!(commands::listeners(&api, &[]), names);
    assert_eq!(commands::listeners(&api, &pool), names);
    // Manifests without a status are where those of the API server are.
    let folder = api.folder().join("manifests");
    fs::create_dir_all(&folder).unwrap();
    let text = [CLASS, &named("one", port, ""), &named("two", port, "")].join("---");
    fs::write(folder.join("all.yaml"), text).unwrap();
    let none = [const { Vec::<Value>::new() }; 3];
    assert_eq!(commands::changed(&api, &plane, &folder), none);

    // None is left for a third one, nor can one be had by asking for it.
    api.apply(&named("three", port, ""));
    let why = "the address pool has no free address";
    status(&api, "three", "AddressNotAssigned", json!([]), why).await;
    let programmed = listener_condition(&api, "three", "Programmed");
    assert_eq!(
        (&programmed["status"], &programmed["message"]),
        (
            &"False".into(),
            &format!("port {port}: the Gateway has no address to listen on").into()
        )
    );
    assert_eq!(
        listener_condition(&api, "three", "Accepted")["status"],
        "True"
    );
    let wish = "  addresses: [{value: 127.0.77.1}]";
    api.apply(&named("four", port, wish));
    let why = "127.0.77.1 is in use by Gateway default/one";
    status(&api, "four", "AddressNotUsable", json!([]), why).await;
    assert_eq!(whose("127.0.77.1", port).await.as_deref(), Some("one"));
    assert_eq!(whose("127.0.77.2", port).await.as_deref(), Some("two"));

    // What one gives back goes to whoever asks for it; the other one keeps its own.
    api.kubectl(&["delete", "gateway", "one"]);
    status(&api, "four", "Programmed", ip("127.0.77.1"), "").await;
    answers("four", "127.0.77.1", port).await;
    assert_eq!(whose("127.0.77.2", port).await.as_deref(), Some("two"));
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_gives_each_gateway_an_address_that_it_keeps() {
    let Some(api) = start().await else {
        return;
    };
    let pool = "127.0.78.1-127.0.78.2";
    let port = free_port();
    let plane = gateway(&api, pool, |_| ()).await;
    api.apply(&manifest("m", port, ""));
    status(&api, "m", "Programmed", ip("127.0.78.1"), "").await;
    plane.stop().await;

    // Before the first in order, and while nobody looks.
    api.apply(&manifest("a", port, ""));
    api.apply(&manifest("z", port, ""));
    api.apply(&manifest("s", port, "  addresses: [{value: 203.0.113.1}]"));
    let plane = gateway(&api, pool, |_| ()).await;
    status(&api, "m", "Programmed", ip("127.0.78.1"), "").await;
    let why = "203.0.113.1 is not in the pool";
    status(&api, "s", "AddressNotUsable", json!([]), why).await;
    // Of `a` and `z` the older one; of the same second the name decides, which is the same.
    status(&api, "a", "Programmed", ip("127.0.78.2"), "").await;
    let why = "the address pool has no free address";
    status(&api, "z", "AddressNotAssigned", json!([]), why).await;

    api.kubectl(&["delete", "gateway", "m"]);
    status(&api, "z", "Programmed", ip("127.0.78.1"), "").await;
    plane.stop().await;

    // A pool that this machine has no address of.
    let plane = gateway(&api, "203.0.113.0/24", |_| ()).await;
    let why = format!("port {port}: binding 203.0.113.1:{port}: ");
    status(&api, "s", "AddressNotUsable", ip("203.0.113.1"), &why).await;
    plane.stop().await;
}

/// A real Envoy of a Gateway; it ends with the test.
struct Envoy(Child);

impl Envoy {
    fn start(api: &ApiServer, gateway: &str, ads: u16) -> Self {
        let bootstrap = commands::stdout(&[
            "bootstrap",
            "--gateway",
            &format!("default/{gateway}"),
            "--ads",
            &format!("127.0.0.1:{ads}"),
            "--admin-address",
            &format!("127.0.0.1:{}", free_port()),
        ]);
        let child = Command::new(envoy_binary().unwrap())
            .args(["--config-yaml", &bootstrap, "--disable-hot-restart"])
            .args(["--concurrency", "1"])
            .stdin(Stdio::null())
            .stdout(log(api.folder(), "envoy.log"))
            .stderr(log(api.folder(), "envoy.log"))
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoys_listen_on_the_address_of_their_gateway() {
    if envoy_binary().is_none() {
        return;
    }
    let Some(api) = start().await else {
        return;
    };
    let (port, ads) = (free_port(), free_port());
    let plane = gateway(&api, "127.0.79.1-127.0.79.2", |config| {
        config.data_plane = false;
        config.ads = Some(sluicegate_ads::Options {
            address: ([127, 0, 0, 1], ads).into(),
            tls: None,
            wait_for_address: false,
        });
    })
    .await;
    api.apply(&named("one", port, ""));
    status(&api, "one", "Programmed", ip("127.0.79.1"), "").await;
    api.apply(&named("two", port, ""));
    status(&api, "two", "Programmed", ip("127.0.79.2"), "").await;
    let _envoys = ["one", "two"].map(|gateway| Envoy::start(&api, gateway, ads));
    answers("one", "127.0.79.1", port).await;
    answers("two", "127.0.79.2", port).await;
    assert_eq!(whose("127.0.0.1", port).await, None);
    plane.stop().await;
}
