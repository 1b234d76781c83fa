// SPDX-License-Identifier: Apache-2.0
//! A pod of a Deployment, as far as a process can be one.
//!
//! In: a Deployment, as the API server has it. Out: the real Envoy with exactly the arguments of its
//! container. Like a kubelet it puts in environment variables and makes volumes of Secrets; a folder
//! stands for the place where they are mounted, and free ports of this machine for those which each
//! pod has in a network of its own.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use sluicegate_testkit::{envoy_binary, free_port};

use crate::support::{ApiServer, get_page, log};

/// A running Envoy; it ends with the test.
pub(crate) struct Pod {
    child: Child,
    ready: SocketAddr,
    folder: PathBuf,
}

impl Pod {
    /// Starts the only container.
    pub(crate) fn start(api: &ApiServer, deployment: &Value, name: &str) -> Self {
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let folder = api.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
        let volume = &pod["volumes"][0];
        let mount = &container["volumeMounts"][0];
        assert_eq!(mount["name"], volume["name"]);
        let secret = volume["secret"]["secretName"].as_str().unwrap();
        for file in ["ca.crt", "tls.crt", "tls.key"] {
            let template = format!("go-template={{{{index .data \"{file}\" | base64decode}}}}");
            let get = ["get", "secret", secret, "-n", namespace, "-o", &template];
            fs::write(folder.join(file), api.kubectl(&get)).unwrap();
        }
        let environment = &container["env"][0];
        let field = &environment["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(field, "metadata.name");
        let variable = format!("$({})", environment["name"].as_str().unwrap());
        let (admin, ready) = (free_port(), free_port());
        let port = &container["ports"][0];
        let probe = &container["readinessProbe"]["httpGet"];
        assert_eq!(
            (&probe["port"], &probe["path"]),
            (&port["name"], &"/ready".into())
        );
        let number = |port: &dyn std::fmt::Display| format!("\"port_value\":{port}");
        let mount = mount["mountPath"].as_str().unwrap();
        let arguments = container["args"].as_array().unwrap().iter().map(|it| {
            it.as_str()
                .unwrap()
                .replace(&variable, name)
                .replace(&format!("{mount}/"), &format!("{}/", folder.display()))
                .replace(&number(&19000), &number(&admin))
                .replace(&number(&port["containerPort"]), &number(&ready))
        });
        let child = Command::new(envoy_binary().unwrap())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log(&folder, "envoy.log"))
            .stderr(log(&folder, "envoy.log"))
            .spawn()
            .unwrap();
        Self {
            child,
            ready: ([127, 0, 0, 1], ready).into(),
            folder,
        }
    }

    /// What Envoy has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("envoy.log")).unwrap_or_default()
    }

    /// What probes are answered at `target`; `None` while nobody listens.
    pub(crate) async fn probe(&self, target: &str) -> Option<u16> {
        tokio::net::TcpStream::connect(self.ready).await.ok()?;
        Some(get_page(self.ready, target).await.0)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
