// SPDX-License-Identifier: Apache-2.0
//! Settings of a listener.
//!
//! In: a Listener resource. Out: its address, what happens in front of its filter chains, and these,
//! with Envoy's defaults filled in.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use sluicegate_snapshot::Version;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::{Address, address, proxy_protocol_config::Version as ProxyVersion},
            listener::v3::{Listener, ListenerFilter, listener_filter},
        },
        extensions::filters::listener::{
            proxy_protocol::v3::ProxyProtocol as ProxyProtocolFilter,
            tls_inspector::v3::TlsInspector,
        },
    },
    prost::{Message, Name},
};

use super::{
    access_log,
    compile::Names as ClusterNames,
    filter_chain::FilterChains,
    value::{number, socket_address, timeout},
};
use crate::{
    listen::{Inspection, ProxyProtocol},
    log::{AccessLogs, LogFiles},
    tls::Certificate,
};

/// A listener.
#[derive(Debug)]
pub(crate) struct ListenerPlan {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Hash of the resource.
    pub(crate) version: Version,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whether a socket on `::` takes IPv4 as well.
    pub(crate) ipv4_compat: bool,
    /// Bytes held per connection.
    pub(crate) buffer_limit: usize,
    /// `ignore_global_conn_limit`.
    pub(crate) ignore_global_limit: bool,
    /// Header in front of everything on a connection.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// Whether, and how, what a client begins with is looked at.
    pub(crate) inspection: Option<Inspection>,
    /// `listener_filters_timeout`, for that header and for a TLS client's first message.
    pub(crate) filters_timeout: Option<Duration>,
    /// Its filter chains.
    pub(crate) chains: FilterChains,
    /// `access_log`, of connections.
    pub(crate) logs: AccessLogs,
    /// Settings seen here that are not enforced yet.
    pub(crate) unsupported: Vec<&'static str>,
}

impl ListenerPlan {
    /// Compiles a listener.
    pub(super) fn compile(
        listener: &Listener,
        version: Version,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut ClusterNames,
    ) -> Result<Self, String> {
        let ListenerFilters {
            proxy_protocol,
            tls_inspector,
        } = ListenerFilters::of(listener)?;
        let chains = FilterChains::compile(listener, secrets, names)?;
        Ok(Self {
            name: listener.name.as_str().into(),
            version,
            address: socket_address(listener.address.as_ref())?,
            ipv4_compat: ipv4_compat(listener.address.as_ref()),
            buffer_limit: number(listener.per_connection_buffer_limit_bytes.as_ref())
                .map_or(BUFFER_LIMIT, |limit| limit as usize),
            ignore_global_limit: listener.ignore_global_conn_limit,
            proxy_protocol,
            // As Envoy does, a listener is given the filter that its chains need.
            inspection: tls_inspector
                .or(chains.chooses.then(Inspection::default))
                .or(chains.tls.then(Inspection::uncounted)),
            filters_timeout: timeout(
                listener.listener_filters_timeout.as_ref(),
                Some(FILTERS_TIMEOUT),
            ),
            unsupported: chains.unsupported.clone(),
            logs: access_log::compile(&listener.access_log)?,
            chains,
        })
    }

    /// Opens the files of all access logs.
    pub(super) fn open_logs(&self, files: &LogFiles) -> Result<(), String> {
        let of_chains = self.chains.all().map(|chain| chain.serves.logs());
        let mut all = of_chains.chain([&self.logs]);
        all.try_for_each(|logs| logs.open(files))
    }
}

/// What happens in front of the filter chains.
#[derive(Default)]
struct ListenerFilters {
    proxy_protocol: Option<ProxyProtocol>,
    tls_inspector: Option<Inspection>,
}

impl ListenerFilters {
    fn of(listener: &Listener) -> Result<Self, String> {
        let mut found = Self::default();
        for filter in &listener.listener_filters {
            match filter.name.as_str() {
                "envoy.filters.listener.tls_inspector" => {
                    found.tls_inspector = Some(tls_inspector(&config(filter)?));
                }
                "envoy.filters.listener.proxy_protocol" => {
                    found.proxy_protocol = Some(proxy_protocol(&config(filter)?));
                }
                other => return Err(format!("listener filter {other} is not implemented yet")),
            }
        }
        Ok(found)
    }
}

fn config<M: Message + Name + Default>(filter: &ListenerFilter) -> Result<M, String> {
    let packed = match &filter.config_type {
        Some(listener_filter::ConfigType::TypedConfig(packed)) => any::unpack(packed),
        _ => None,
    };
    packed.ok_or_else(|| format!("listener filter {} does not decode", filter.name))
}

fn tls_inspector(config: &TlsInspector) -> Inspection {
    let longest = number(config.max_client_hello_size.as_ref());
    let default = Inspection::default();
    Inspection {
        longest: longest.map_or(default.longest, |longest| longest as usize),
        strict: config.close_connection_on_client_hello_parsing_errors,
        ..default
    }
}

fn proxy_protocol(config: &ProxyProtocolFilter) -> ProxyProtocol {
    let accepts = |version: ProxyVersion| !config.disallowed_versions.contains(&(version as i32));
    ProxyProtocol {
        optional: config.allow_requests_without_proxy_protocol,
        v1: accepts(ProxyVersion::V1),
        v2: accepts(ProxyVersion::V2),
    }
}

fn ipv4_compat(address: Option<&Address>) -> bool {
    match address.and_then(|address| address.address.as_ref()) {
        Some(address::Address::SocketAddress(socket)) => socket.ipv4_compat,
        _ => false,
    }
}

// Envoy defaults.
const BUFFER_LIMIT: usize = 1024 * 1024;
const FILTERS_TIMEOUT: Duration = Duration::from_secs(15);
