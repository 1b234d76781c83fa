// SPDX-License-Identifier: Apache-2.0
//! The inner steps of a request, for benchmarks; only with the feature `bench`.
//!
//! In: what a step works on, made ready beforehand. Out: a step that can be repeated.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use sluicegate_xds::pb::envoy::{
    config::route::v3::RouteConfiguration,
    extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
};
use tokio::time::Instant;

use crate::{
    balance::{
        Balancer, HashTable, LeastRequest, ListedHost, Pick, Policy, RingConfig, TABLE_SIZE,
        WeighedHost,
    },
    http::{
        Clock, DownstreamResponse, Limits, NameCase, Parsed, RequestHead, ResponseHead,
        UpstreamRequest,
    },
    plan::{ClusterNames, ConnectionManager, compile_routes},
    route::{Mutations, PathRewrite, RequestView, RouteTable},
};

/// Heads, parsed and written again and again into the same buffers.
pub struct Heads {
    manager: ConnectionManager,
    mutations: Mutations,
    clock: Clock,
    now: Instant,
    request: RequestHead,
    response: ResponseHead,
    out: Vec<u8>,
}

impl Heads {
    /// With the settings of this connection manager.
    ///
    /// # Errors
    /// What the manager asks for is not implemented.
    pub fn new(manager: &HttpConnectionManager) -> Result<Self, String> {
        Ok(Self {
            manager: ConnectionManager::compile(manager, &mut ClusterNames::default())?,
            mutations: Mutations::default(),
            clock: Clock::default(),
            now: Instant::now(),
            request: RequestHead::default(),
            response: ResponseHead::default(),
            out: Vec::new(),
        })
    }

    /// Parses a request head; whether it is complete.
    pub fn parse_request(&mut self, bytes: &[u8]) -> bool {
        self.request.parse(bytes, LIMITS) == Ok(Parsed::Complete)
    }

    /// Parses a response head; whether it is complete.
    pub fn parse_response(&mut self, bytes: &[u8]) -> bool {
        self.response.parse(bytes, LIMITS) == Ok(Parsed::Complete)
    }

    /// Writes the request that was parsed last as it goes upstream; its length.
    pub fn write_request(&mut self, bytes: &[u8]) -> usize {
        self.out.clear();
        UpstreamRequest {
            bytes,
            head: &self.request,
            manager: &self.manager,
            client: "10.0.0.1",
            peer: "10.0.0.1",
            scheme: b"http",
            mutations: &self.mutations,
            case: NameCase::Lower,
            host: None,
            forwarded_host: false,
            path: &PathRewrite::None,
            drop_underscores: false,
            expected_timeout: Some(Duration::from_secs(15)),
            attempt: None,
            upgrade: false,
            http2: false,
            grpc_timeout: None,
            length: None,
            hides_accept: false,
            trace: None,
            shadow: None,
        }
        .push(&mut self.out);
        self.out.len()
    }

    /// Writes the response that was parsed last as it goes to the client; its length.
    pub fn write_response(&mut self, bytes: &[u8]) -> usize {
        self.out.clear();
        DownstreamResponse {
            bytes,
            head: &self.response,
            manager: &self.manager,
            mutations: &self.mutations,
            case: NameCase::Lower,
            service_time: Some(Duration::from_millis(3)),
            close: false,
            chunked: false,
            empty: false,
            tunnel: false,
            upgrade: None,
            attempts: None,
            edits: &Vec::new(),
            operation: None,
            added: &[],
            set_cookies: &[],
            clock: &self.clock,
            now: self.now,
        }
        .push(&mut self.out);
        self.out.len()
    }
}

/// Routes with one request to match.
pub struct Matching {
    table: RouteTable,
    head: RequestHead,
    bytes: Vec<u8>,
}

impl Matching {
    /// A request of these bytes against these routes.
    ///
    /// # Errors
    /// The routes cannot be compiled, or the request is not one.
    pub fn new(routes: &RouteConfiguration, request: &[u8]) -> Result<Self, String> {
        let mut head = RequestHead::default();
        head.parse(request, LIMITS)
            .map_err(|error| format!("{error:?}"))?;
        Ok(Self {
            table: compile_routes(routes, &mut ClusterNames::default())?,
            head,
            bytes: request.to_vec(),
        })
    }

    /// Whether a route matches.
    pub fn find(&self) -> bool {
        let view = RequestView::new(&self.bytes, &self.head, b"http");
        self.table.find(&view).is_some()
    }
}

/// A load balancer over healthy hosts of equal weight.
pub struct Picking {
    balancer: Balancer,
    rng: Rng,
    hash: u64,
}

impl Picking {
    /// `lb_policy` by its name in Envoy's API, with default settings.
    pub fn new(policy: &str, hosts: usize) -> Option<Self> {
        let policy = match policy {
            "LEAST_REQUEST" => Policy::LeastRequest(LeastRequest::default(), None),
            "MAGLEV" => Policy::Maglev(TABLE_SIZE),
            "RANDOM" => Policy::Random,
            "RING_HASH" => Policy::RingHash(RingConfig::default()),
            "ROUND_ROBIN" => Policy::RoundRobin(None),
            _ => return None,
        };
        let weighed = (0..hosts).map(|at| WeighedHost {
            key: format!("10.0.{}.{}:80", at / 256, at % 256).into(),
            weight: 1,
        });
        let weighed: Vec<_> = weighed.collect();
        let listed: Arc<[_]> = weighed
            .iter()
            .map(|host| ListedHost {
                host: host.clone(),
                healthy_since: None,
            })
            .collect();
        let hashed = crate::balance::normalise_hosts(&weighed);
        let table = HashTable::of(policy, hashed, None);
        Some(Self {
            balancer: Balancer::new(policy, listed, table, 0, Duration::ZERO),
            rng: Rng::with_seed(7),
            hash: 0,
        })
    }

    /// The host for the next request.
    pub fn pick(&mut self) -> Option<usize> {
        self.hash = self.hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let pick = Pick {
            hash: Some(self.hash),
            attempt: 0,
            now: Duration::ZERO,
            rng: &mut self.rng,
        };
        self.balancer.pick(pick, |at| at as u64 % 3)
    }
}

const LIMITS: Limits = Limits {
    count: 100,
    bytes: 60 * 1024,
};
