// SPDX-License-Identifier: Apache-2.0
//! The memory of an API server.
//!
//! In: a folder and ports. Out: a running etcd, which can be told to forget.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use sluicegate_testkit::RawClient;

use crate::support::log;

/// Starts one.
pub(crate) fn start_etcd(binaries: &Path, folder: &Path, port: u16, peer_port: u16) -> Child {
    let client = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    Command::new(binaries.join("etcd"))
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ])
        .args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
        ])
        .args(["--initial-cluster", &format!("default={peer}")])
        .arg("--unsafe-no-fsync")
        .stdin(Stdio::null())
        .stdout(log(folder, "etcd.log"))
        .stderr(log(folder, "etcd.log"))
        .spawn()
        .unwrap()
}

/// Lets an etcd forget everything but what is now.
pub(crate) async fn compact(etcd: SocketAddr) {
    let ask = async |path: &str, body: String| {
        let mut client = RawClient::connect(etcd).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST /v3/kv/{path} HTTP/1.1\r\nhost: etcd\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        client.send(request).await.unwrap();
        let answer = client.response().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.text()
    };
    let range = ask("range", r#"{"key":"Lw==","limit":"1"}"#.to_owned()).await;
    let range: Value = serde_json::from_str(&range).unwrap();
    let revision = &range["header"]["revision"];
    let body = format!(r#"{{"revision":{revision},"physical":true}}"#);
    ask("compaction", body).await;
}
