// SPDX-License-Identifier: Apache-2.0
//! Retries of a request.
//!
//! In: how an attempt ended. Out: whether there is another one, and that one: after a wait, on a
//! host that is picked again, with the head brought up to date and the body as it was kept. Without
//! a policy this costs one comparison per request.

use std::{
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use super::{
    attempt,
    exchange::Exchange,
    forward_body::{poll_collect, poll_until},
    pick_host::{Target, pick_again},
    send_head,
    session::Session,
};
use crate::{
    balance::{Overrides, PreviousPriorities},
    cluster::{Again, Host},
    failure::Failure,
    pool::RetryLease,
    retry::{Event, Response, RetryOn, RetryPolicy},
    route::RequestView,
};

/// What one request's retries need; recycled with the exchange.
#[derive(Default)]
pub(crate) struct Retry {
    /// Empty: there are no retries.
    retry_on: RetryOn,
    remaining: u32,
    /// Retries made.
    pub(super) retries: u32,
    /// Exponential waits so far.
    waits: u32,
    /// The next wait.
    wait: Duration,
    /// The response asked for it.
    wait_was_asked: bool,
    /// `per_try_timeout` in force.
    pub(super) per_try: Option<Duration>,
    /// `per_try_idle_timeout`.
    pub(super) per_try_idle: Option<Duration>,
    /// The head as it was first sent.
    pub(super) head: Vec<u8>,
    /// The hash that hosts are picked by.
    pub(super) hash: Option<u64>,
    /// Hosts that the request names itself.
    pub(super) overrides: Overrides,
    /// What `retry_priority` remembers.
    priorities: Option<PreviousPriorities>,
    tried: Vec<Rc<Host>>,
    lease: Option<RetryLease>,
}

impl Retry {
    /// Whether what is sent must be kept.
    pub(super) fn keeps(&self) -> bool {
        !self.retry_on.is_empty()
    }

    /// Starts over.
    pub(super) fn clear(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        let mut tried = std::mem::take(&mut self.tried);
        let mut overrides = std::mem::take(&mut self.overrides);
        head.clear();
        tried.clear();
        overrides.clear();
        *self = Self {
            head,
            overrides,
            tried,
            ..Self::default()
        };
    }
}

/// Reads the policy, before the request's head leaves the inbox.
pub(super) fn begin(session: &Session, exchange: &mut Exchange, target: &Target<'_>) {
    let Some(policy) = target.retry_policy() else {
        return;
    };
    let retry = &mut exchange.retry;
    let limit = exchange.record.route_timeout;
    retry.per_try = policy
        .per_try_timeout
        .filter(|per_try| limit.is_none_or(|limit| *per_try < limit));
    retry.per_try_idle = policy.per_try_idle_timeout;
    let view = RequestView::new(session.inbox.bytes(), &exchange.request, session.scheme);
    let conditions = &policy.request_headers;
    if conditions.is_empty() || conditions.iter().any(|header| header.matches(&view)) {
        retry.retry_on = policy.retry_on;
        retry.remaining = policy.num_retries;
        retry.priorities = policy.previous_priorities.map(PreviousPriorities::new);
    }
}

/// Decides whether an attempt that ended so is followed by another one. If so, it is given up.
pub(super) fn again(
    session: &Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
    outcome: &Result<(), Failure>,
) -> bool {
    let Some(policy) = target.retry_policy() else {
        return false;
    };
    if !exchange.upload.keeps() || !decide(exchange, target, policy, outcome) {
        return false;
    }
    note_host(exchange, policy);
    exchange.retry.wait = wait(exchange, policy, outcome);
    match outcome {
        Ok(()) => attempt::discard(session, exchange),
        Err(failure) => attempt::failed(session, exchange, *failure),
    }
    exchange.answer.clear(&session.worker.buffers);
    exchange.deadlines.end_try();
    true
}

fn decide(
    exchange: &mut Exchange,
    target: &Target<'_>,
    policy: &RetryPolicy,
    outcome: &Result<(), Failure>,
) -> bool {
    let Some(event) = event(exchange, policy, outcome) else {
        return false;
    };
    let stats = &target.cluster.stats;
    let route = exchange.record.route.as_deref();
    let retry = &mut exchange.retry;
    let wanted = retry.retry_on.retries(event);
    if retry.lease.take().is_some() && !wanted {
        stats.upstream_rq_retry_success.inc();
        if let Some(route) = route {
            route.upstream_rq_retry_success.inc();
        }
    }
    if !wanted {
        return false;
    }
    let Some(left) = retry.remaining.checked_sub(1) else {
        stats.upstream_rq_retry_limit_exceeded.inc();
        if let Some(route) = route {
            route.upstream_rq_retry_limit_exceeded.inc();
        }
        exchange.record.retry_flag = "URX";
        return false;
    };
    retry.remaining = left;
    retry.lease = RetryLease::new(&target.cluster.shared, target.action.priority);
    if retry.lease.is_none() {
        stats.upstream_rq_retry_overflow.inc();
        if let Some(route) = route {
            route.upstream_rq_retry_overflow.inc();
        }
        exchange.record.retry_flag = "UO";
        return false;
    }
    true
}

/// What an outcome is to the conditions; `None` for what never leads to a retry.
fn event(
    exchange: &Exchange,
    policy: &RetryPolicy,
    outcome: &Result<(), Failure>,
) -> Option<Event> {
    Some(match outcome {
        Ok(()) => Event::Response(response(exchange, policy)),
        Err(Failure::ConnectFailed(_) | Failure::ConnectTimeout) => Event::ConnectFailure,
        Err(Failure::Overflow) => Event::Overflow,
        Err(Failure::PerTryIdle | Failure::PerTryTimeout) => Event::PerTryTimeout,
        Err(Failure::RefusedStream) => Event::RefusedStream,
        Err(Failure::UpstreamMaxDuration) => Event::MaxStreamDuration,
        Err(Failure::Protocol | Failure::RemoteReset | Failure::Terminated) => Event::Reset {
            request_started: exchange.upload.written > 0 || exchange.record.shared,
        },
        Err(_) => return None,
    })
}

fn response(exchange: &Exchange, policy: &RetryPolicy) -> Response {
    let bytes = exchange.answer.bytes();
    let head = &exchange.response;
    let mut headers = policy.response_headers.iter();
    Response {
        status: head.status,
        ratelimited: exchange.response_field("x-envoy-ratelimited").is_some(),
        listed_status: policy.status_codes.contains(&head.status),
        listed_header: headers.any(|header| header.matches_response(bytes, head)),
        grpc_status: exchange
            .response_field("grpc-status")
            .and_then(|text| text.parse().ok()),
    }
}

fn note_host(exchange: &mut Exchange, policy: &RetryPolicy) {
    let Some(host) = &exchange.record.host else {
        return;
    };
    if policy.previous_hosts {
        exchange.retry.tried.push(host.clone());
    }
    if let Some(priorities) = &mut exchange.retry.priorities {
        priorities.note(host.endpoint.borrow().priority);
    }
}

/// How long to wait: as the response asks for, or exponentially longer.
fn wait(exchange: &mut Exchange, policy: &RetryPolicy, outcome: &Result<(), Failure>) -> Duration {
    let asked = policy.rate_limited.as_ref().filter(|_| outcome.is_ok());
    let asked = asked.and_then(|back_off| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let first = |name: &str| exchange.response_field(name);
        back_off.wait(first, now.unwrap_or_default(), fastrand::u64(..))
    });
    let retry = &mut exchange.retry;
    retry.wait_was_asked = asked.is_some();
    if let Some(asked) = asked {
        return asked;
    }
    retry.waits += 1;
    policy.back_off.wait(retry.waits - 1, fastrand::u64(..))
}

/// Makes another attempt.
pub(super) async fn attempt(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &mut Target<'_>,
) -> Result<(), Failure> {
    back_off(session, exchange).await?;
    let stats = &target.cluster.stats;
    stats.upstream_rq_retry.inc();
    if let Some(route) = &exchange.record.route {
        route.upstream_rq_retry.inc();
    }
    if exchange.retry.wait_was_asked {
        stats.upstream_rq_retry_backoff_ratelimited.inc();
    } else {
        stats.upstream_rq_retry_backoff_exponential.inc();
    }
    exchange.retry.retries += 1;
    pick_again(exchange, target)?;
    send_head::write_head_again(session, exchange, target);
    attempt::attempt(session, exchange, target).await
}

/// Waits. Meanwhile the rest of the request comes in.
async fn back_off(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    let until = Instant::now() + exchange.retry.wait;
    poll_fn(|cx| {
        let collected = poll_collect(cx, session, exchange)?;
        if collected.is_ready() && session.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        poll_until(cx, session, exchange, until)
    })
    .await
}

impl Target<'_> {
    /// The policy in force: the cluster's takes the place of the route's.
    pub(super) fn retry_policy(&self) -> Option<&RetryPolicy> {
        let own = self.cluster.config.retry.as_ref();
        own.or(self.action.retry.as_ref())
    }
}

/// A host for a retry: the policy's predicates avoid some.
pub(super) fn pick(exchange: &mut Exchange, target: &Target<'_>) -> Option<Rc<Host>> {
    let Retry {
        hash,
        overrides,
        priorities,
        tried,
        ..
    } = &mut exchange.retry;
    let policy = target.retry_policy();
    let again = Again {
        max_attempts: policy.map_or(0, |policy| policy.host_selection_attempts),
        overrides,
        priorities: priorities.as_mut(),
    };
    let tried = |host: &Rc<Host>| tried.iter().any(|other| Rc::ptr_eq(other, host));
    target.cluster.pick_again(*hash, again, tried)
}
