// SPDX-License-Identifier: Apache-2.0
//! Everything that one request needs, in one recycled allocation.
//!
//! In: the phases. Out: what later phases, stats and logs want to know. Vectors keep their capacity
//! from request to request.

use std::{net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{access_log::Kept, compressor::Accepts, pump::Pump, retry::Retry, trace::Trace};
use crate::{
    cluster::Host,
    failure::Failure,
    filter::{Bucket, Filters},
    http::{RequestHead, ResponseHead},
    io::Inbox,
    pool::{Lane, RequestLease, Upstream},
    route::Mutations,
    stats::{ClusterStats, RouteStats},
};

/// A request with its response.
#[derive(Default)]
pub(crate) struct Exchange {
    /// The request head.
    pub(super) request: RequestHead,
    /// The response head.
    pub(super) response: ResponseHead,
    /// Request body, client to upstream; the head goes first.
    pub(super) upload: Pump,
    /// Response body, upstream to client; the head goes first.
    pub(super) download: Pump,
    /// Bytes read from the upstream and not dealt with.
    pub(super) answer: Inbox,
    /// The upstream connection.
    pub(super) upstream: Option<Box<Upstream>>,
    /// The place among the requests of the cluster.
    pub(super) lease: Option<RequestLease>,
    /// What there is to know about the request.
    pub(super) record: Record,
    /// When it must be over.
    pub(super) deadlines: Deadlines,
    /// What further attempts need.
    pub(super) retry: Retry,
    /// What access logs need.
    pub(super) log: Kept,
}

/// What is known about a request, for stats and logs.
#[derive(Default)]
pub(crate) struct Record {
    /// When its first byte was seen.
    pub(super) started: Option<Instant>,
    /// When its head was complete, as long as nothing has held it up since: another look at the clock
    /// would cost more than what lies between.
    pub(super) prompt: Option<Instant>,
    /// When the attempt got its connection.
    pub(super) connected: Option<Instant>,
    /// When the request was complete: sent upstream, or kept for a retry.
    pub(super) sent: Option<Instant>,
    /// All of it was sent in this attempt.
    pub(super) uploaded: bool,
    /// Whether a whole head was received: only then is there a request to count.
    pub(super) received: bool,
    /// The head is gone from the inbox: what is there now belongs to the body or the next request.
    pub(super) taken: bool,
    /// `HEAD`.
    pub(super) head_only: bool,
    /// gRPC content type.
    pub(super) grpc: bool,
    /// The client asked to close.
    pub(super) close: bool,
    /// The upgrade that was asked for and is allowed.
    pub(super) upgrade: Option<Box<[u8]>>,
    /// `:scheme` towards an upstream of HTTP/2 is https.
    pub(super) https: bool,
    /// What a connection must have been made for.
    pub(super) lane: Lane,
    /// The upstream agreed to it.
    pub(super) switched: bool,
    /// Interim responses so far.
    pub(super) interims: u8,
    /// Status sent to the client; 0 before.
    pub(super) status: u16,
    /// What went wrong.
    pub(super) failure: Option<Failure>,
    /// `%RESPONSE_FLAGS%`.
    pub(super) flag: &'static str,
    /// What goes in front of `flag`: the limit that ended the retries.
    pub(super) retry_flag: &'static str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(super) details: &'static str,
    /// A fault on purpose held it up.
    pub(super) delayed: bool,
    /// The bytes of a body that was taken in whole and had no length.
    pub(super) collected: Option<u64>,
    /// The rate limit that the client is told of.
    pub(super) bucket: Option<Arc<Bucket>>,
    /// What encodings it takes, where responses may be compressed.
    pub(super) accepts: Option<Box<Accepts>>,
    /// The HTTP filters of its route.
    pub(super) filters: Option<Arc<Filters>>,
    /// The response head was written.
    pub(super) responding: bool,
    /// The upstream connection can serve another request.
    pub(super) reusable: bool,
    /// The upstream connection is of HTTP/2 and counts its bytes itself.
    pub(super) shared: bool,
    /// Only its trailers will tell admission control how it ended.
    pub(super) ends_in_trailers: bool,
    /// The upstream does not take the request body any more.
    pub(super) upload_broken: bool,
    /// The client's trusted address, kept where formatters may ask for it.
    pub(super) client: Option<SocketAddr>,
    /// The request's head, kept where changes of the response read it.
    pub(super) sent_head: Vec<u8>,
    /// The client is told how many attempts there were.
    pub(super) tell_attempts: bool,
    /// Response header changes of the route.
    pub(super) mutations: Option<Arc<Mutations>>,
    /// The host that was picked.
    pub(super) host: Option<Rc<Host>>,
    /// The cluster that was picked, where no host of it was.
    pub(super) cluster_name: Option<Arc<str>>,
    /// Numbers of the cluster.
    pub(super) cluster: Option<Arc<ClusterStats>>,
    /// Numbers of the route, where it has its own.
    pub(super) route: Option<Arc<RouteStats>>,
    /// Cookies that make the client come back to the same host.
    pub(super) set_cookies: Vec<String>,
    /// Route timeout, to be started when the request is complete.
    pub(super) route_timeout: Option<Duration>,
    /// What the upstream is told in `grpc-timeout`.
    pub(super) grpc_timeout: Option<Duration>,
    /// `max_stream_duration` of the cluster.
    pub(super) upstream_limit: Option<Duration>,
    /// Its trace, where the connection manager has tracing.
    pub(super) trace: Option<Box<Trace>>,
}

/// The times by which a request must have got somewhere.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// The request head must be complete.
    pub(super) headers: Option<Instant>,
    /// The request must be complete.
    pub(super) request: Option<Instant>,
    /// The response must be complete.
    pub(super) route: Option<Instant>,
    /// The attempt must be over.
    pub(super) upstream: Option<Instant>,
    /// The attempt must have led to a response.
    pub(super) per_try: Option<Instant>,
    /// Longest pause between two events of the attempt.
    pub(super) per_try_idle: Option<Duration>,
    /// The stream must be over.
    pub(super) stream: Option<Instant>,
    /// Longest pause between two events.
    pub(super) idle: Option<Duration>,
    /// The last event.
    pub(super) active: Option<Instant>,
}

impl Deadlines {
    /// The closest one, and what passing it means.
    pub(super) fn next(&self) -> Option<(Instant, Failure)> {
        let pause = |limit: Option<Duration>| {
            let times = self.active.zip(limit);
            times.map(|(active, limit)| active + limit)
        };
        let times = [
            (self.headers, Failure::HeadersTimeout),
            (self.request, Failure::RequestTimeout),
            (self.route, Failure::RouteTimeout),
            (self.upstream, Failure::UpstreamMaxDuration),
            (self.per_try, Failure::PerTryTimeout),
            (pause(self.per_try_idle), Failure::PerTryIdle),
            (self.stream, Failure::MaxDuration),
            (pause(self.idle), Failure::StreamIdle),
        ];
        let mut next: Option<(Instant, Failure)> = None;
        for (at, failure) in times {
            if let Some(at) = at
                && next.is_none_or(|(first, _)| at < first)
            {
                next = Some((at, failure));
            }
        }
        next
    }

    /// An attempt is over; its limits are.
    pub(super) fn end_try(&mut self) {
        (self.upstream, self.per_try, self.per_try_idle) = (None, None, None);
    }
}

impl Exchange {
    /// Makes it ready for another request.
    pub(super) fn clear(&mut self) {
        self.upload.clear();
        self.download.clear();
        self.record = Record::default();
        self.deadlines = Deadlines::default();
        self.upstream = None;
        self.lease = None;
        self.retry.clear();
        self.log.clear();
    }

    /// Whether it is a gRPC request.
    pub(super) fn is_grpc(&self) -> bool {
        self.record.received && self.request.message.grpc
    }

    /// The first value of a field of the response, as long as its head is there.
    pub(super) fn response_field(&self, name: &str) -> Option<&str> {
        let bytes = self.answer.bytes();
        let mut fields = self.response.message.fields.iter();
        let named = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
        let field = fields.find(|field| named(field.name.of(bytes)))?;
        std::str::from_utf8(field.value.of(bytes)).ok()
    }
}
