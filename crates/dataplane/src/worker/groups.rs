// SPDX-License-Identifier: Apache-2.0
//! The numbers of one worker, by what they are about.
//!
//! In: names of clusters, listeners, routes and stat prefixes. Out: the group of each, registered at
//! its first use.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use sluicegate_stats::{Group, Registry};

use super::Worker;
use crate::{
    filter::Compressor,
    plan::Plan,
    stats::{
        AdmissionControlStats, BandwidthLimitStats, ClusterStats, CompressionStats,
        CompressorStats, ConnectionLimitStats, FaultStats, HttpStats, ListenerStats,
        RateLimitStats, RouteStats, SslStats, TcpStats,
    },
};

type Named<G> = RefCell<HashMap<String, Arc<G>>>;

/// The groups that were asked for.
pub(super) struct Groups {
    registry: Registry,
    clusters: Named<ClusterStats>,
    cluster_ssl: Named<SslStats>,
    admission: Named<AdmissionControlStats>,
    http: Named<HttpStats>,
    listeners: Named<ListenerStats>,
    listener_ssl: Named<SslStats>,
    tcp: Named<TcpStats>,
    limits: Named<ConnectionLimitStats>,
    routes: Named<RouteStats>,
    faults: Named<FaultStats>,
    rate_limits: Named<RateLimitStats>,
    bandwidth_limits: Named<BandwidthLimitStats>,
    compression: Named<CompressionStats>,
    compressors: Named<CompressorStats>,
}

impl Groups {
    /// Groups of `registry`.
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            clusters: Named::default(),
            cluster_ssl: Named::default(),
            admission: Named::default(),
            http: Named::default(),
            listeners: Named::default(),
            listener_ssl: Named::default(),
            tcp: Named::default(),
            limits: Named::default(),
            routes: Named::default(),
            faults: Named::default(),
            rate_limits: Named::default(),
            bandwidth_limits: Named::default(),
            compression: Named::default(),
            compressors: Named::default(),
        }
    }

    /// The numbers of a cluster.
    pub(super) fn cluster(&self, name: &str) -> Arc<ClusterStats> {
        self.of(&self.clusters, ["cluster.", name, ""])
    }

    /// Its TLS numbers.
    pub(super) fn cluster_ssl(&self, name: &str) -> Arc<SslStats> {
        self.of(&self.cluster_ssl, ["cluster.", name, ".ssl"])
    }

    /// The numbers of its admission control.
    pub(super) fn admission(&self, name: &str) -> Arc<AdmissionControlStats> {
        self.of(&self.admission, ["cluster.", name, ".admission_control"])
    }

    /// Lets go of a cluster that is gone.
    pub(super) fn forget_cluster(&self, name: &str) {
        self.clusters.borrow_mut().remove(name);
        self.cluster_ssl.borrow_mut().remove(name);
        self.admission.borrow_mut().remove(name);
    }

    /// Lets go of routes that are not in `plan`.
    pub(super) fn forget_routes(&self, plan: &Plan) {
        let mut routes = self.routes.borrow_mut();
        if !routes.is_empty() {
            let names = plan.route_stat_names();
            routes.retain(|name, _| names.contains(name.as_str()));
        }
    }

    /// The group whose family, name and section these are. Nothing is written down for one that is
    /// known: filters ask at every request.
    fn of<G: Group + Default + 'static>(
        &self,
        groups: &Named<G>,
        [family, name, section]: [&str; 3],
    ) -> Arc<G> {
        if let Some(group) = groups.borrow().get(name) {
            return group.clone();
        }
        let group = Arc::<G>::default();
        let registry = &self.registry;
        registry.register(&format!("{family}{name}{section}."), &group);
        groups.borrow_mut().insert(name.to_owned(), group.clone());
        group
    }
}

impl Worker {
    /// The numbers of a connection manager.
    pub(crate) fn http_stats(&self, prefix: &str) -> Arc<HttpStats> {
        let groups = &self.groups;
        groups.of(&groups.http, ["http.", prefix, ""])
    }

    /// The numbers of a listener.
    pub(crate) fn listener_stats(&self, address: &str) -> Arc<ListenerStats> {
        let groups = &self.groups;
        groups.of(&groups.listeners, ["listener.", address, ""])
    }

    /// The numbers of a TCP proxy.
    pub(crate) fn tcp_stats(&self, prefix: &str) -> Arc<TcpStats> {
        let groups = &self.groups;
        groups.of(&groups.tcp, ["tcp.", prefix, ""])
    }

    /// The numbers of a connection limit.
    pub(crate) fn limit_stats(&self, prefix: &str) -> Arc<ConnectionLimitStats> {
        let groups = &self.groups;
        groups.of(&groups.limits, ["connection_limit.", prefix, ""])
    }

    /// The numbers of a route: `<virtual host>.route.<stat_prefix>`.
    pub(crate) fn route_stats(&self, name: &str) -> Arc<RouteStats> {
        let groups = &self.groups;
        groups.of(&groups.routes, ["vhost.", name, ""])
    }

    /// The numbers of a connection manager's fault filter.
    pub(crate) fn fault_stats(&self, prefix: &str) -> Arc<FaultStats> {
        let groups = &self.groups;
        groups.of(&groups.faults, ["http.", prefix, ".fault"])
    }

    /// The numbers of local rate limits.
    pub(crate) fn rate_limit_stats(&self, prefix: &str) -> Arc<RateLimitStats> {
        let groups = &self.groups;
        let name = ["", prefix, ".http_local_rate_limit"];
        groups.of(&groups.rate_limits, name)
    }

    /// The numbers of bandwidth limits.
    pub(crate) fn bandwidth_limit_stats(&self, prefix: &str) -> Arc<BandwidthLimitStats> {
        let groups = &self.groups;
        let name = ["", prefix, ".http_bandwidth_limit"];
        groups.of(&groups.bandwidth_limits, name)
    }

    /// The numbers of a compressor of a connection manager.
    pub(crate) fn compressor_stats(
        &self,
        prefix: &str,
        compressor: &Compressor,
    ) -> Arc<CompressorStats> {
        let groups = &self.groups;
        let name = compressor.stat_name(prefix);
        groups.of(&groups.compressors, ["http.", &name, ""])
    }

    /// The same for messages of one direction.
    pub(crate) fn compression_stats(
        &self,
        prefix: &str,
        compressor: &Compressor,
        request: bool,
    ) -> Arc<CompressionStats> {
        let groups = &self.groups;
        let mut name = compressor.stat_name(prefix);
        match (request, compressor.by_direction) {
            (true, _) => name += ".request",
            (false, true) => name += ".response",
            (false, false) => {}
        }
        groups.of(&groups.compression, ["http.", &name, ""])
    }

    /// The TLS numbers of a listener.
    pub(crate) fn listener_ssl_stats(&self, address: &str) -> Arc<SslStats> {
        let groups = &self.groups;
        groups.of(&groups.listener_ssl, ["listener.", address, ".ssl"])
    }
}
