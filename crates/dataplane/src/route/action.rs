// SPDX-License-Identifier: Apache-2.0
//! What a matched route does.
//!
//! In: the compiled route. Out: a backend, a redirect or a direct response.

use std::{sync::Arc, time::Duration};

use regex::bytes::Regex;

use super::{Mutations, RouteMatch};
use crate::{
    balance::HashPolicy, cluster::ClusterId, connect::ProxyProtocol, filter::Filters,
    plan::Priority, retry::RetryPolicy, trace::RouteTracing,
};

/// A route.
#[derive(Debug, Default)]
pub(crate) struct Route {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// When it applies.
    pub(crate) matcher: RouteMatch,
    /// What it does.
    pub(crate) action: Action,
    /// Response header changes of route and virtual host, for answers made here.
    pub(crate) response_headers: Arc<Mutations>,
    /// Its HTTP filters.
    pub(crate) filters: Option<Arc<Filters>>,
    /// What it says about tracing.
    pub(crate) tracing: Option<Arc<RouteTracing>>,
}

/// The actions.
#[derive(Debug)]
pub(crate) enum Action {
    /// Answer here.
    Direct(DirectResponse),
    /// Send the client elsewhere.
    Redirect(Redirect),
    /// Forward.
    Route(Box<RouteAction>),
}

impl Default for Action {
    fn default() -> Self {
        Self::Direct(DirectResponse::default())
    }
}

/// A fixed answer.
#[derive(Debug, Default)]
pub(crate) struct DirectResponse {
    /// The code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// A redirect.
#[derive(Debug)]
pub(crate) struct Redirect {
    /// `scheme_redirect` or `https_redirect`.
    pub(crate) scheme: Option<Box<[u8]>>,
    /// `host_redirect`.
    pub(crate) host: Option<Box<[u8]>>,
    /// `port_redirect`.
    pub(crate) port: Option<u16>,
    /// `path_redirect` or `prefix_rewrite`.
    pub(crate) path: PathRewrite,
    /// `response_code`.
    pub(crate) status: u16,
    /// `strip_query`.
    pub(crate) strip_query: bool,
}

/// How the path changes.
#[derive(Debug, Default)]
pub(crate) enum PathRewrite {
    /// Not.
    #[default]
    None,
    /// The matched part (this many bytes; all of it for an exact match) is replaced.
    Prefix(usize, Box<[u8]>),
    /// Every match of the expression is replaced.
    Regex(Regex, Box<[u8]>),
    /// The whole path is replaced.
    Full(Box<[u8]>),
}

/// Forwarding.
#[derive(Debug)]
pub(crate) struct RouteAction {
    /// `<virtual host>.route.<stat_prefix>`, where the route has a `stat_prefix`.
    pub(crate) stat_name: Option<Box<str>>,
    /// Where to.
    pub(crate) backends: Choice,
    /// Answer for a cluster that does not exist.
    pub(crate) cluster_not_found: u16,
    /// Route timeout; `None` when off, which any `max_stream_duration` does.
    pub(crate) timeout: Option<Duration>,
    /// Overrides the listener's stream idle timeout; zero is off.
    pub(crate) idle_timeout: Option<Duration>,
    /// Overrides the listener's maximum stream duration; zero is off.
    pub(crate) max_stream_duration: Option<Duration>,
    /// What `grpc-timeout` does.
    pub(crate) grpc_timeout: Option<GrpcTimeout>,
    /// Path rewrite.
    pub(crate) path: PathRewrite,
    /// `host_rewrite_literal`.
    pub(crate) host: Option<Box<[u8]>>,
    /// `auto_host_rewrite`.
    pub(crate) auto_host: bool,
    /// `append_x_forwarded_host`.
    pub(crate) forwarded_host: bool,
    /// Copies of the request.
    pub(crate) mirrors: Vec<Mirror>,
    /// Upgrade types allowed or refused here, lower case.
    pub(crate) upgrades: Vec<(Box<[u8]>, bool)>,
    /// `connect_config`: tunnels end here.
    pub(crate) connect: Option<ConnectConfig>,
    /// What chooses the host, for balancers that hash.
    pub(crate) hash_policies: Vec<HashPolicy>,
    /// Circuit breaker set.
    pub(crate) priority: Priority,
    /// Its own retry policy, or the virtual host's.
    pub(crate) retry: Option<RetryPolicy>,
    /// How much of a body is kept for retries.
    pub(crate) buffer: BufferLimits,
    /// `include_request_attempt_count`.
    pub(crate) count_attempts: bool,
    /// `include_attempt_count_in_response`.
    pub(crate) tell_attempts: bool,
}

/// `connect_config`.
#[derive(Debug)]
pub(crate) struct ConnectConfig {
    /// What the host is told of the client.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
}

/// Limits on what is kept of a request's body, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BufferLimits {
    /// `request_body_buffer_limit`; wins over everything else.
    pub(crate) request_body: Option<usize>,
    /// `per_request_buffer_limit_bytes`; can only lower the listener's limit.
    pub(crate) per_request: Option<usize>,
}

impl BufferLimits {
    /// The limit where the listener's is `listener`.
    pub(crate) fn limit(&self, listener: usize) -> usize {
        let lowered = self
            .per_request
            .map_or(listener, |limit| limit.min(listener));
        self.request_body.unwrap_or(lowered)
    }
}

/// What `grpc-timeout` of a request does. Zero as a maximum is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrpcTimeout {
    /// `max_grpc_timeout`: it takes the place of the route timeout, for gRPC.
    Route {
        /// The longest; also what counts without the field.
        max: Duration,
        /// `grpc_timeout_offset`, subtracted.
        offset: Duration,
    },
    /// `max_stream_duration.grpc_timeout_header_max`: it limits the stream.
    Stream {
        /// The longest.
        max: Duration,
        /// `grpc_timeout_header_offset`, subtracted.
        offset: Duration,
    },
}

/// Clusters with weights.
#[derive(Debug)]
pub(crate) struct Choice {
    /// The candidates.
    pub(crate) backends: Vec<Backend>,
    /// Sum of weights.
    pub(crate) total: u32,
    /// What chooses among them.
    pub(crate) selector: Selector,
}

/// What chooses among clusters.
#[derive(Debug, Default)]
pub(crate) enum Selector {
    /// `cluster_header`: this header names the cluster of the only candidate.
    ClusterHeader(Box<str>),
    /// `weighted_clusters.use_hash_policy`: the hash of the route's policies.
    Hash,
    /// `weighted_clusters.header_name`: the number in this header.
    Header(Box<str>),
    /// Chance.
    #[default]
    Random,
}

/// One candidate.
#[derive(Debug)]
pub(crate) struct Backend {
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// Its weight.
    pub(crate) weight: u32,
    /// Host rewrite of this candidate, which wins over the route's.
    pub(crate) host: Option<Box<[u8]>>,
    /// Request header changes of candidate, route and virtual host.
    pub(crate) request_headers: Mutations,
    /// Response header changes of candidate, route and virtual host.
    pub(crate) response_headers: Arc<Mutations>,
}

/// A copy of the request for another cluster.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// Share of requests in millionths.
    pub(crate) share: u32,
}

impl Choice {
    /// Draws a candidate; `None` when all weights are zero.
    pub(crate) fn draw(&self) -> Option<&Backend> {
        if let [only] = self.backends.as_slice() {
            return (self.total > 0).then_some(only);
        }
        self.at(fastrand::u64(..))
    }

    /// The candidate for a number that stands for chance; `None` when all weights are zero.
    pub(crate) fn at(&self, number: u64) -> Option<&Backend> {
        let place = number.checked_rem(self.total.into())?;
        let mut at = u32::try_from(place).unwrap_or(u32::MAX);
        self.backends.iter().find(|backend| {
            let hit = at < backend.weight;
            at = at.saturating_sub(backend.weight);
            hit
        })
    }
}
