// SPDX-License-Identifier: Apache-2.0
//! Retries: which events lead to another attempt, after what wait, on which host.
//!
//! In: policies, events and random draws. Out: decisions. Who counts attempts and budgets, and who
//! waits, is told in `life/retry.rs`.

mod backoff;
mod conditions;
mod policy;
mod previous_hosts;

pub(crate) use backoff::{BackOff, RateLimitedBackOff, ResetFormat, ResetHeader};
pub(crate) use conditions::{Event, Response, RetryOn};
pub(crate) use policy::RetryPolicy;
pub(crate) use previous_hosts::select_host;
