// SPDX-License-Identifier: Apache-2.0
//! Clusters at run time.
//!
//! In: compiled clusters. Out: for each worker, hosts to pick from, with their pools; for all
//! workers together, the circuit breaker budgets and the numbers that `/clusters` shows.

mod hosts;
mod id;
mod local;
mod membership;
mod shared;

pub(crate) use hosts::Host;
pub(crate) use id::ClusterId;
pub(crate) use local::LocalCluster;
pub(crate) use membership::Membership;
pub(crate) use shared::ClusterShared;
