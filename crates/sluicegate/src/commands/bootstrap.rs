// SPDX-License-Identifier: Apache-2.0
//! `sluicegate bootstrap`.
//!
//! In: a Gateway, and where ADS is. Out: a complete bootstrap for an Envoy that serves the Gateway,
//! as JSON: Envoy takes a file without an extension, such as `/dev/fd/63`, for JSON.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sluicegate_ads::GatewayName;

use crate::{
    bootstrap::{AdsTls, Bootstrap, HostPort},
    failure::{Failure, Outcome},
    output,
};

/// Arguments of `sluicegate bootstrap`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  envoy -c <(sluicegate bootstrap --gateway default/http)
  sluicegate bootstrap --gateway default/http --ads ads.internal:18000 --tls-ca ca.crt \\
    --tls-cert tls.crt --tls-key tls.key > envoy.json")]
pub struct Arguments {
    /// The Gateway, as namespace/name
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: GatewayName,
    /// Where ADS is served
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:18000")]
    ads: HostPort,
    /// Variant of the protocol
    #[arg(long, value_name = "VARIANT", default_value = "delta")]
    variant: Variant,
    /// Node id, different for each Envoy [default: NAMESPACE/NAME/host name]
    #[arg(long, value_name = "ID")]
    node_id: Option<String>,
    /// Where Envoy's admin API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:19000")]
    admin_address: std::net::SocketAddr,
    /// Answer GET /ready here as Envoy's admin API does, and nothing else: for probes from other
    /// machines, such as [::]:19002 for every address
    #[arg(long, value_name = "ADDRESS")]
    ready_address: Option<std::net::SocketAddr>,
    /// Bundle of the system's certificate authorities, on Envoy's machine
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    system_ca_file: String,
    /// Authorities of the certificate of the ADS port, on Envoy's machine; turns TLS on
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Envoy's certificate for the ADS port
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Name that the certificate of the ADS port must have [default: the host of --ads]
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    tls_server_name: Option<String>,
}

/// Variants of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Variant {
    /// Changes only
    Delta,
    /// Listeners and clusters as a whole at every change
    Sotw,
}

/// Prints the bootstrap.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let Arguments { gateway, ads, .. } = arguments;
    let id = arguments.node_id.clone();
    let text = |path: &PathBuf| path.display().to_string();
    let tls = arguments.tls_ca.as_ref().map(|ca| AdsTls {
        ca: text(ca),
        certificate: arguments.tls_cert.as_ref().map(text),
        key: arguments.tls_key.as_ref().map(text),
        server_name: arguments.tls_server_name.clone(),
    });
    let bootstrap = Bootstrap {
        node_id: id.unwrap_or_else(|| format!("{gateway}/{}", host_name())),
        gateway: gateway.clone(),
        ads: ads.clone(),
        delta: arguments.variant == Variant::Delta,
        admin_address: arguments.admin_address,
        ready_address: arguments.ready_address,
        system_ca_file: arguments.system_ca_file.clone(),
        tls,
    };
    output::write(&output::json(&bootstrap.to_json()))?;
    Ok(Outcome::Done)
}

/// The name of this machine; Envoys of other machines get theirs by `--node-id` or Envoy's own
/// `--service-node`.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "envoy".to_owned(), |name| name.trim().to_owned())
}
