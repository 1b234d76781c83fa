// SPDX-License-Identifier: Apache-2.0
//! The filter chains of a listener and the choice among them (`filter_chain_match`).
//!
//! In: filter chains, and the secrets they name. Out: the chain for the name that a client asks for:
//! an exact one first, then the longest wildcard, then the chain without names.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::listener::v3::{FilterChain as Proto, Listener, filter::ConfigType},
        extensions::{
            filters::network::{
                connection_limit::v3::ConnectionLimit as ConnectionLimitFilter,
                http_connection_manager::v3::HttpConnectionManager,
            },
            transport_sockets::tls::v3::DownstreamTlsContext,
        },
    },
};

use super::{
    ConnectionManager, Routes,
    compile::Names,
    transport::{RAW, TLS, config},
    unsupported,
    value::timeout,
};
use crate::{
    listen::ConnectionLimit,
    tls::{Certificate, DownstreamTls, MissingSecret},
};

/// A filter chain.
#[derive(Debug)]
pub(crate) struct FilterChain {
    /// Settings of its HTTP connections.
    pub(crate) manager: ConnectionManager,
    /// How many connections it takes.
    pub(crate) limit: Option<ConnectionLimit>,
    /// What lies below HTTP.
    pub(crate) transport: Transport,
    /// Longest time for a handshake.
    pub(crate) handshake_timeout: Duration,
}

/// What lies below HTTP.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Nothing.
    Raw,
    /// TLS.
    Tls(DownstreamTls),
    /// TLS whose certificate does not exist: nobody is served.
    TlsWithoutSecret,
}

/// The chains of a listener.
#[derive(Debug, Default)]
pub(crate) struct FilterChains {
    exact: HashMap<String, Arc<FilterChain>>,
    /// By what follows the `*`.
    wildcards: HashMap<String, Arc<FilterChain>>,
    other: Option<Arc<FilterChain>>,
    /// Whether clients must speak TLS.
    pub(crate) tls: bool,
    /// Settings seen here that are not enforced.
    pub(super) unsupported: Vec<&'static str>,
    /// Secrets that do not exist.
    pub(super) missing: Vec<String>,
}

impl FilterChains {
    /// Compiles a listener's chains.
    pub(super) fn compile(
        listener: &Listener,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut Names,
    ) -> Result<Self, String> {
        let mut chains = Self::default();
        let mut kinds = Vec::new();
        for proto in &listener.filter_chains {
            let chain = Arc::new(chains.chain(proto, listener, secrets, names)?);
            kinds.push(!matches!(chain.transport, Transport::Raw));
            let server_names = unsupported::filter_chain_names(proto)?;
            if server_names.is_empty() && chains.other.replace(chain.clone()).is_some() {
                return Err("two filter chains match every name".to_owned());
            }
            for name in server_names {
                let name = name.to_ascii_lowercase();
                let before = match name.strip_prefix('*') {
                    Some(suffix) => chains.wildcards.insert(suffix.to_owned(), chain.clone()),
                    None => chains.exact.insert(name.clone(), chain.clone()),
                };
                if before.is_some() {
                    return Err(format!("two filter chains match {name}"));
                }
            }
        }
        if let Some(proto) = &listener.default_filter_chain
            && chains.other.is_none()
        {
            let chain = Arc::new(chains.chain(proto, listener, secrets, names)?);
            kinds.push(!matches!(chain.transport, Transport::Raw));
            chains.other = Some(chain);
        }
        chains.tls = *kinds.first().ok_or("no filter chain")?;
        if kinds.iter().any(|tls| *tls != chains.tls) {
            return Err("filter chains with and without TLS in one listener".to_owned());
        }
        if !chains.tls && kinds.len() > 1 {
            return Err("several filter chains without TLS are not implemented yet".to_owned());
        }
        chains.unsupported.sort_unstable();
        chains.unsupported.dedup();
        Ok(chains)
    }

    /// Every chain; one that is found under several names comes several times.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        let named = self.exact.values().chain(self.wildcards.values());
        named.chain(&self.other)
    }

    /// The chain for a name in lower case.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<&Arc<FilterChain>> {
        let named = name.and_then(|name| {
            if let Some(chain) = self.exact.get(name) {
                return Some(chain);
            }
            let dots = name.match_indices('.').map(|(at, _)| &name[at..]);
            dots.filter_map(|suffix| self.wildcards.get(suffix)).next()
        });
        named.or(self.other.as_ref())
    }

    fn chain(
        &mut self,
        proto: &Proto,
        listener: &Listener,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut Names,
    ) -> Result<FilterChain, String> {
        let Filters { manager, limit } = Filters::of(proto)?;
        let transport = self.transport(proto, secrets)?;
        self.unsupported
            .extend(unsupported::of_listener(listener, &manager));
        if let Transport::Tls(tls) = &transport {
            self.unsupported.extend(&tls.unsupported);
        }
        let manager = ConnectionManager::compile(&manager, names)?;
        if let Routes::Inline(table) = &manager.routes {
            self.unsupported.extend(&table.unsupported);
        }
        let patience = proto.transport_socket_connect_timeout.as_ref();
        Ok(FilterChain {
            manager,
            limit,
            transport,
            handshake_timeout: timeout(patience, None).unwrap_or(HANDSHAKE),
        })
    }

    fn transport(
        &mut self,
        proto: &Proto,
        secrets: &HashMap<Arc<str>, Certificate>,
    ) -> Result<Transport, String> {
        match &proto.transport_socket {
            None => Ok(Transport::Raw),
            Some(socket) if socket.name == RAW => Ok(Transport::Raw),
            Some(socket) if socket.name == TLS => {
                let context: DownstreamTlsContext = config(socket)?;
                match DownstreamTls::compile(&context, secrets)? {
                    Ok(tls) => Ok(Transport::Tls(tls)),
                    Err(MissingSecret(name)) => {
                        self.missing.push(name);
                        Ok(Transport::TlsWithoutSecret)
                    }
                }
            }
            Some(socket) => Err(format!(
                "transport socket {} is not implemented yet",
                socket.name
            )),
        }
    }
}

/// The network filters of a chain that mean something here.
struct Filters {
    manager: HttpConnectionManager,
    limit: Option<ConnectionLimit>,
}

impl Filters {
    /// Reads them. One that would not be enforced is an error: it may be what keeps somebody out.
    fn of(proto: &Proto) -> Result<Self, String> {
        let (mut manager, mut limit) = (None, None);
        for filter in &proto.filters {
            let Some(ConfigType::TypedConfig(packed)) = &filter.config_type else {
                return Err(format!(
                    "network filter {} has no configuration",
                    filter.name
                ));
            };
            if let Some(found) = any::unpack(packed) {
                manager = Some(found);
            } else if let (Some(found), None) = (any::unpack(packed), &limit) {
                limit = Some(connection_limit(&found)?);
            } else {
                return Err(format!(
                    "network filter {} is not implemented yet, or there twice",
                    filter.name
                ));
            }
        }
        Ok(Self {
            manager: manager.ok_or("no HTTP connection manager")?,
            limit: limit.flatten(),
        })
    }
}

/// The limit; `None` when it is switched off.
fn connection_limit(filter: &ConnectionLimitFilter) -> Result<Option<ConnectionLimit>, String> {
    let runtime = filter.runtime_enabled.as_ref();
    if runtime.is_some_and(|flag| !flag.default_value.is_none_or(|on| on.value)) {
        return Ok(None);
    }
    let most = filter
        .max_connections
        .as_ref()
        .filter(|most| most.value > 0);
    let most = most.ok_or("connection_limit without max_connections, or with 0")?;
    let delay = timeout(filter.delay.as_ref(), None).unwrap_or_default();
    let prefix = filter.stat_prefix.clone();
    Ok(Some(ConnectionLimit::new(prefix, most.value, delay)))
}

/// Ours: Envoy has no limit on a handshake, only on its first message (`listener_filters_timeout`,
/// 15 s by default). A client that never finishes must not hold a socket for ever.
const HANDSHAKE: Duration = Duration::from_secs(15);
