// SPDX-License-Identifier: Apache-2.0
//! Whole processes: how one ends, how one takes over from another, and what one does when the system
//! has no more to give.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

use std::{
    fs,
    io::Read,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use sluicegate_testkit::{Httpbin, Load, RawClient, SteadyClient, eventually, patience};

/// Manifests of a Gateway in front of one origin; they go away with the test.
struct Site {
    folder: PathBuf,
    gateway: SocketAddr,
    admin: SocketAddr,
    _origin: Httpbin,
}

/// A gateway process; killed with the test, if it still runs.
struct Process {
    child: Child,
    errors: PathBuf,
}

impl Site {
    async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, SeqCst);
        let name = format!("sluicegate-process-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("manifests")).unwrap();
        let origin = Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let site = Self {
            folder,
            gateway: free(),
            admin: free(),
            _origin: origin,
        };
        site.write("site.yaml", &site.manifests());
        site
    }

    fn manifests(&self) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: http}}
spec:
  gatewayClassName: kgateway
  listeners: [{{name: http, protocol: HTTP, port: {}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: http}}]
  rules:
  - backendRefs: [{{name: web, port: 80}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {}}}]
",
            self.gateway.port(),
            self._origin.address().port()
        )
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join("manifests").join(name), text).unwrap();
    }

    /// Starts a process, below a limit on open files if there is one.
    fn run(&self, files: Option<u32>, arguments: &[&str]) -> Process {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("errors-{}", NEXT.fetch_add(1, SeqCst));
        let errors = self.folder.join(name);
        let limit = files.map_or(String::new(), |files| format!("ulimit -n {files}; "));
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("{limit}exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_sluicegate"))
            .arg("run")
            .arg(self.folder.join("manifests"))
            .args(["--bind", "127.0.0.1", "--admin-address"])
            .arg(self.admin.to_string())
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        Process { child, errors }
    }

    /// Starts a process and waits until it serves.
    async fn serving(&self, arguments: &[&str]) -> Process {
        let process = self.run(None, arguments);
        let what = "the process serves";
        eventually(what, async || self.answers().await.then_some(()))
            .await
            .unwrap_or_else(|error| panic!("{error}: {}", process.said()));
        process
    }

    async fn answers(&self) -> bool {
        let Ok(mut client) = RawClient::connect(self.gateway).await else {
            return false;
        };
        let answer = client.get("web", "/get").await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// The value of a stat; 0 when it does not exist.
    async fn stat(&self, name: &str) -> u64 {
        let mut client = RawClient::connect(self.admin).await.unwrap();
        let text = client.get("admin", "/stats").await.unwrap().text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Process {
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end; gives the exit code.
    async fn end(&mut self) -> i32 {
        let what = "the process ends";
        let ended = eventually(what, async || self.child.try_wait().unwrap()).await;
        let status = ended.unwrap_or_else(|error| panic!("{error}: {}", self.said()));
        status.code().unwrap_or(-1)
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its log.
    fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Clients that make a connection for each request; a failure of any kind is kept.
struct NewConnections {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<(usize, Vec<String>)>>,
}

impl NewConnections {
    fn start(address: SocketAddr, target: &'static str) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let client = || {
            let stop = stop.clone();
            thread::spawn(move || {
                let (mut answered, mut failures) = (0, Vec::new());
                while !stop.load(SeqCst) {
                    match ask(address, target) {
                        Ok(()) => answered += 1,
                        Err(failure) => failures.push(failure),
                    }
                }
                (answered, failures)
            })
        };
        let threads = (0..3).map(|_| client()).collect();
        Self { stop, threads }
    }

    fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, SeqCst);
        let (mut answered, mut failures) = (0, Vec::new());
        for thread in self.threads {
            let (more, others) = thread.join().unwrap();
            answered += more;
            failures.extend(others);
        }
        (answered, failures)
    }
}

fn ask(address: SocketAddr, target: &str) -> Result<(), String> {
    use std::io::Write;
    let mut stream =
        std::net::TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(patience())).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .map_err(|error| format!("send: {error}"))?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(|error| format!("receive: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(format!("answer: {answer:?}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_takes_over_from_another_without_a_refused_connection() {
    let site = Site::new().await;
    let drain = ["--drain-time", "5"];
    let mut old = site
        .serving(&[&drain[..], &["--workers", "2"]].concat())
        .await;
    let new_connections = NewConnections::start(site.gateway, "/get");
    let probes = NewConnections::start(site.admin, "/ready");
    let keep_alive = SteadyClient::start(Load {
        address: site.gateway,
        host: "web".to_owned(),
        target: "/get".to_owned(),
        connections: 8,
        rate: 200,
    });
    // More workers than sockets, then fewer.
    for workers in ["3", "1", "2"] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let arguments = [&drain[..], &["--workers", workers, "--replace"]].concat();
        let new = site.run(None, &arguments);
        assert_eq!(old.end().await, 0, "{}", old.said());
        assert!(old.said().contains("another process has taken over"));
        old = new;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(old.runs(), "{}", old.said());
    let kept = keep_alive.stop().await;
    assert!(kept.is_clean(), "{kept:?}");
    assert_eq!(kept.stale_connections, 0, "{kept:?}");
    for (what, clients) in [("traffic", new_connections), ("admin", probes)] {
        let (answered, failures) = clients.stop();
        assert!(answered > 50, "{what}: {answered}");
        assert_eq!(failures, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_cannot_start_takes_nothing_over() {
    let site = Site::new().await;
    let mut old = site.serving(&[]).await;
    let traffic = NewConnections::start(site.gateway, "/get");
    site.write("broken.yaml", "spec: [");
    let mut new = site.run(None, &["--replace"]);
    assert_eq!(new.end().await, 3);
    assert!(new.said().contains("broken.yaml"), "{}", new.said());
    // One that dies in the middle.
    fs::remove_file(site.folder.join("manifests/broken.yaml")).unwrap();
    let killed = site.run(None, &["--replace"]);
    drop(killed);
    assert!(site.answers().await);
    let (answered, failures) = traffic.stop();
    assert!(answered > 10);
    assert!(
        failures
            .iter()
            .all(|failure| failure.starts_with("receive: ")),
        "only what the killed process had taken may be lost: {failures:?}"
    );
    assert!(old.runs());
    old.signal("-TERM");
    assert_eq!(old.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_old_process_it_is_a_plain_start() {
    let site = Site::new().await;
    let mut dead = site.serving(&[]).await;
    dead.signal("-KILL");
    dead.end().await;
    let mut process = site.serving(&["--replace"]).await;
    assert!(process.said().contains("nobody to take over from"));
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let site = Site::new().await;
    let mut process = site.serving(&["--drain-time", "600"]).await;
    let mut client = RawClient::connect(site.gateway).await.unwrap();
    client
        .send("POST /post HTTP/1.1\r\nhost: web\r\ncontent-length: 5\r\n\r\n")
        .await
        .unwrap();
    let what = "the request has arrived";
    eventually(what, async || {
        (site.stat("http.http.downstream_rq_active").await > 0
            || site
                .stat("cluster.kube_default_web_80.upstream_rq_active")
                .await
                > 0)
        .then_some(())
    })
    .await
    .unwrap();
    let begun = Instant::now();
    process.signal("-TERM");
    eventually("it drains", async || {
        process.said().contains("draining").then_some(())
    })
    .await
    .unwrap();
    assert!(process.runs());
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// Reads until the other side closes. `None` when it does not within a while.
fn closed(stream: &mut std::net::TcpStream) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        _ => Some(rest),
    }
}

/// Opens idle connections until one is closed again; gives those that stay.
fn fill(address: SocketAddr, most: usize) -> Vec<std::net::TcpStream> {
    let mut open = Vec::new();
    while open.len() < most {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        if closed(&mut client).is_some() {
            return open;
        }
        open.push(client);
    }
    panic!("{most} connections and no limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_clients_are_turned_away_and_the_process_lives() {
    let site = Site::new().await;
    let arguments = ["--workers", "1", "--max-connections", "1000"];
    let mut process = site.run(Some(64), &arguments);
    let what = "it serves";
    eventually(what, async || site.answers().await.then_some(()))
        .await
        .unwrap();
    let idle = fill(site.gateway, 64);
    assert!(idle.len() > 10, "{}", idle.len());
    for _ in 0..20 {
        let mut client = std::net::TcpStream::connect(site.gateway).unwrap();
        assert_eq!(closed(&mut client), Some(Vec::new()));
    }
    assert!(process.runs());
    drop(idle);
    eventually("it serves again", async || {
        site.answers().await.then_some(())
    })
    .await
    .unwrap();
    let rejected = format!(
        "listener.127.0.0.1_{}.downstream_cx_overload_reject",
        site.gateway.port()
    );
    assert!(site.stat(&rejected).await >= 20);
    let warnings = process.said().matches("turned away").count();
    assert!((1..60).contains(&warnings), "{warnings} warnings");
    process.signal("-TERM");
    assert_eq!(process.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_limited_to_half_of_the_descriptors() {
    let site = Site::new().await;
    let process = site.run(Some(64), &["--workers", "1"]);
    eventually("it serves", async || site.answers().await.then_some(()))
        .await
        .unwrap();
    let overflow = format!(
        "listener.127.0.0.1_{}.downstream_global_cx_overflow",
        site.gateway.port()
    );
    let mut idle = fill(site.gateway, 64);
    assert!((30..=32).contains(&idle.len()), "{}", idle.len());
    assert!(site.stat(&overflow).await >= 1);
    // Those who are in are served: descriptors are left for backends.
    for client in &mut idle {
        use std::io::Write;
        client
            .write_all(b"GET /get HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
            .unwrap();
        client.set_read_timeout(Some(patience())).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    drop(process);
}
