// SPDX-License-Identifier: Apache-2.0
//! Arguments about the API server.
//!
//! In: the command line. Out: the cluster to read from, what to keep there for Gateways, and the
//! admission webhook.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::{
    bootstrap::HostPort,
    failure::Failure,
    input::{self, Settings},
    server::{Addressing, Admission, Cluster, Envoys, GatewayServices, Selector, ServiceType},
};

/// The API server, when that has the manifests.
#[derive(Debug, Clone, Args)]
pub(super) struct Kubernetes {
    #[command(flatten)]
    pub(super) cluster: input::Cluster,
    /// Keep a Service for each Gateway, in the Lease's namespace, in front of the pods with these
    /// labels; its addresses are the Gateway's
    #[arg(
        long,
        value_name = "LABEL=VALUE,...",
        requires = "kubernetes",
        conflicts_with = "address_pool"
    )]
    gateway_services: Option<Selector>,
    /// The type of these Services
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "LoadBalancer",
        requires = "kubernetes"
    )]
    gateway_service_type: ServiceType,
    #[command(flatten)]
    pub(super) envoys: FleetOfGateways,
    /// Answer admission reviews here, so that `kubectl apply` prints what is wrong with a policy
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "kubernetes",
        requires_all = ["admission_tls_cert", "admission_tls_key"]
    )]
    admission_address: Option<SocketAddr>,
    /// Certificate chain of the admission webhook, PEM
    #[arg(long, value_name = "FILE", requires = "admission_address")]
    admission_tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "admission_address")]
    admission_tls_key: Option<PathBuf>,
    /// Let in what is wrong, and only warn of it
    #[arg(long, requires = "admission_address")]
    admission_warn_only: bool,
    /// Namespace of the Lease that decides which replica writes status
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "POD_NAMESPACE",
        default_value = "default",
        requires = "kubernetes"
    )]
    lease_namespace: String,
}

/// Envoys that the controller starts.
#[derive(Debug, Clone, Args)]
pub(super) struct FleetOfGateways {
    /// Keep a Deployment of Envoys and a Service for each Gateway, in the Lease's namespace; this is
    /// where the Envoys find ADS
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires_all = ["kubernetes", "no_data_plane"],
        conflicts_with_all = ["gateway_services", "address_pool"]
    )]
    fleet_address: Option<HostPort>,
    /// Their image
    #[arg(
        long,
        value_name = "IMAGE",
        default_value = "envoyproxy/envoy:distroless-v1.40.0",
        requires = "fleet_address"
    )]
    fleet_image: String,
    /// How many for each Gateway
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        requires = "fleet_address"
    )]
    fleet_replicas: u32,
    /// A Secret in that namespace with ca.crt, tls.crt and tls.key, for their side of ADS
    #[arg(long, value_name = "SECRET", requires = "fleet_address")]
    fleet_tls_secret: Option<String>,
}

impl FleetOfGateways {
    pub(super) fn envoys(&self, (drain_seconds, settings): (u64, &Settings)) -> Option<Envoys> {
        Some(Envoys {
            ads: self.fleet_address.clone()?,
            image: self.fleet_image.clone(),
            replicas: self.fleet_replicas,
            tls_secret: self.fleet_tls_secret.clone(),
            system_ca_file: settings.options().translate.system_ca_file,
            drain_seconds,
        })
    }
}

impl Kubernetes {
    pub(super) async fn cluster(&self, envoys: Option<Envoys>) -> Result<Option<Cluster>, Failure> {
        let Some(connection) = self.cluster.connection() else {
            return Ok(None);
        };
        let (client, address) = sluicegate_kube::connect(&connection)
            .await
            .map_err(|error| Failure::Environment(error.into()))?;
        tracing::info!("reading from the API server at {address}");
        Ok(Some(Cluster {
            client,
            address,
            lease_namespace: self.lease_namespace.clone(),
            addressing: self.addressing(),
            envoys,
        }))
    }

    pub(super) fn admission(&self) -> Option<Admission> {
        let files = self.admission_tls_cert.clone();
        let (certificate, key) = files.zip(self.admission_tls_key.clone())?;
        Some(Admission {
            address: self.admission_address?,
            tls: sluicegate_ads::TlsFiles {
                certificate,
                key,
                client_ca: None,
            },
            warn_only: self.admission_warn_only,
        })
    }

    fn addressing(&self) -> Option<Addressing> {
        let fleet = self.envoys.fleet_address.as_ref();
        // Envoys have labels of their own.
        let selector = fleet.map(|_| Selector::default());
        if let Some(selector) = selector.or_else(|| self.gateway_services.clone()) {
            return Some(Addressing::Services(GatewayServices {
                selector,
                service_type: self.gateway_service_type,
            }));
        }
        let pools = self.cluster.address_pool.clone();
        (!pools.is_empty()).then_some(Addressing::Pool(pools))
    }
}
