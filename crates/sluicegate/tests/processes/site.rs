// SPDX-License-Identifier: Apache-2.0
//! A gateway process with its manifests and an origin, and clients that forgive nothing.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use sluicegate_testkit::{Httpbin, RawClient, eventually, free_address, patience};

use crate::manifests::{gateway, service};

/// Manifests of a Gateway in front of one origin; they go away with the test.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) origin: Httpbin,
}

/// A gateway process; killed with the test, if it still runs.
pub(crate) struct Process {
    child: Child,
    errors: PathBuf,
}

impl Site {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, SeqCst);
        let name = format!("sluicegate-process-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("manifests")).unwrap();
        let origin = Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let site = Self {
            folder,
            gateway: free_address(),
            admin: free_address(),
            origin,
        };
        site.write("site.yaml", &site.manifests());
        site
    }

    pub(crate) fn manifests(&self) -> String {
        let gateway = gateway(self.gateway.port());
        format!("{gateway}---\n{}", service(self.origin.address()))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join("manifests").join(name), text).unwrap();
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> String {
        self.folder.to_str().unwrap().to_owned()
    }

    /// Where requests go.
    pub(crate) fn origin_address(&self) -> String {
        self.origin.address().to_string()
    }

    /// What is in a file of the folder, when it is there.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// Starts a process, below a limit on open files if there is one.
    pub(crate) fn run(&self, files: Option<u32>, arguments: &[&str]) -> Process {
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
    pub(crate) async fn serving(&self, arguments: &[&str]) -> Process {
        let process = self.run(None, arguments);
        let what = "the process serves";
        eventually(what, async || self.answers().await.then_some(()))
            .await
            .unwrap_or_else(|error| panic!("{error}: {}", process.said()));
        process
    }

    pub(crate) async fn answers(&self) -> bool {
        let Ok(mut client) = RawClient::connect(self.gateway).await else {
            return false;
        };
        let answer = client.get("web", "/get").await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// The value of a stat; 0 when it does not exist.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
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
    pub(crate) fn signal(&self, name: &str) {
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
    pub(crate) async fn end(&mut self) -> i32 {
        let what = "the process ends";
        let ended = eventually(what, async || self.child.try_wait().unwrap()).await;
        let status = ended.unwrap_or_else(|error| panic!("{error}: {}", self.said()));
        status.code().unwrap_or(-1)
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its log.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients that make a connection for each request; a failure of any kind is kept.
pub(crate) struct NewConnections {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<(usize, Vec<String>)>>,
}

impl NewConnections {
    pub(crate) fn start(address: SocketAddr, target: &'static str) -> Self {
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

    pub(crate) fn stop(self) -> (usize, Vec<String>) {
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

pub(crate) fn ask(address: SocketAddr, target: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
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
