// SPDX-License-Identifier: Apache-2.0
//! Who the API server is, and how to talk to it.
//!
//! In: a kubeconfig, or the service account of a pod. Out: a client.

use std::path::PathBuf;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Which API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig; otherwise `KUBECONFIG`, `~/.kube/config`, then the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; otherwise its current one.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig: {0}; check --kubeconfig and --context")]
    Kubeconfig(String),
    /// Neither a kubeconfig nor a pod's service account.
    #[error("no API server: {0}; give --kubeconfig, or run in a pod with a service account")]
    Nowhere(String),
    /// TLS or addresses that do not fit.
    #[error("the client of the API server cannot be built: {0}")]
    Client(String),
}

/// A client, and the address that it talks to. Nothing is sent yet.
///
/// # Errors
/// When no configuration can be found, or the one that is found does not fit.
pub async fn connect(connection: &Connection) -> Result<(Client, String), Error> {
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    let refused = |error: kube::config::KubeconfigError| Error::Kubeconfig(error.to_string());
    let config = match (&connection.kubeconfig, &connection.context) {
        (Some(path), _) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(refused)?;
            Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(refused)?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(refused)?,
        (None, None) => Config::infer()
            .await
            .map_err(|error| Error::Nowhere(error.to_string()))?,
    };
    let address = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| Error::Client(error.to_string()))?;
    Ok((client, address))
}
