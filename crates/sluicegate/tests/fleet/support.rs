// SPDX-License-Identifier: Apache-2.0
//! A gateway that carries no traffic, an Envoy that does, and an origin behind it.
//!
//! In: manifests as changes to a folder. Out: what Envoy's admin API and its clients see.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sluicegate::{
    bootstrap::{AdsTls, Bootstrap, HostPort},
    server::{Config, Ending, Logs, Server, Signals, Tamper},
};
use sluicegate_ads::TlsFiles;
use sluicegate_manifest::source::Input;
use sluicegate_snapshot::{Builder, Resource, ResourceType, Snapshot, Version};
use sluicegate_testkit::{
    Httpbin, Message as HttpMessage, RawClient, eventually, free_port, patience,
};
use sluicegate_xds::prost::Message;

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-fleet-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// As editors do it: a new file takes the place of the old one.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let temporary = self.0.join(format!(".{name}.tmp"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What to serve and how.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) delta: bool,
    pub(crate) tamper: Option<Tamper>,
    pub(crate) tls: Option<(TlsFiles, AdsTls)>,
    /// Where Envoy runs; it is alone in its fleet.
    pub(crate) zone: Option<&'static str>,
}

impl Setup {
    /// Plain text, in this variant of the protocol.
    pub(crate) fn of(delta: bool) -> Self {
        Self {
            delta,
            ..Self::default()
        }
    }
}

/// Spoils one resource after all of our own checks.
pub(crate) fn poison<M: Message + Default + 'static>(
    kind: ResourceType,
    name: &'static str,
    spoil: fn(&mut M),
) -> Tamper {
    Tamper(Arc::new(move |snapshot: &Snapshot| {
        let mut builder = Builder::default();
        for resource in ResourceType::ALL
            .into_iter()
            .flat_map(|it| snapshot.resources(it).values())
        {
            let bad = resource.resource_type == kind && &*resource.name == name;
            builder.add(match bad {
                false => resource.clone(),
                true => {
                    let mut message = M::decode(resource.body.clone()).unwrap();
                    spoil(&mut message);
                    let body = message.encode_to_vec();
                    Arc::new(Resource::new(kind, name, body, Version(0)))
                }
            });
        }
        builder.build()
    }))
}

/// Manifests, the process that serves them, and the origin.
pub(crate) struct Fleet {
    pub(crate) folder: Folder,
    pub(crate) origin: Httpbin,
    /// Where Envoy listens for clients.
    pub(crate) gateway: SocketAddr,
    pub(crate) server: Option<Server>,
    setup: Setup,
    /// The port of ADS.
    pub(crate) ads: u16,
}

impl Fleet {
    pub(crate) async fn start(setup: Setup) -> Self {
        let origin = Httpbin::start(loopback(0)).await.unwrap();
        let folder = Folder::new();
        let gateway = loopback(free_port());
        folder.write("gateway.yaml", &gateway_manifest(gateway.port()));
        folder.write("httpbin.yaml", &service("httpbin", origin.address().port()));
        let mut fleet = Self {
            folder,
            origin,
            gateway,
            server: None,
            setup,
            ads: free_port(),
        };
        fleet.start_server().await;
        fleet
    }

    /// Starts the process that serves, at the same place as before.
    pub(crate) async fn start_server(&mut self) {
        let ads = sluicegate_ads::Options {
            address: loopback(self.ads),
            tls: self.setup.tls.as_ref().map(|(server, _)| server.clone()),
            wait_for_address: false,
        };
        let config = Config {
            inputs: vec![Input::Path(self.folder.0.clone())],
            admin_address: loopback(0),
            workers: Some(1),
            drain_time: Duration::from_secs(1),
            ads: Some(ads),
            data_plane: false,
            tamper: self.setup.tamper.clone(),
            ..Config::new(Vec::new())
        };
        let server = Server::start(config, Logs::silent()).await.unwrap();
        assert!(server.ready(patience()).await);
        self.server = Some(server);
    }

    pub(crate) async fn stop_server(&mut self) {
        let mut signals = Signals::catch().unwrap();
        let server = self.server.take().unwrap();
        server.drain(Ending::Stopped, &mut signals).await;
    }

    /// An Envoy for the Gateway that has listeners open.
    pub(crate) async fn envoy(&self, binary: &Path) -> Envoy {
        let envoy = self.envoy_at(binary, self.ads);
        eventually("Envoy serves the Gateway", async || {
            let mut client = RawClient::connect(self.gateway).await.ok()?;
            let response = client.get("httpbin", "/get").await.ok()?;
            (response.status() == 200).then_some(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
        envoy
    }

    /// An Envoy that finds ADS at another port.
    pub(crate) fn envoy_at(&self, binary: &Path, ads: u16) -> Envoy {
        let bootstrap = Bootstrap {
            node_id: "kgateway-system/http/test".to_owned(),
            gateway: "kgateway-system/http".parse().unwrap(),
            ads: HostPort {
                host: "127.0.0.1".to_owned(),
                port: ads,
            },
            delta: self.setup.delta,
            admin_address: loopback(free_port()),
            ready_address: None,
            system_ca_file: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            tls: self.setup.tls.as_ref().map(|(_, client)| client.clone()),
        };
        let mut json = bootstrap.to_json();
        if let Some(zone) = self.setup.zone {
            place(&mut json, zone);
        }
        Envoy::spawn(binary, &json, bootstrap.admin_address, &self.folder)
    }

    pub(crate) async fn get(&self, target: &str) -> HttpMessage {
        let mut client = RawClient::connect(self.gateway).await.unwrap();
        client.get("httpbin", target).await.unwrap()
    }

    /// Gives the Gateway listeners, one YAML mapping each, beside its own.
    pub(crate) fn add_listeners(&self, listeners: &[String]) {
        let own = gateway_manifest(self.gateway.port());
        let more = listeners.iter().map(|it| format!("    - {it}\n"));
        let all = format!("  listeners:\n{}", more.collect::<String>());
        let text = own.replace("  listeners:\n", &all);
        self.folder.write("gateway.yaml", &text);
    }

    /// A page of Sluicegate's admin API.
    pub(crate) async fn page(&self, target: &str) -> String {
        let admin = self.server.as_ref().unwrap().admin_address();
        page(admin, "GET", target).await.unwrap()
    }

    /// The URL of Sluicegate's admin API.
    pub(crate) fn url(&self) -> String {
        let admin = self.server.as_ref().unwrap().admin_address();
        format!("http://{admin}")
    }

    /// What `sluicegate status` prints.
    pub(crate) fn status_command(&self) -> String {
        let output = command(&["status", "--admin", &self.url()]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the admin API shows for an object.
    pub(crate) async fn status(&self, kind: &str, name: &str) -> String {
        let list: Value = serde_json::from_str(&self.page("/sluicegate/status").await).unwrap();
        let items = list["items"].as_array().unwrap().iter();
        let found = items
            .filter(|item| item["kind"] == kind && item["name"] == name)
            .map(|item| item["status"].to_string());
        found.collect()
    }
}

/// Runs the binary to its end.
pub(crate) fn command(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A running Envoy.
pub(crate) struct Envoy {
    child: Child,
    admin: SocketAddr,
    log: PathBuf,
}

impl Envoy {
    fn spawn(binary: &Path, bootstrap: &Value, admin: SocketAddr, folder: &Folder) -> Self {
        // Not below the manifests' names: files that begin with a dot are not read.
        let config = folder.0.join(".envoy.json");
        fs::write(&config, bootstrap.to_string()).unwrap();
        let log = folder.0.join(".envoy.log");
        let child = Command::new(binary)
            .args(["--concurrency", "1", "--disable-hot-restart"])
            .args(["--drain-time-s", "1", "--parent-shutdown-time-s", "2"])
            .args(["--component-log-level", "main:warning"])
            .args(["--file-flush-interval-msec", "100"])
            .arg("--config-path")
            .arg(config)
            .arg("--log-path")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, admin, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The URL of its admin API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// As the founding documents ask for it.
    pub(crate) async fn dump(&self) -> String {
        page(self.admin, "POST", "/config_dump?include_eds")
            .await
            .unwrap()
    }

    /// The value of a stat; 0 when it does not exist.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
        let text = page(self.admin, "GET", "/stats").await.unwrap();
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// A cluster that is in force, as Envoy shows it.
    pub(crate) async fn cluster(&self, name: &str) -> Option<Value> {
        let target = "/config_dump?resource=dynamic_active_clusters";
        let text = page(self.admin, "GET", target).await?;
        let dump: Value = serde_json::from_str(&text).ok()?;
        let mut clusters = dump["configs"].as_array()?.iter().map(|it| &it["cluster"]);
        clusters.find(|cluster| cluster["name"] == name).cloned()
    }

    /// Waits until a cluster has this `connect_timeout`.
    pub(crate) async fn wait_for_timeout(&self, name: &str, timeout: &str) {
        let what = format!("{name} with a timeout of {timeout}");
        eventually(&what, async || {
            let cluster = self.cluster(name).await?;
            (cluster["connect_timeout"] == timeout).then_some(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts an Envoy into a zone, with a cluster of the gateways that is this one alone.
fn place(bootstrap: &mut Value, zone: &str) {
    let name = "gateways";
    bootstrap["node"]["locality"] = json!({ "zone": zone });
    bootstrap["cluster_manager"] = json!({ "local_cluster_name": name });
    let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 1 } });
    let gateways = json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": { "cluster_name": name, "endpoints": [{
            "locality": { "zone": zone },
            "lb_endpoints": [{ "endpoint": { "address": address } }],
        }] },
    });
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    clusters.unwrap().push(gateways);
}

async fn page(admin: SocketAddr, method: &str, target: &str) -> Option<String> {
    let mut client = RawClient::connect(admin).await.ok()?;
    let request = format!("{method} {target} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    client.send(request).await.ok()?;
    Some(client.response().await.ok()?.text())
}

/// The Gateway and the route that the founding documents assume.
pub(crate) fn gateway_manifest(port: u16) -> String {
    let example = include_str!("../../../../examples/httpbin/gateway.yaml");
    example.replace("port: 8080", &format!("port: {port}"))
}

/// A Service `name` on port 8000 in namespace `httpbin`, with one endpoint.
pub(crate) fn service(name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: httpbin, labels: {{app: httpbin}}}}
spec:
  ports: [{{name: http, port: 8000}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, namespace: httpbin, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {port}}}]
"
    )
}

/// A policy with a `connectTimeout` for a Service.
pub(crate) fn policy(service: &str, timeout: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: {service}, namespace: httpbin}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: {service}}}]
  connectTimeout: {timeout}
"
    )
}
