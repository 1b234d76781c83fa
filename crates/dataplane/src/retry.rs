// SPDX-License-Identifier: Apache-2.0
//! Retries: which events lead to another attempt, after what wait, on which host.
//!
//! In: policies, events and random draws. Out: decisions. Who counts attempts and budgets, and who
//! waits, is told in `life.rs`.

pub(crate) mod backoff;
pub(crate) mod conditions;
pub(crate) mod previous_hosts;
