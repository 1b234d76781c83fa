// SPDX-License-Identifier: Apache-2.0
//! Phase: pick host.
//!
//! In: the route's backends. Out: a backend by weight, its cluster on this worker, and a host by
//! the cluster's balancer. What the cluster demands of requests is checked here.

use std::rc::Rc;

use super::{exchange::Exchange, facts, hash, retry, session::Session};
use crate::{
    balance::Overrides,
    cluster::{Host, LocalCluster},
    failure::Failure,
    http::RequestHead,
    plan::Underscores,
    route::{Backend, RouteAction, Selector},
};

/// Where the request goes.
pub(super) struct Target<'a> {
    /// The route.
    pub(super) action: &'a RouteAction,
    /// The backend.
    pub(super) backend: &'a Backend,
    /// Its cluster.
    pub(super) cluster: Rc<LocalCluster>,
    /// The host.
    pub(super) host: Rc<Host>,
}

/// Picks.
pub(super) fn pick_host<'a>(
    session: &Session,
    exchange: &mut Exchange,
    action: &'a RouteAction,
) -> Result<Target<'a>, Failure> {
    let (backend, cluster) = match action.backends.selector {
        Selector::Random => {
            let backend = action.backends.draw();
            let cluster = backend.and_then(|backend| session.worker.cluster(backend.cluster));
            (backend, cluster)
        }
        _ => choose(session, exchange, action),
    };
    let (Some(backend), Some(cluster)) = (backend, cluster) else {
        session.stats.no_cluster.inc();
        return Err(Failure::NoCluster(action.cluster_not_found));
    };
    exchange.record.mutations = Some(backend.response_headers.clone());
    facts::keep_received(session, exchange);
    exchange.record.upstream_limit = cluster.config.max_stream_duration;
    exchange.record.cluster = Some(cluster.stats.clone());
    if let Some(trace) = &mut exchange.record.trace {
        trace.cluster = Some(cluster.config.clone());
    }
    let host = host_of(session, exchange, action, &cluster).inspect_err(|_| {
        exchange.record.cluster_name = Some(cluster.config.name.clone());
    })?;
    exchange.record.host = Some(host.clone());
    Ok(Target {
        action,
        backend,
        cluster,
        host,
    })
}

/// The backend and the cluster where something of the request decides.
fn choose<'a>(
    session: &Session,
    exchange: &Exchange,
    action: &'a RouteAction,
) -> (Option<&'a Backend>, Option<Rc<LocalCluster>>) {
    let choice = &action.backends;
    let value = |name| hash::header(session, exchange, name);
    let number = match &choice.selector {
        Selector::ClusterHeader(name) => {
            let cluster = value(name).and_then(|name| session.worker.cluster_named(name));
            return (choice.backends.first(), cluster);
        }
        Selector::Hash => hash::of_route(session, exchange, &action.hash_policies),
        Selector::Header(name) => {
            let text = value(name).and_then(|value| std::str::from_utf8(value).ok());
            text.and_then(|text| text.parse().ok())
        }
        Selector::Random => None,
    };
    let backend = choice.at(number.unwrap_or_else(|| fastrand::u64(..)));
    let cluster = backend.and_then(|backend| session.worker.cluster(backend.cluster));
    (backend, cluster)
}

/// A host for a request that the cluster takes.
fn host_of(
    session: &Session,
    exchange: &mut Exchange,
    action: &RouteAction,
    cluster: &LocalCluster,
) -> Result<Rc<Host>, Failure> {
    let message = &exchange.request.message;
    if cluster.config.limits_requests && message.fields.len() > cluster.config.max_headers_count {
        return Err(Failure::ClusterHeaders);
    }
    if message.underscores && cluster.config.underscores == Underscores::Reject {
        return Err(Failure::ClusterUnderscore);
    }
    let hash = hash::hash(session, exchange, cluster, &action.hash_policies);
    exchange.retry.hash = hash;
    let overrides = &mut exchange.retry.overrides;
    name_hosts(session, &exchange.request, cluster, overrides);
    cluster.pick(hash, overrides).ok_or_else(|| {
        cluster.stats.upstream_cx_none_healthy.inc();
        Failure::NoHealthyUpstream
    })
}

/// Adds the hosts that a request names itself.
pub(super) fn name_hosts(
    session: &Session,
    request: &RequestHead,
    cluster: &LocalCluster,
    overrides: &mut Overrides,
) {
    let bytes = session.inbox.bytes();
    for name in &cluster.config.balancing.override_headers {
        // Only the first line of that name counts.
        let mut fields = request.message.fields.iter();
        let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
        if let Some(field) = fields.find(|field| same(field.name.of(bytes))) {
            overrides.add(field.value.of(bytes));
        }
    }
}

/// Picks another host of the same cluster for a retry.
pub(super) fn pick_again(exchange: &mut Exchange, target: &mut Target<'_>) -> Result<(), Failure> {
    let Some(host) = retry::pick(exchange, target) else {
        target.cluster.stats.upstream_cx_none_healthy.inc();
        return Err(Failure::NoHealthyUpstream);
    };
    exchange.record.host = Some(host.clone());
    target.host = host;
    Ok(())
}
