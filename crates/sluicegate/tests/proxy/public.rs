// SPDX-License-Identifier: Apache-2.0
//! `sluicegate proxy` below a management server that is not ours: Envoy's own Go library, in
//! `testkit/control-plane`.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use serde_json::{Value, json};
use sluicegate_testkit::{Httpbin, eventually, free_address};

use super::support::{Folder, Process, request};

/// The program, built once; `None`, said aloud, only with `SLUICEGATE_SKIP_GO=1`.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    if env::var("SLUICEGATE_SKIP_GO").is_ok_and(|value| value == "1") {
        println!("SKIPPED: no public control plane was asked, because SLUICEGATE_SKIP_GO=1");
        return None;
    }
    Some(PROGRAM.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/control-plane");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("control-plane");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(sources)
            .status();
        assert!(
            built.as_ref().is_ok_and(|status| status.success()),
            "building testkit/control-plane: {built:?}: install Go 1.23 or later, or set \
             SLUICEGATE_SKIP_GO=1 to do without this proof"
        );
        program
    }))
}

/// A running server.
struct ControlPlane {
    child: Child,
    input: ChildStdin,
    file: PathBuf,
    address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl ControlPlane {
    fn start(program: &Path, folder: &Folder, resources: &Value) -> Self {
        let file = folder.write("resources.json", &resources.to_string());
        let mut child = Command::new(program)
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines.next().unwrap().unwrap().parse().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push(line);
            }
        });
        Self {
            input: child.stdin.take().unwrap(),
            child,
            file,
            address: ([127, 0, 0, 1], port).into(),
            said,
        }
    }

    fn serve(&mut self, resources: &Value) {
        std::fs::write(&self.file, resources.to_string()).unwrap();
        self.input.write_all(b"\n").unwrap();
    }

    async fn says(&self, words: &[&str]) {
        let heard = async || {
            let said = self.said.lock().unwrap();
            let mut lines = said.iter();
            let fits = |line: &String| words.iter().all(|word| line.contains(word));
            lines.any(fits).then_some(())
        };
        if let Err(error) = eventually(words[0], heard).await {
            panic!("{error}: {words:?} not in {:#?}", self.said.lock().unwrap());
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}

/// One listener with routes and a cluster over ADS; `bad` adds a cluster that cannot be used.
fn resources(version: &str, listener: SocketAddr, origin: SocketAddr, bad: bool) -> Value {
    let ads = json!({ "ads": {}, "resource_api_version": "V3" });
    let cluster = |name: &str| {
        json!({
            "name": name, "type": "EDS", "connect_timeout": "1s",
            "eds_cluster_config": { "eds_config": ads },
        })
    };
    let mut clusters = vec![cluster("good")];
    let mut assignments = vec![json!({
        "cluster_name": "good",
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(origin) } }] }],
    })];
    if bad {
        let mut bad = cluster("bad");
        bad["lb_subset_config"] = json!({ "fallback_policy": "ANY_ENDPOINT" });
        clusters.push(bad);
        assignments.push(json!({ "cluster_name": "bad" }));
    }
    let filters = "type.googleapis.com/envoy.extensions.filters";
    let manager = json!({
        "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "public",
        "rds": { "route_config_name": "routes", "config_source": ads },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{filters}.http.router.v3.Router") },
        }],
    });
    json!({
        "version": version,
        "clusters": clusters,
        "endpoints": assignments,
        "listeners": [{
            "name": "public",
            "address": address(listener),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }],
        }],
        "routes": [{
            "name": "routes",
            "response_headers_to_add": [{ "header": { "key": "x-version", "value": version } }],
            "virtual_hosts": [{
                "name": "all", "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "good" } }],
            }],
        }],
    })
}

fn bootstrap(admin: SocketAddr, server: SocketAddr, api_type: &str) -> String {
    let ads = json!({ "ads": {}, "resource_api_version": "V3" });
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let bootstrap = json!({
        "node": { "id": "one", "cluster": "all" },
        "admin": { "address": address(admin) },
        "dynamic_resources": {
            "ads_config": {
                "api_type": api_type,
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "server" } }],
            },
            "cds_config": ads, "lds_config": ads,
        },
        "static_resources": { "clusters": [{
            "name": "server", "type": "STATIC",
            "typed_extension_protocol_options": { options: {
                "@type": format!("type.googleapis.com/{options}"),
                "explicit_http_config": { "http2_protocol_options": {} },
            } },
            "load_assignment": { "cluster_name": "server", "endpoints": [{ "lb_endpoints": [
                { "endpoint": { "address": address(server) } },
            ] }] },
        }] },
    });
    bootstrap.to_string()
}

async fn walk(api_type: &str, variant: &str) {
    let Some(program) = program() else { return };
    let folder = Folder::new();
    let origin = Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (admin, listener) = (free_address(), free_address());
    let of = |version, bad| resources(version, listener, origin.address(), bad);
    let mut server = ControlPlane::start(program, &folder, &of("one", false));
    let text = bootstrap(admin, server.address, api_type);
    let path = folder.write("bootstrap.json", &text);
    let proxy = Process::ours(&folder, &path);
    answers(listener, &proxy, "x-version: one").await;
    server.says(&["ACK", variant, "RouteConfiguration"]).await;
    // Of what comes next one cluster is refused by name, and the rest is used.
    server.serve(&of("two", true));
    let words = [
        "NACK",
        variant,
        "Cluster",
        "bad: lb_subset_config is not enforced",
    ];
    server.says(&words).await;
    answers(listener, &proxy, "x-version: two").await;
    server.serve(&of("three", false));
    answers(listener, &proxy, "x-version: three").await;
    drop(server);
    answers(listener, &proxy, "x-version: three").await;
}

async fn answers(at: SocketAddr, proxy: &Process, words: &str) {
    let asked = async || {
        let head = "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = request(at, head);
        (answer.contains("200 OK") && answer.contains(words)).then_some(())
    };
    if let Err(error) = eventually(words, asked).await {
        panic!("{error}: {}", proxy.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_state_of_the_world() {
    walk("GRPC", "sotw").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_changes() {
    walk("DELTA_GRPC", "delta").await;
}
