// SPDX-License-Identifier: Apache-2.0
//! Proxies as processes, ours and Envoy, and a client that keeps what it is told.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use sluicegate_testkit::{eventually, patience};

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("sluicegate-proxy-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that is killed with the test, and what it wrote.
pub(crate) struct Process {
    child: Child,
    errors: PathBuf,
}

impl Process {
    pub(crate) fn spawn(folder: &Folder, command: &mut Command) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let errors = folder.0.join(format!("errors-{number}"));
        let child = command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&errors).unwrap())
            .stderr(fs::File::options().append(true).open(&errors).unwrap())
            .spawn()
            .unwrap();
        Self { child, errors }
    }

    /// `sluicegate proxy`.
    pub(crate) fn ours(folder: &Folder, bootstrap: &PathBuf) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        Self::spawn(
            folder,
            command
                .args(["proxy", "--workers", "1", "--bootstrap"])
                .arg(bootstrap),
        )
    }

    /// Envoy.
    pub(crate) fn envoy(folder: &Folder, binary: &PathBuf, bootstrap: &PathBuf) -> Self {
        let mut command = Command::new(binary);
        let command = command.args(["--concurrency", "1", "--use-dynamic-base-id"]);
        Self::spawn(
            folder,
            command.args(["--log-level", "error", "-c"]).arg(bootstrap),
        )
    }

    /// Everything it wrote.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Waits until the admin API says that it is ready.
    pub(crate) async fn ready(&self, admin: SocketAddr) {
        let live = async || {
            let answer = request(
                admin,
                "GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            );
            answer.contains("LIVE").then_some(())
        };
        if let Err(error) = eventually("the proxy is ready", live).await {
            panic!("{error}: {}", self.said());
        }
    }

    /// Sends it a signal (`-USR1`).
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it is gone.
    pub(crate) fn wait(&mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it and waits until it is gone.
    pub(crate) fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes on a connection of its own and reads to the end; empty when nobody answers.
pub(crate) fn request(to: SocketAddr, bytes: &str) -> String {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(patience()))?;
        stream.write_all(bytes.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    String::from_utf8_lossy(&exchange().unwrap_or_default()).into_owned()
}
