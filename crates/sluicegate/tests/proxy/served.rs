// SPDX-License-Identifier: Apache-2.0
//! `sluicegate proxy` below our own ADS, in both variants: the bootstrap is the one that
//! `sluicegate bootstrap` prints.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use sluicegate_testkit::{Httpbin, eventually, free_address};

use super::{
    pki, site,
    support::{Folder, Process, request},
};

struct Fleet {
    folder: Folder,
    gateway: SocketAddr,
    ads: SocketAddr,
    admin: SocketAddr,
    origin: Httpbin,
    /// Both sides have certificates and ask for them.
    tls: bool,
}

impl Fleet {
    async fn new(tls: bool) -> Self {
        let fleet = Self {
            folder: Folder::new(),
            gateway: free_address(),
            ads: free_address(),
            admin: free_address(),
            origin: Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap(),
            tls,
        };
        pki::write(&fleet.folder.0);
        std::fs::create_dir(fleet.manifests()).unwrap();
        fleet.route("/");
        fleet
    }

    fn manifests(&self) -> PathBuf {
        self.folder.0.join("manifests")
    }

    /// One route, for paths that begin with `prefix`.
    fn route(&self, prefix: &str) {
        let matches = format!("matches: [{{path: {{type: PathPrefix, value: {prefix}}}}}]");
        let gateway = site::gateway(self.gateway.port());
        let gateway = gateway.replace("backendRefs", &format!("{matches}\n    backendRefs"));
        let service = site::service(self.origin.address());
        let text = format!("{gateway}---\n{service}");
        self.folder.write("manifests/site.yaml", &text);
    }

    /// The control plane alone.
    fn server(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command
            .arg("run")
            .arg(self.manifests())
            .args([
                "--no-data-plane",
                "--admin-address",
                &free_address().to_string(),
            ])
            .args(["--ads-address", &self.ads.to_string()]);
        if self.tls {
            let names = [
                ("--ads-tls-cert", "tls.crt"),
                ("--ads-tls-key", "tls.key"),
                ("--ads-tls-client-ca", "ca.crt"),
            ];
            self.files(&mut command, &names);
        }
        Process::spawn(&self.folder, &mut command)
    }

    fn proxy(&self, variant: &str) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command
            .args(["bootstrap", "--gateway", "default/http"])
            .args(["--ads", &self.ads.to_string()])
            .args(["--admin-address", &self.admin.to_string()])
            .args(["--variant", variant, "--system-ca-file"])
            .arg(certificates());
        if self.tls {
            let names = [
                ("--tls-cert", "tls.crt"),
                ("--tls-key", "tls.key"),
                ("--tls-ca", "ca.crt"),
            ];
            self.files(&mut command, &names);
        }
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let path = self.folder.write("bootstrap.json", &text);
        Process::ours(&self.folder, &path)
    }

    fn files(&self, command: &mut Command, names: &[(&str, &str)]) {
        for (flag, name) in names {
            command.arg(flag).arg(self.folder.0.join(name));
        }
    }

    async fn answers(&self, proxy: &Process, path: &str, words: &str) {
        let asked = async || {
            let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            request(self.gateway, &head).contains(words).then_some(())
        };
        if let Err(error) = eventually(words, asked).await {
            panic!("{error}: {}", proxy.said());
        }
    }
}

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/certificates/ca.crt")
}

async fn walk(variant: &str, tls: bool) {
    let fleet = Fleet::new(tls).await;
    let server = fleet.server();
    let proxy = fleet.proxy(variant);
    fleet.answers(&proxy, "/headers", "200 OK").await;
    // A change, and one back.
    fleet.route("/status");
    fleet.answers(&proxy, "/headers", "404 Not Found").await;
    fleet.route("/");
    fleet.answers(&proxy, "/headers", "200 OK").await;
    // The last good configuration serves on without a server, and follows the next one.
    server.end();
    fleet.answers(&proxy, "/headers", "200 OK").await;
    fleet.route("/status");
    let server = fleet.server();
    fleet.answers(&proxy, "/headers", "404 Not Found").await;
    let ask = "GET /sluicegate/control_plane HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let page = request(fleet.admin, ask);
    assert!(page.contains("\"connected\": true"), "{page}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_the_state_of_the_world() {
    walk("sotw", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_changes() {
    walk("delta", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_tls_with_a_certificate_of_its_own() {
    walk("delta", true).await;
}
