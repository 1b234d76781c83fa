// SPDX-License-Identifier: Apache-2.0
//! From a snapshot to a compiled plan.
//!
//! In: encoded xDS resources. Out: [`Plan`], immutable, shared by all workers, with everything a
//! request needs already parsed; and a list of what could not be compiled or is not enforced.
//! Resources whose version did not change are not compiled again.

mod access_log;
mod admission_control;
mod balancing;
mod breakers;
mod cluster;
mod compile;
mod connection_manager;
mod dns;
mod endpoint;
mod examine;
mod filter_chain;
mod filters;
mod hash_policy;
mod health_check;
mod host_set;
mod http2;
mod listener;
mod matcher;
mod mutation;
mod outlier;
mod protocol;
mod reads;
mod retry;
mod rewrite;
mod route;
mod socket_buffers;
mod tcp_proxy;
mod trace;
mod transport;
mod unsupported;
mod value;
mod zone_aware;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

pub(crate) use balancing::Balancing;
pub(crate) use breakers::Thresholds;
pub(crate) use cluster::{ClusterConfig, Discovery, Keepalive, Underscores};
pub(crate) use compile::Compiler;
pub(crate) use connection_manager::{
    CodecType, ConnectionManager, Routes, ServerHeader, StripPort,
};
pub(crate) use dns::{DnsConfig, DnsTimers, Family, ResolverConfig, Servers};
pub(crate) use endpoint::{Endpoint, Endpoints, Health};
pub use examine::{Examined, examine};
pub(crate) use filter_chain::{FilterChain, Serves, Transport};
pub(crate) use health_check::{Check, Events, Probe};
pub(crate) use http2::{Http2Keepalive, Http2Options};
pub(crate) use listener::ListenerPlan;
pub(crate) use matcher::string as string_match;
pub(crate) use socket_buffers::SocketBuffers;
pub(crate) use tcp_proxy::TcpProxy;
pub(crate) use value::data;
pub(crate) use zone_aware::NEEDS_ZONE;
#[cfg(feature = "bench")]
pub(crate) use {compile::Names as ClusterNames, route::compile as compile_routes};

use crate::{
    cluster::{ClusterId, ClusterShared},
    route::RouteTable,
    trace::Tracer,
};

/// Everything the workers enforce.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Listeners.
    pub(crate) listeners: Vec<Arc<ListenerPlan>>,
    /// Route configurations by name.
    pub(crate) routes: HashMap<Arc<str>, Arc<RouteTable>>,
    /// Clusters by id.
    pub(crate) clusters: Vec<Option<Arc<ClusterPlan>>>,
    /// Their ids by name, once somebody has asked.
    pub(crate) by_name: OnceLock<HashMap<Arc<str>, ClusterId>>,
}

/// One cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterPlan {
    /// Its settings.
    pub(crate) config: Arc<ClusterConfig>,
    /// Its endpoints.
    pub(crate) endpoints: Arc<Endpoints>,
    /// What its workers share; lives as long as `config`.
    pub(crate) shared: Arc<ClusterShared>,
}

impl Plan {
    /// The cluster with this id, if it exists now.
    pub(crate) fn cluster(&self, id: ClusterId) -> Option<&Arc<ClusterPlan>> {
        self.clusters.get(id.index())?.as_ref()
    }

    /// The cluster of this name, if it exists now.
    pub(crate) fn named(&self, name: &str) -> Option<ClusterId> {
        let ids = self.by_name.get_or_init(|| {
            let clusters = self.clusters.iter().flatten();
            let ids = clusters.map(|cluster| (cluster.config.name.clone(), cluster.config.id));
            ids.collect()
        });
        ids.get(name).copied()
    }

    /// The tracers of its connection managers; one that several have comes several times.
    pub(crate) fn tracers(&self) -> impl Iterator<Item = &Arc<Tracer>> {
        let listeners = self.listeners.iter();
        let chains = listeners.flat_map(|listener| listener.chains.all());
        chains.filter_map(|chain| match &chain.serves {
            Serves::Http(manager) => manager.tracing.as_ref()?.tracer.as_ref(),
            Serves::Tcp(_) => None,
        })
    }

    /// The names of routes that have numbers of their own.
    pub(crate) fn route_stat_names(&self) -> HashSet<&str> {
        let listeners = self.listeners.iter();
        let chains = listeners.flat_map(|listener| listener.chains.all());
        let inline = chains.filter_map(|chain| chain.inline_routes());
        let tables = self.routes.values().chain(inline);
        tables.flat_map(|table| table.stat_names()).collect()
    }
}

/// Circuit breaker sets, in Envoy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Priority {
    /// DEFAULT.
    #[default]
    Default,
    /// HIGH.
    High,
}
