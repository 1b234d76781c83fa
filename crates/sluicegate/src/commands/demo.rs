// SPDX-License-Identifier: Apache-2.0
//! `sluicegate demo`: the founding example at work, with a backend in the same process.
//!
//! In: a port and a folder. Out: a gateway on the founding documents' manifests, which it writes to
//! the folder so that they can be edited while it runs, and a text that says what to try.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use sluicegate_manifest::source::Input;
use sluicegate_testkit::Httpbin;

use super::{
    run::{READY_PATIENCE, block_on},
    serving::Serving,
};
use crate::{
    failure::{Failure, Outcome},
    server::{Config, Logs, Server, Signals},
};

/// Arguments of `sluicegate demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate demo
  sluicegate demo --port 9080 --dir ./demo")]
pub struct Arguments {
    /// Port of the Gateway, on 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder for the manifests; files that are already there stay as they are [default: a new
    /// temporary folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
}

/// Shows a policy at work, with a backend included.
///
/// # Errors
/// When a port is taken or the folder cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let logs = Logs::init(arguments.serving.process.log_level.into());
    block_on(async {
        let httpbin = Httpbin::start(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .context("starting the backend")?;
        let folder = arguments.dir.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("sluicegate-demo-{}", std::process::id()))
        });
        write_manifests(&folder, arguments.port, httpbin.address())
            .with_context(|| format!("writing manifests to {}", folder.display()))?;
        let config = arguments.serving.config(Config {
            inputs: vec![Input::Path(folder.clone())],
            bind: Some([127, 0, 0, 1].into()),
            ..Config::new(Vec::new())
        });
        let mut signals = Signals::catch()?;
        let mut server = Server::start(config, logs).await?;
        server.ready(READY_PATIENCE).await;
        if server.listeners().is_empty() {
            let port = arguments.port;
            let error = anyhow::anyhow!("port {port} is taken; --port takes another one");
            return Err(Failure::Environment(error));
        }
        let text = introduction(
            &folder,
            arguments.port,
            httpbin.address(),
            server.admin_address(),
        );
        anstream::println!("{text}");
        let ending = server.stopped(&mut signals).await;
        server.drain(ending, &mut signals).await;
        if arguments.dir.is_none() {
            fs::remove_dir_all(&folder)?;
        }
        Ok(Outcome::Done)
    })
}

fn write_manifests(folder: &Path, port: u16, backend: SocketAddr) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let listener = format!("port: {port}");
    let endpoint = format!("port: {}", backend.port());
    let files = [
        ("gateway.yaml", GATEWAY.replace("port: 8080", &listener)),
        ("httpbin.yaml", HTTPBIN.replace("port: 18080", &endpoint)),
        ("policy.yaml", POLICY.to_owned()),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        // The endpoint changes with every start; the rest belongs to the user once it is there.
        if name == "httpbin.yaml" || !path.exists() {
            fs::write(path, text)?;
        }
    }
    Ok(())
}

fn introduction(folder: &Path, port: u16, backend: SocketAddr, admin: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "
  Gateway   http://127.0.0.1:{port}
  backend   httpbin/httpbin port 8000, at {backend} in this process
  policy    {folder}/policy.yaml
  admin     http://{admin}

Try, in another terminal:

  # a request through the gateway, under the policy
  curl -i 127.0.0.1:{port}/headers
  # headersWithUnderscoresAction: RejectRequest
  curl -i -H 'x_under_score: 1' 127.0.0.1:{port}/headers
  # the policy, as Envoy would show it
  curl -sX POST '{admin}/config_dump?include_eds&name_regex=kube_httpbin_httpbin_8000'
  # which line of which file set each value
  sluicegate explain -f {folder} backend httpbin/httpbin:8000
  # then change connectTimeout in policy.yaml, break the file, repair it, and ask again

Ctrl-C ends it.
"
    )
}

const GATEWAY: &str = include_str!("../../../../examples/httpbin/gateway.yaml");
const HTTPBIN: &str = include_str!("../../../../examples/httpbin/httpbin.yaml");
const POLICY: &str = include_str!("../../../../examples/httpbin/policy.yaml");
