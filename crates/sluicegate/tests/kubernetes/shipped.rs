// SPDX-License-Identifier: Apache-2.0
//! The shipped binary as a process of its own, which can be killed.
//!
//! In: an API server and arguments. Out: a running `sluicegate run --kubernetes` that ends with the
//! test.

use std::{
    net::{IpAddr, SocketAddr},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use sluicegate_testkit::{RawClient, eventually};

use crate::support::{ApiServer, log};

/// `sluicegate run --kubernetes`.
pub(crate) struct Shipped {
    child: Child,
    admin: SocketAddr,
}

impl Shipped {
    /// Starts it with this admin address and waits until it serves.
    pub(crate) async fn start(api: &ApiServer, admin: SocketAddr) -> Self {
        Self::start_at(api, admin, [127, 0, 0, 1].into()).await
    }

    /// The same, with the Gateways' listeners at this address: a pod has one of its own.
    pub(crate) async fn start_at(api: &ApiServer, admin: SocketAddr, bind: IpAddr) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
            .args(["run", "--kubernetes", "--bind", &bind.to_string()])
            .args(["--workers", "1", "--drain-time", "1"])
            .args(["--admin-address", &admin.to_string()])
            .arg("--kubeconfig")
            .arg(api.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(api.folder(), "sluicegate.log"))
            .spawn()
            .unwrap();
        let shipped = Self { child, admin };
        let ready = async || (shipped.page("/ready").await? == "LIVE\n").then_some(());
        eventually("the process to be ready", ready).await.unwrap();
        shipped
    }

    /// A page of the admin API.
    async fn page(&self, target: &str) -> Option<String> {
        let mut client = RawClient::connect(self.admin).await.ok()?;
        Some(client.get("admin", target).await.ok()?.text())
    }

    /// A cluster of `config_dump`.
    pub(crate) async fn cluster(&self, name: &str) -> Option<Value> {
        let page = "/config_dump?resource=dynamic_active_clusters";
        let json: Value = serde_json::from_str(&self.page(page).await?).ok()?;
        let mut clusters = json["configs"].as_array()?.iter().map(|it| &it["cluster"]);
        clusters.find(|it| it["name"] == name).cloned()
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a word, as a machine that loses power.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        self.end();
    }
}
