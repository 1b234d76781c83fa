// SPDX-License-Identifier: Apache-2.0
//! Asking for the addresses of one name.
//!
//! In: a name and a family. Out: its addresses, which may be none, or that nobody could say. Asked
//! are the hosts file and DNS servers, or the system's `getaddrinfo`.

mod dns;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::lookup_host;

use crate::{
    plan::{Family, ResolverConfig},
    stats::ResolverStats,
};

use dns::Dns;

/// Asks in one way.
#[derive(Debug)]
pub(super) enum Client {
    /// DNS.
    Dns(Box<Dns>),
    /// The system's own way.
    GetAddrInfo,
}

/// How a look-up ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// These are all addresses, in the order of the answer. A name that does not exist has none.
    Completed(Addresses),
    /// Nobody could say.
    Failed,
}

/// Addresses of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The addresses.
    pub(super) ips: Vec<IpAddr>,
    /// The least TTL, if there is any address.
    pub(super) ttl: Option<Duration>,
}

impl Client {
    /// A client that has asked nothing yet.
    pub(super) fn new(config: &ResolverConfig, stats: Arc<ResolverStats>) -> Self {
        match config {
            ResolverConfig::Dns(servers) => Self::Dns(Box::new(Dns::new(servers.clone(), stats))),
            ResolverConfig::GetAddrInfo => Self::GetAddrInfo,
        }
    }

    /// The addresses of a name. An address stands for itself.
    pub(super) async fn resolve(&self, name: &str, family: Family) -> Outcome {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Outcome::Completed(Addresses {
                ips: vec![ip],
                ttl: None,
            });
        }
        match self {
            Self::Dns(dns) => dns.resolve(name, family).await,
            Self::GetAddrInfo => match lookup_host((name, 0)).await {
                Ok(found) => Outcome::Completed(of_system(found, family)),
                Err(error) => {
                    tracing::warn!(name, %error, "look-up failed");
                    Outcome::of_error(&error)
                }
            },
        }
    }
}

impl Outcome {
    /// Whether there is any address.
    pub(super) fn is_found(&self) -> bool {
        matches!(self, Self::Completed(addresses) if !addresses.ips.is_empty())
    }

    /// Which of the system's errors it was is only in its text; the locale is never set.
    fn of_error(error: &io::Error) -> Self {
        let text = error.to_string();
        if NO_SUCH_NAME.iter().any(|reason| text.ends_with(reason)) {
            Self::Completed(Addresses::default())
        } else {
            Self::Failed
        }
    }
}

/// Of what the system found, the wanted family.
fn of_system(found: impl Iterator<Item = SocketAddr>, family: Family) -> Addresses {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
        found.map(|address| address.ip()).partition(IpAddr::is_ipv4);
    let either = |first: Vec<IpAddr>, second| if first.is_empty() { second } else { first };
    let ips = match family {
        Family::All => [v4, v6].concat(),
        Family::Auto => either(v6, v4),
        Family::V4Only => v4,
        Family::V4Preferred => either(v4, v6),
        Family::V6Only => v6,
    };
    Addresses {
        ttl: (!ips.is_empty()).then_some(SYSTEM_TTL),
        ips,
    }
}

/// The system does not tell a TTL; this is Envoy's.
const SYSTEM_TTL: Duration = Duration::from_secs(60);

/// `EAI_NONAME` and `EAI_NODATA` of glibc, then of musl.
const NO_SUCH_NAME: [&str; 4] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "Name has no usable address",
];
