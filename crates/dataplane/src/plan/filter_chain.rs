// SPDX-License-Identifier: Apache-2.0
//! The filter chains of a listener and the choice among them (`filter_chain_match`).
//!
//! In: filter chains, and the secrets they name. Out: the chain for what a client begins with: by
//! the name it asks for first (exact, then the longest wildcard, then chains without names), then by
//! whether it speaks TLS, then the default chain.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::listener::v3::{
            FilterChain as Proto, FilterChainMatch, Listener, filter::ConfigType,
        },
        extensions::{
            filters::network::{
                connection_limit::v3::ConnectionLimit as ConnectionLimitFilter,
                http_connection_manager::v3::HttpConnectionManager,
                tcp_proxy::v3::TcpProxy as TcpProxyFilter,
            },
            transport_sockets::tls::v3::DownstreamTlsContext,
        },
    },
};

use super::{
    ConnectionManager, Routes, TcpProxy,
    compile::Names,
    transport::{RAW, TLS, config},
    unsupported,
    value::timeout,
};
use crate::{
    listen::ConnectionLimit,
    log::AccessLogs,
    route::RouteTable,
    tls::{Certificate, DownstreamTls, MissingSecret},
};

/// A filter chain.
#[derive(Debug)]
pub(crate) struct FilterChain {
    /// What becomes of its connections.
    pub(crate) serves: Serves,
    /// How many connections it takes.
    pub(crate) limit: Option<ConnectionLimit>,
    /// What lies below that.
    pub(crate) transport: Transport,
    /// Longest time for a handshake.
    pub(crate) handshake_timeout: Duration,
}

/// The last filter of a chain.
#[derive(Debug)]
pub(crate) enum Serves {
    /// HTTP.
    Http(Arc<ConnectionManager>),
    /// Bytes.
    Tcp(Arc<TcpProxy>),
}

impl Serves {
    /// Its access logs.
    pub(super) fn logs(&self) -> &AccessLogs {
        match self {
            Self::Http(manager) => &manager.logs,
            Self::Tcp(proxy) => &proxy.logs,
        }
    }
}

/// What lies below HTTP or bytes.
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
    exact: HashMap<String, ByProtocol>,
    /// By what follows the `*`.
    wildcards: HashMap<String, ByProtocol>,
    unnamed: ByProtocol,
    /// `default_filter_chain`.
    default: Option<Arc<FilterChain>>,
    /// Whether the choice depends on what a client begins with.
    pub(super) chooses: bool,
    /// Whether there is TLS.
    pub(super) tls: bool,
    /// Settings seen here that are not enforced.
    pub(super) unsupported: Vec<&'static str>,
    /// Secrets that do not exist.
    pub(super) missing: Vec<String>,
}

/// The chains for one name (`transport_protocol`).
#[derive(Debug, Default)]
struct ByProtocol {
    tls: Option<Arc<FilterChain>>,
    raw: Option<Arc<FilterChain>>,
    any: Option<Arc<FilterChain>>,
}

impl FilterChain {
    /// The routes that it holds itself.
    pub(crate) fn inline_routes(&self) -> Option<&Arc<RouteTable>> {
        match &self.serves {
            Serves::Http(manager) => match &manager.routes {
                Routes::Inline(table) => Some(table),
                Routes::Named(_) => None,
            },
            Serves::Tcp(_) => None,
        }
    }
}

impl ByProtocol {
    fn find(&self, tls: bool) -> Option<&Arc<FilterChain>> {
        let special = if tls { &self.tls } else { &self.raw };
        special.as_ref().or(self.any.as_ref())
    }

    fn all(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        [&self.tls, &self.raw, &self.any].into_iter().flatten()
    }
}

impl FilterChains {
    /// Compiles a listener's chains.
    pub(super) fn compile(
        listener: &Listener,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut Names,
    ) -> Result<Self, String> {
        let mut chains = Self::default();
        chains
            .unsupported
            .extend(unsupported::of_listener(listener));
        for proto in &listener.filter_chains {
            let chain = Arc::new(chains.chain(proto, secrets, names)?);
            let unnamed = FilterChainMatch::default();
            let conditions = proto.filter_chain_match.as_ref().unwrap_or(&unnamed);
            chains.add(conditions, &chain)?;
        }
        if let Some(proto) = &listener.default_filter_chain {
            chains.default = Some(Arc::new(chains.chain(proto, secrets, names)?));
        }
        if chains.all().next().is_none() {
            return Err("no filter chain".to_owned());
        }
        chains.unsupported.sort_unstable();
        chains.unsupported.dedup();
        Ok(chains)
    }

    /// Every chain; one that is found under several names comes several times.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        let named = self.exact.values().chain(self.wildcards.values());
        let matched = named.chain([&self.unnamed]).flat_map(ByProtocol::all);
        matched.chain(&self.default)
    }

    /// The chain for a client that asks for this name, in lower case. As in Envoy, the first name
    /// that fits decides, even if the client's protocol then fits none of its chains.
    pub(crate) fn find(&self, name: Option<&str>, tls: bool) -> Option<&Arc<FilterChain>> {
        let named = name.and_then(|name| {
            if let Some(chains) = self.exact.get(name) {
                return Some(chains);
            }
            let dots = name.match_indices('.').map(|(at, _)| &name[at..]);
            dots.filter_map(|suffix| self.wildcards.get(suffix)).next()
        });
        let matched = named.unwrap_or(&self.unnamed).find(tls);
        matched.or(self.default.as_ref())
    }

    /// Puts a chain where clients that fit its conditions find it.
    fn add(
        &mut self,
        conditions: &FilterChainMatch,
        chain: &Arc<FilterChain>,
    ) -> Result<(), String> {
        unsupported::refuse_conditions(conditions)?;
        let protocol = conditions.transport_protocol.as_str();
        self.chooses |= !conditions.server_names.is_empty() || !protocol.is_empty();
        let put = |name: &str, chains: &mut ByProtocol| {
            let slot = match protocol {
                "" => &mut chains.any,
                "tls" => &mut chains.tls,
                "raw_buffer" => &mut chains.raw,
                other => return Err(format!("transport_protocol {other} is not implemented")),
            };
            match slot.replace(chain.clone()) {
                Some(_) => Err(format!("two filter chains match {name}")),
                None => Ok(()),
            }
        };
        if conditions.server_names.is_empty() {
            return put("every name", &mut self.unnamed);
        }
        for name in &conditions.server_names {
            let name = name.to_ascii_lowercase();
            let chains = match name.strip_prefix('*') {
                Some(suffix) => self.wildcards.entry(suffix.to_owned()),
                None => self.exact.entry(name.clone()),
            };
            put(&name, chains.or_default())?;
        }
        Ok(())
    }

    fn chain(
        &mut self,
        proto: &Proto,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut Names,
    ) -> Result<FilterChain, String> {
        let Filters { last, limit } = Filters::of(proto)?;
        let transport = self.transport(proto, secrets)?;
        self.tls |= !matches!(transport, Transport::Raw);
        if let Transport::Tls(tls) = &transport {
            self.unsupported.extend(&tls.unsupported);
        }
        let serves = match last {
            Last::Http(manager) => {
                self.unsupported.extend(unsupported::of_manager(&manager));
                Serves::Http(Arc::new(ConnectionManager::compile(&manager, names)?))
            }
            Last::Tcp(proxy) => {
                self.unsupported.extend(unsupported::of_tcp_proxy(&proxy));
                Serves::Tcp(Arc::new(TcpProxy::compile(&proxy, names)?))
            }
        };
        let patience = proto.transport_socket_connect_timeout.as_ref();
        let chain = FilterChain {
            serves,
            limit,
            transport,
            handshake_timeout: timeout(patience, None).unwrap_or(HANDSHAKE),
        };
        if let Some(table) = chain.inline_routes() {
            self.unsupported.extend(&table.unsupported);
        }
        Ok(chain)
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
    last: Last,
    limit: Option<ConnectionLimit>,
}

/// The filter that the others stand in front of.
enum Last {
    Http(Box<HttpConnectionManager>),
    Tcp(Box<TcpProxyFilter>),
}

impl Filters {
    /// Reads them. One that would not be enforced is an error: it may be what keeps somebody out.
    fn of(proto: &Proto) -> Result<Self, String> {
        let (mut last, mut limit) = (None, None);
        for filter in &proto.filters {
            let Some(ConfigType::TypedConfig(packed)) = &filter.config_type else {
                return Err(format!(
                    "network filter {} has no configuration",
                    filter.name
                ));
            };
            if let (Some(found), None) = (any::unpack(packed), &last) {
                last = Some(Last::Http(Box::new(found)));
            } else if let (Some(found), None) = (any::unpack(packed), &last) {
                last = Some(Last::Tcp(Box::new(found)));
            } else if let (Some(found), None, None) = (any::unpack(packed), &limit, &last) {
                limit = Some(connection_limit(&found)?);
            } else {
                return Err(format!(
                    "network filter {} is not implemented yet, there twice, or behind the last one",
                    filter.name
                ));
            }
        }
        Ok(Self {
            last: last.ok_or("no HTTP connection manager and no TCP proxy")?,
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
