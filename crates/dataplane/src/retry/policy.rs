// SPDX-License-Identifier: Apache-2.0
//! `retry_policy` of a route, a virtual host or a cluster.
//!
//! In: compiled settings. Out: what they say about a request and about a response.

use std::time::Duration;

use super::{
    backoff::{BackOff, RateLimitedBackOff},
    conditions::RetryOn,
};
use crate::route::HeaderMatch;

/// The policy.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    /// `retry_on`.
    pub(crate) retry_on: RetryOn,
    /// `num_retries`.
    pub(crate) num_retries: u32,
    /// `per_try_timeout`; holds for the first attempt too.
    pub(crate) per_try_timeout: Option<Duration>,
    /// `per_try_idle_timeout`; holds for the first attempt too.
    pub(crate) per_try_idle_timeout: Option<Duration>,
    /// The `previous_hosts` predicate: hosts that were tried are avoided.
    pub(crate) previous_hosts: bool,
    /// The `previous_priorities` priority with its `update_frequency`.
    pub(crate) previous_priorities: Option<u32>,
    /// `host_selection_retry_max_attempts`.
    pub(crate) host_selection_attempts: u32,
    /// `retriable_status_codes`.
    pub(crate) status_codes: Vec<u16>,
    /// `retriable_headers`: of the response, any of them.
    pub(crate) response_headers: Vec<HeaderMatch>,
    /// `retriable_request_headers`: of the request, any of them; empty is no condition.
    pub(crate) request_headers: Vec<HeaderMatch>,
    /// `retry_back_off`.
    pub(crate) back_off: BackOff,
    /// `rate_limited_retry_back_off`.
    pub(crate) rate_limited: Option<RateLimitedBackOff>,
}
