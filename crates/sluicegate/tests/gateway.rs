// SPDX-License-Identifier: Apache-2.0
//! The whole gateway on real sockets: manifests in a folder, an origin, a client.
//!
//! Guards what a user sees: the policy on the wire and on the sockets, reload under load, and that
//! the admin API tells the truth about it.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

#[path = "gateway/browser.rs"]
mod browser;
#[path = "gateway/filters.rs"]
mod filters;
#[path = "common/grpc.rs"]
mod grpc;
#[path = "gateway/grpc_routes.rs"]
mod grpc_routes;
#[path = "common/listener_set.rs"]
mod listener_set;
#[path = "gateway/listener_sets.rs"]
mod listener_sets;
#[path = "gateway/operator.rs"]
mod operator;
#[path = "gateway/settings.rs"]
mod settings;
#[path = "common/settings.rs"]
mod settings_scene;
#[path = "common/site.rs"]
mod site;
#[path = "gateway/stream_routes.rs"]
mod stream_routes;
#[path = "common/streams.rs"]
mod streams;
#[path = "gateway/traffic.rs"]
mod traffic;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use site::{gateway, service};
use sluicegate::server::{Config, Logs, Server};
use sluicegate_dataplane::LocalZone;
use sluicegate_manifest::source::Input;
use sluicegate_testkit::{
    FullBacklog, Httpbin, Load, RawClient, RawOrigin, SteadyClient, Step, eventually, free_port,
    patience,
};

/// A folder of manifests that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-test-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        files
            .iter()
            .for_each(|(name, text)| folder.write(name, text));
        folder
    }

    /// As editors and kubectl do it: a new file takes the place of the old one.
    fn write(&self, name: &str, text: &str) {
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

/// A gateway in front of one Service `web` with one endpoint.
struct Gateway {
    server: Server,
    folder: Folder,
    address: SocketAddr,
}

impl Gateway {
    async fn start(origin: SocketAddr, policy: &str) -> Self {
        Self::start_in(None, origin, policy).await
    }

    /// The gateway runs in this zone.
    async fn start_in(zone: Option<LocalZone>, origin: SocketAddr, policy: &str) -> Self {
        let port = free_port();
        let folder = Folder::new(&[
            ("gateway.yaml", &gateway(port)),
            ("web.yaml", &service(origin)),
            ("policy.yaml", policy),
        ]);
        let config = Config {
            inputs: vec![Input::Path(folder.0.clone())],
            admin_address: ([127, 0, 0, 1], 0).into(),
            bind: Some([127, 0, 0, 1].into()),
            workers: Some(1),
            drain_time: Duration::from_secs(5),
            zone,
            ..Config::new(Vec::new())
        };
        let server = Server::start(config, Logs::silent()).await.unwrap();
        assert!(
            server.ready(patience()).await,
            "the gateway did not become ready"
        );
        Self {
            server,
            folder,
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    async fn client(&self) -> RawClient {
        RawClient::connect(self.address).await.unwrap()
    }

    /// A page of the admin API.
    async fn admin(&self, target: &str) -> String {
        let mut client = RawClient::connect(self.server.admin_address())
            .await
            .unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        client.send(request).await.unwrap();
        client.response().await.unwrap().text()
    }

    /// The value of a stat; 0 when it does not exist.
    async fn stat(&self, name: &str) -> u64 {
        let text = self.admin("/stats").await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// `connect_timeout` as `config_dump` shows it.
    async fn connect_timeout(&self) -> Option<String> {
        let text = self
            .admin("/config_dump?resource=dynamic_active_clusters&mask=cluster")
            .await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        Some(
            json["configs"][0]["cluster"]["connect_timeout"]
                .as_str()?
                .to_owned(),
        )
    }
}

fn policy(settings: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: web}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: web}}]
{settings}"
    )
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Row 33.
#[tokio::test]
async fn keepalive_is_set_on_the_upstream_socket() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings =
        "  tcpKeepalive: {keepAliveProbes: 3, keepAliveTime: 30s, keepAliveInterval: 5s}\n";
    let gateway = Gateway::start(origin.address(), &policy(settings)).await;
    let mut client = gateway.client().await;
    assert_eq!(client.get("web", "/get").await.unwrap().status(), 200);

    let filter = format!("( dport = :{} )", origin.address().port());
    let sockets = Command::new("ss")
        .args(["-tnoH", "state", "established", &filter])
        .output();
    let sockets = sockets.expect("this test needs ss: apt-get install iproute2");
    let text = String::from_utf8(sockets.stdout).unwrap();
    let armed = text
        .lines()
        .filter(|line| line.contains("timer:(keepalive"))
        .count();
    assert_eq!(armed, 1, "{text}");
    // Armed with 30 s a moment ago, so 29 and a fraction are left.
    assert!(
        text.contains("keepalive,29sec") || text.contains("keepalive,30sec"),
        "{text}"
    );
}

/// Row 2.
#[tokio::test]
async fn a_backend_that_never_answers_the_syn_is_given_up_after_connect_timeout() {
    let backlog = FullBacklog::start().unwrap();
    let gateway = Gateway::start(backlog.address(), &policy("  connectTimeout: 400ms\n")).await;
    let mut client = gateway.client().await;
    let started = Instant::now();
    let response = client.get("web", "/").await.unwrap();
    let took = started.elapsed();
    assert_eq!(response.status(), 503);
    assert_eq!(
        response.text(),
        "upstream connect error or disconnect/reset before headers. reset reason: connection timeout"
    );
    assert!(took >= Duration::from_millis(390), "{took:?}");
    assert_eq!(
        gateway
            .stat("cluster.kube_default_web_80.upstream_cx_connect_timeout")
            .await,
        1
    );
}

/// Row 16.
#[tokio::test]
async fn the_request_after_the_last_allowed_one_uses_a_new_connection() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let settings = "  commonHttpProtocolOptions: {maxRequestsPerConnection: 100}\n";
    let gateway = Gateway::start(origin.address(), &policy(settings)).await;
    let mut client = gateway.client().await;
    let mut connections = Vec::new();
    for _ in 0..101 {
        let response = client.get("web", "/get").await.unwrap();
        assert_eq!(response.status(), 200);
        connections.push(response.header("x-connection-id").unwrap());
    }
    assert!(
        connections[..100]
            .iter()
            .all(|connection| *connection == connections[0])
    );
    assert_ne!(connections[100], connections[0]);
    assert_eq!(origin.connections(), 2);
    assert_eq!(
        gateway
            .stat("cluster.kube_default_web_80.upstream_cx_max_requests")
            .await,
        1
    );
}

/// Rows 22 and 23.
#[tokio::test]
async fn header_names_keep_their_case_and_trailers_pass() {
    let origin = RawOrigin::start(|_| Step::ok("hi")).await.unwrap();
    let settings = "  http1ProtocolOptions:
    headerFormat: PreserveCaseHeaderKeyFormat
    enableTrailers: true
";
    let gateway = Gateway::start(origin.address(), &policy(settings)).await;
    let mut client = gateway.client().await;
    let request = "POST / HTTP/1.1\r\nHost: web\r\nX-CaMeL: 1\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\nab\r\n0\r\nX-Trailer: 1\r\n\r\n";
    client.send(request).await.unwrap();
    assert_eq!(client.response().await.unwrap().status(), 200);
    let received = origin.received();
    let message = &received[0].message;
    assert_eq!(
        message.headers()[1],
        ("X-CaMeL".to_owned(), "1".to_owned()),
        "{message:?}"
    );
    // Trailer names are lower case, as Envoy writes them.
    assert_eq!(message.trailers, b"x-trailer: 1\r\n", "{message:?}");
}

#[tokio::test]
async fn a_policy_file_changes_breaks_and_heals_under_load() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let gateway = Gateway::start(origin.address(), &policy("  connectTimeout: 1s\n")).await;
    let load = SteadyClient::start(Load {
        address: gateway.address,
        host: "web".to_owned(),
        target: "/get".to_owned(),
        connections: 4,
        rate: 200,
    });
    assert_eq!(gateway.connect_timeout().await.as_deref(), Some("1s"));

    let change = |text: String| gateway.folder.write("policy.yaml", &text);
    let in_force = async |value: &str| {
        let shown =
            async || (gateway.connect_timeout().await.as_deref() == Some(value)).then_some(());
        eventually("the new value in config_dump", shown)
            .await
            .unwrap();
    };
    change(policy("  connectTimeout: 2s\n"));
    in_force("2s").await;

    // Broken: the last good version stays, and the error is shown with its line.
    change(policy("  connectTimeout: [2s\n"));
    let stale = async || {
        let text = gateway.admin("/sluicegate/findings").await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let files = json["files"].as_array().unwrap().clone();
        files.into_iter().find(|file| file["stale"] == true)
    };
    let file = eventually("the error in the findings", stale)
        .await
        .unwrap();
    assert_eq!(file["documents"], 1);
    assert!(
        file["error"]["line"].as_u64().is_some_and(|line| line >= 6),
        "{file}"
    );
    assert!(file["error"]["column"].is_u64(), "{file}");
    assert_eq!(gateway.connect_timeout().await.as_deref(), Some("2s"));

    // Readable, but Invalid: it contributes nothing and says so.
    change(policy("  conectTimeout: 3s\n"));
    in_force("5s").await;
    let told = async || {
        let text = gateway.admin("/sluicegate/status").await;
        text.contains("\"Invalid\"").then_some(())
    };
    eventually("the status says so", told).await.unwrap();

    change(policy("  connectTimeout: 3s\n"));
    in_force("3s").await;
    let report = load.stop().await;
    assert!(report.is_clean(), "{report:?}");
    assert!(report.count(200) > 0, "{report:?}");
}

/// Row 7.
#[tokio::test]
async fn routes_and_backends_that_are_not_there_answer_as_gateway_api_says() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let gateway = Gateway::start(origin.address(), &policy("")).await;
    let route = |name: &str, backend: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: http}}]
  hostnames: [other.example]
  rules:
  - matches: [{{path: {{value: /{name}}}}}]
    backendRefs: [{backend}]
"
        )
    };
    let empty = "---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {ports: [{port: 80}]}
";
    gateway.folder.write(
        "missing.yaml",
        &route("missing", "{name: nobody, port: 80}"),
    );
    gateway.folder.write("none.yaml", &route("none", ""));
    let text = format!("{}{empty}", route("empty", "{name: empty, port: 80}"));
    gateway.folder.write("empty.yaml", &text);
    let rows = [
        ("/missing", 500),
        ("/none", 500),
        ("/empty", 503),
        ("/else", 404),
    ];
    for (path, expected) in rows {
        let answered = async || {
            let mut client = gateway.client().await;
            let status = client.get("other.example", path).await.ok()?.status();
            (status == expected).then_some(())
        };
        eventually(path, answered).await.unwrap();
    }
}

#[tokio::test]
async fn the_seed_policy_is_enforced() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/httpbin/policy.yaml");
    let text = fs::read_to_string(example).unwrap();
    let text = text
        .replace("namespace: httpbin", "namespace: default")
        .replace("name: httpbin\n", "name: web\n");
    let origin = Httpbin::start(loopback()).await.unwrap();
    let gateway = Gateway::start(origin.address(), &text).await;
    let mut client = gateway.client().await;
    assert_eq!(client.get("web", "/get").await.unwrap().status(), 200);

    // headersWithUnderscoresAction: RejectRequest
    client
        .send("GET /get HTTP/1.1\r\nhost: web\r\nx_under: 1\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.response().await.unwrap().status(), 400);

    // maxHeadersCount: 15
    let many: String = (0..15).map(|index| format!("x-{index}: 1\r\n")).collect();
    let mut client = gateway.client().await;
    client
        .send(format!("GET /get HTTP/1.1\r\nhost: web\r\n{many}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.response().await.unwrap().status(), 431);
}

/// Row 26.
#[tokio::test]
async fn paths_are_normalised_before_routes_see_them() {
    let origin = RawOrigin::start(|_| Step::ok("")).await.unwrap();
    let gateway = Gateway::start(origin.address(), &policy("")).await;
    let mut client = gateway.client().await;
    for path in ["/a/../b//c?x=/../y", "/plain?q=1"] {
        assert_eq!(client.get("web", path).await.unwrap().status(), 200);
    }
    let targets: Vec<String> = origin
        .received()
        .iter()
        .map(|received| received.message.target().1)
        .collect();
    assert_eq!(targets, ["/b/c?x=/../y", "/plain?q=1"]);
    assert_eq!(client.get("web", "/a/%00b").await.unwrap().status(), 400);
    assert!(
        !gateway
            .admin("/sluicegate/data_plane")
            .await
            .contains("normalize_path")
    );
}

#[tokio::test]
async fn retries_of_a_route_are_made() {
    let failures = AtomicUsize::new(0);
    let origin = RawOrigin::start(move |_| match failures.fetch_add(1, Ordering::Relaxed) {
        0 => Step::Close,
        1 => Step::response("503 Service Unavailable", "", "busy"),
        _ => Step::ok("at last"),
    });
    let origin = origin.await.unwrap();
    let route = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: retried}
spec:
  parentRefs: [{name: http}]
  rules:
    - matches: [{path: {value: /retried}}]
      retry: {codes: [503], attempts: 2, backoff: 1ms}
      backendRefs: [{name: web, port: 80}]
";
    let gateway = Gateway::start(origin.address(), route).await;
    let mut client = gateway.client().await;
    let response = client.get("web", "/retried").await.unwrap();
    assert_eq!(
        (response.status(), response.text()),
        (200, "at last".into())
    );
    assert_eq!(origin.received().len(), 3);
    let retries = "cluster.kube_default_web_80.upstream_rq_retry_success";
    assert_eq!(gateway.stat(retries).await, 1);
    let pages = gateway.admin("/sluicegate/data_plane").await;
    assert!(!pages.contains("retry"), "{pages}");
}
