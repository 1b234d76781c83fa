// SPDX-License-Identifier: Apache-2.0
//! An API server with its etcd, `kubectl`, and a gateway that watches it.
//!
//! In: manifests as text. Out: what clients of the gateway and of the API server see.

use std::{
    fs,
    io::Write,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use sluicegate::server::{Cluster, Config, Ending, Logs, Server, Signals};
use sluicegate_kube::{Client, Connection};
use sluicegate_testkit::{
    Load, RawClient, SteadyClient, eventually, free_port, kubernetes_binaries,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{etcd::start_etcd, pki};

/// A running API server; it ends with the test.
pub(crate) struct ApiServer {
    binaries: PathBuf,
    folder: PathBuf,
    etcd_port: u16,
    port: u16,
    etcd: Child,
    server: Option<Child>,
    _alone: MutexGuard<'static, ()>,
}

impl ApiServer {
    /// With the CRDs that have these names in `crds/`. `None`, said aloud, where tests do without.
    pub(crate) async fn start(crds: &[&str]) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Several at a time are too much for a small machine.
        static ALONE: Mutex<()> = Mutex::const_new(());
        let binaries = kubernetes_binaries()?;
        let alone = ALONE.lock().await;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-kubernetes-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        pki::write(&folder);
        fs::write(folder.join("tokens.csv"), TOKENS).unwrap();
        let (etcd_port, peer_port, port) = (free_port(), free_port(), free_port());
        let etcd = start_etcd(&binaries, &folder, etcd_port, peer_port);
        let mut api = Self {
            binaries,
            folder,
            etcd_port,
            port,
            etcd,
            server: None,
            _alone: alone,
        };
        fs::write(api.kubeconfig(), api.kubeconfig_of("admin-token")).unwrap();
        api.resume().await;
        for crd in crds {
            let file = api.binaries.join(format!("crds/{crd}.yaml"));
            let file = file.display().to_string();
            api.kubectl(&["apply", "--server-side", "-f", &file]);
        }
        api.definitions_served().await;
        Some(api)
    }

    /// Waits until clients find every kind that is defined: a moment after it is established, and
    /// after a start.
    pub(crate) async fn definitions_served(&self) {
        let served = async || {
            let defined = self.kubectl(&["get", "crd", "-o", "name"]);
            let found = self.run(&["api-resources", "--cached=false", "-o", "name"], "");
            let found = String::from_utf8(found.stdout).unwrap();
            let mut names = defined.lines().filter_map(|it| it.split_once('/'));
            let served = names.all(|(_, name)| found.lines().any(|it| it == name));
            served.then_some(())
        };
        eventually("the kinds that are defined", served)
            .await
            .unwrap();
    }

    /// Starts the API server again.
    pub(crate) async fn resume(&mut self) {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let child = Command::new(self.binaries.join("kube-apiserver"))
            .args([
                "--etcd-servers",
                &format!("http://127.0.0.1:{}", self.etcd_port),
            ])
            .args(["--bind-address", "127.0.0.1"])
            .args(["--secure-port", &self.port.to_string()])
            .args(["--tls-cert-file", &at("tls.crt")])
            .args(["--tls-private-key-file", &at("tls.key")])
            .args(["--service-account-issuer", "https://kubernetes"])
            .args(["--service-account-signing-key-file", &at("tls.key")])
            .args(["--service-account-key-file", &at("tls.crt")])
            .args(["--authorization-mode", "RBAC"])
            .args(["--token-auth-file", &at("tokens.csv")])
            // Addresses of this machine: a Service that the API server calls itself needs no pods.
            .args(["--service-cluster-ip-range", "127.96.0.0/16"])
            .args(["--disable-admission-plugins", "ServiceAccount"])
            .stdin(Stdio::null())
            .stdout(log(&self.folder, "api-server.log"))
            .stderr(log(&self.folder, "api-server.log"))
            .spawn()
            .unwrap();
        self.server = Some(child);
        let deadline = Instant::now() + START;
        while !self.run(&["get", "--raw", "/readyz"], "").status.success() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("api-server.log")).unwrap();
                let lines: Vec<&str> = log.lines().rev().take(20).collect();
                panic!(
                    "the API server does not become ready:\n{}",
                    lines.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.definitions_served().await;
    }

    /// Kills the API server; etcd keeps what it had.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// What `kubectl` prints; it must succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    /// The same, with standard input.
    pub(crate) fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert!(
            output.status.success(),
            "kubectl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// `kubectl apply` of a text.
    pub(crate) fn apply(&self, manifests: &str) -> String {
        self.kubectl_with(&["apply", "-f", "-"], manifests)
    }

    /// An object as JSON.
    pub(crate) fn get(&self, namespace: &str, object: &str) -> Value {
        let text = self.kubectl(&["get", "-n", namespace, object, "-o", "json"]);
        serde_json::from_str(&text).unwrap()
    }

    /// How `kubectl` ends.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let mut child = Command::new(self.binaries.join("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            .env("HOME", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever does not read it has said why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// For files of the test; it goes with the API server.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where `kubectl` is.
    pub(crate) fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where its etcd listens.
    pub(crate) fn etcd(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.etcd_port).into()
    }

    /// How to reach it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// A kubeconfig for whoever has this token.
    pub(crate) fn kubeconfig_of(&self, token: &str) -> String {
        let authority = self.folder.join("ca.crt");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{}', \
             certificate-authority: {}}}}}]\n\
             users: [{{name: test, user: {{token: {token}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n",
            self.port,
            authority.display()
        )
    }

    /// A client, and the address that it talks to.
    pub(crate) async fn client(&self) -> (Client, String) {
        client_of(&self.kubeconfig()).await
    }

    /// A gateway that reads from here.
    pub(crate) async fn gateway(&self) -> Gateway {
        self.gateway_with(&self.kubeconfig(), |_| ()).await
    }

    /// The same, over another port that leads here.
    pub(crate) async fn gateway_through(&self, port: u16) -> Gateway {
        let path = self.folder.join(format!("kubeconfig-{port}"));
        let direct = fs::read_to_string(self.kubeconfig()).unwrap();
        let text = direct.replace(&self.port.to_string(), &port.to_string());
        fs::write(&path, text).unwrap();
        self.gateway_with(&path, |_| ()).await
    }

    /// The same, as somebody else and with other settings.
    pub(crate) async fn gateway_with(
        &self,
        kubeconfig: &Path,
        change: impl FnOnce(&mut Config),
    ) -> Gateway {
        let (client, address) = client_of(kubeconfig).await;
        let mut config = Config {
            cluster: Some(Cluster {
                client,
                address,
                lease_namespace: "default".to_owned(),
                addressing: None,
                envoys: None,
            }),
            admin_address: ([127, 0, 0, 1], 0).into(),
            bind: Some([127, 0, 0, 1].into()),
            workers: Some(1),
            drain_time: Duration::from_secs(1),
            ..Config::new(Vec::new())
        };
        change(&mut config);
        let server = Server::start(config, Logs::silent()).await.unwrap();
        Gateway { server }
    }
}

async fn client_of(kubeconfig: &Path) -> (Client, String) {
    let connection = Connection {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
    };
    sluicegate_kube::connect(&connection).await.unwrap()
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.kill();
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    server: Server,
}

impl Gateway {
    /// Where the admin API is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.admin_address())
    }

    /// A page of the admin API.
    pub(crate) async fn admin(&self, target: &str) -> String {
        get_page(self.server.admin_address(), target).await.1
    }

    /// Where probes are answered.
    pub(crate) fn health_address(&self) -> SocketAddr {
        self.server.health_address().unwrap()
    }

    /// A cluster of `config_dump`.
    pub(crate) async fn cluster(&self, name: &str) -> Option<Value> {
        let text = self
            .admin("/config_dump?resource=dynamic_active_clusters")
            .await;
        let json: Value = serde_json::from_str(&text).unwrap();
        let configs = json["configs"].as_array()?.iter();
        let mut clusters = configs.map(|it| it["cluster"].clone());
        clusters.find(|it| it["name"] == name)
    }

    /// Ends as at a signal.
    pub(crate) async fn stop(self) {
        let mut signals = Signals::catch().unwrap();
        self.server.drain(Ending::Stopped, &mut signals).await;
    }
}

/// The status and the body of a page.
pub(crate) async fn get_page(address: SocketAddr, target: &str) -> (u16, String) {
    let mut client = RawClient::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    client.send(request).await.unwrap();
    let response = client.response().await.unwrap();
    (response.status(), response.text())
}

/// The answer to a GET, when a gateway listens there.
pub(crate) async fn get(port: u16) -> Option<(u16, String)> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut client = RawClient::connect(address).await.ok()?;
    let response = client.get("web.example.com", "/anything").await.ok()?;
    Some((response.status(), response.text()))
}

/// An address of this machine that an API server takes for that of an endpoint: not loopback. Nothing
/// is sent; the route is looked up.
pub(crate) fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("203.0.113.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

pub(crate) fn log(folder: &Path, name: &str) -> fs::File {
    let path = folder.join(name);
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

/// Until an API server must be ready, on a machine that does other things too.
const START: Duration = Duration::from_secs(90);

const TOKENS: &str = "admin-token,admin,admin,system:masters\n";

/// The CRDs of the peers.
pub(crate) const CRDS: [&str; 4] = [
    "gateway-api",
    "kgateway-backendconfigpolicies",
    "kgateway-backends",
    "envoy-gateway-backendtrafficpolicies",
];

/// A Gateway on `port`, and a route to the Service `web` at `origin`.
pub(crate) fn site(port: u16, origin: SocketAddr) -> String {
    let gateway = gateway(("http", "web"), port);
    let (address, origin) = (origin.ip(), origin.port());
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: kgateway}}
spec: {{controllerName: kgateway.dev/kgateway}}
---{gateway}---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: default}}
spec:
  ports: [{{name: http, port: 80, targetPort: {origin}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: default, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: {origin}}}]
endpoints: [{{addresses: ['{address}']}}]
"
    )
}

/// Another Gateway `other` on `port`, and a route of its own to the same Service.
pub(crate) fn other_site(port: u16) -> String {
    gateway(("other", "other"), port)
}

fn gateway((name, route): (&str, &str), port: u16) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: kgateway
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {route}, namespace: default}}
spec:
  parentRefs: [{{name: {name}}}]
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
"
    )
}

/// Requests that go on until they are stopped, from when the site answers.
pub(crate) async fn steady_load(port: u16) -> SteadyClient {
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer of the origin", served).await.unwrap();
    SteadyClient::start(Load {
        address: ([127, 0, 0, 1], port).into(),
        host: "web.example.com".to_owned(),
        target: "/anything".to_owned(),
        connections: 2,
        rate: 50,
    })
}

/// A BackendConfigPolicy `web` on the Service.
pub(crate) fn policy(seconds: u32) -> String {
    format!(
        "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: web, namespace: default}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web}}]
  connectTimeout: {seconds}s
"
    )
}

/// The cluster of the Service `web`.
pub(crate) const WEB: &str = "kube_default_web_80";
