// SPDX-License-Identifier: Apache-2.0
//! A real Envoy that serves clusters and routes, to compare with.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Client;

/// An Envoy that runs until it is dropped.
pub(crate) struct Envoy {
    child: Child,
    admin: SocketAddr,
    listener: SocketAddr,
    files: [PathBuf; 2],
}

impl Envoy {
    /// One listener with these routes, one worker. Responses say in `x-host` which host was chosen,
    /// whether it could be reached or not.
    pub(crate) fn start(binary: &PathBuf, clusters: &[Value], routes: &[Value]) -> Self {
        Self::with(binary, &bootstrap(clusters, routes))
    }

    /// The same in the zone `a`, where the cluster `fleet` is the local one.
    pub(crate) fn in_zone_a(binary: &PathBuf, clusters: &[Value], routes: &[Value]) -> Self {
        let mut bootstrap = bootstrap(clusters, routes);
        bootstrap["node"]["locality"] = json!({ "zone": "a" });
        bootstrap["cluster_manager"] = json!({ "local_cluster_name": "fleet" });
        Self::with(binary, &bootstrap)
    }

    fn with(binary: &PathBuf, bootstrap: &Value) -> Self {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = |kind| directory.join(format!("envoy-{}-{run}.{kind}", std::process::id()));
        let files = [path("json"), path("admin")];
        fs::write(&files[0], bootstrap.to_string()).unwrap();
        let mut child = Command::new(binary)
            .args(["--concurrency", "1", "--use-dynamic-base-id"])
            .args(["--log-level", "error", "--config-path"])
            .arg(&files[0])
            .arg("--admin-address-path")
            .arg(&files[1])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let (admin, listener) = loop {
            let said = fs::read_to_string(&files[1]).unwrap_or_default();
            let ready = said
                .parse()
                .ok()
                .and_then(|admin| Some((admin, listening(admin)?)));
            if let Some(addresses) = ready {
                break addresses;
            }
            assert!(
                child.try_wait().unwrap().is_none(),
                "Envoy ended, see its output"
            );
            assert!(Instant::now() < until, "Envoy is not ready");
            sleep(Duration::from_millis(50));
        };
        Self {
            child,
            admin,
            listener,
            files,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.listener)
    }

    /// A page of its admin interface.
    pub(crate) fn admin(&self, path: &str) -> String {
        admin(self.admin, path).unwrap()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// Where a server that is ready listens.
fn listening(at: SocketAddr) -> Option<SocketAddr> {
    let ready = admin(at, "/ready")?.contains("LIVE");
    let listeners = admin(at, "/listeners")?;
    let address = listeners
        .lines()
        .find_map(|line| line.strip_prefix("only::"));
    address.filter(|_| ready)?.trim().parse().ok()
}

fn admin(at: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn bootstrap(clusters: &[Value], routes: &[Value]) -> Value {
    let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let filters = "type.googleapis.com/envoy.extensions.filters";
    let manager = json!({
        "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "test",
        "route_config": {
            "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
            "response_headers_to_add": [
                { "header": { "key": "x-host", "value": "%UPSTREAM_HOST%" } },
            ],
        },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{filters}.http.router.v3.Router") },
        }],
    });
    let filter = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": manager,
    });
    let listener = json!({
        "name": "only",
        "address": anywhere.clone(),
        "filter_chains": [{ "filters": [filter] }],
    });
    json!({
        "admin": { "address": anywhere },
        "node": { "id": "test", "cluster": "test" },
        "static_resources": { "clusters": clusters, "listeners": [listener] },
    })
}
