// SPDX-License-Identifier: Apache-2.0
//! A real Envoy that serves clusters and routes, to compare with.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Client, admin};

/// An Envoy process that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    admin: SocketAddr,
    files: [PathBuf; 2],
}

/// An Envoy with one listener.
pub(crate) struct Envoy {
    process: Process,
    listener: SocketAddr,
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
        let mut process = Process::start(binary, bootstrap, &[]);
        let listener = process.when("it listens", listening);
        Self { process, listener }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.listener)
    }

    /// A page of its admin interface.
    pub(crate) fn admin(&self, path: &str) -> String {
        self.process.get(path)
    }
}

impl Process {
    /// Starts it with one worker, unless `arguments` say more, and waits for its admin interface.
    pub(crate) fn start(binary: &PathBuf, bootstrap: &Value, arguments: &[String]) -> Self {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = |kind| directory.join(format!("envoy-{}-{run}.{kind}", std::process::id()));
        let files = [path("json"), path("admin")];
        fs::write(&files[0], bootstrap.to_string()).unwrap();
        let mut command = Command::new(binary);
        if !arguments.iter().any(|it| it == "--concurrency") {
            command.args(["--concurrency", "1"]);
        }
        let child = command
            .args(["--disable-hot-restart", "--log-level", "error"])
            .args(arguments)
            .arg("--config-path")
            .arg(&files[0])
            .arg("--admin-address-path")
            .arg(&files[1])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self {
            child,
            admin: SocketAddr::from(([0; 4], 0)),
            files,
        };
        let file = process.files[1].clone();
        process.admin = process.when("its admin interface is there", |_| {
            let at = fs::read_to_string(&file).ok()?.parse().ok()?;
            admin::ask(at, "GET", "/ready").map(|_| at)
        });
        process
    }

    /// Waits until it does what it should.
    pub(crate) fn when<T>(&mut self, what: &str, ready: impl Fn(&Self) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = ready(self) {
                return found;
            }
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "Envoy ended, see its output"
            );
            assert!(Instant::now() < until, "Envoy: not yet {what}");
            sleep(Duration::from_millis(20));
        }
    }

    /// A page of its admin interface.
    pub(crate) fn get(&self, path: &str) -> String {
        self.ask("GET", path).text
    }

    /// What its admin interface answers.
    pub(crate) fn ask(&self, method: &str, path: &str) -> admin::Answer {
        admin::ask(self.admin, method, path).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

/// Where a server that is ready listens.
fn listening(process: &Process) -> Option<SocketAddr> {
    let listeners = process.get("/listeners");
    let address = listeners
        .lines()
        .find_map(|line| line.strip_prefix("only::"));
    address
        .filter(|_| process.get("/ready").contains("LIVE"))?
        .trim()
        .parse()
        .ok()
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
