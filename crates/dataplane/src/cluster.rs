// SPDX-License-Identifier: Apache-2.0
//! Clusters at run time.
//!
//! In: compiled clusters. Out: for each worker, hosts to pick from, with their pools; for all
//! workers together, the health of the hosts, the circuit breaker budgets and the numbers that
//! `/clusters` shows.

mod admission;
mod board;
mod budgets;
mod groups;
mod hosts;
mod id;
mod local;
mod membership;
mod outcome;
mod shared;
mod tables;
mod warming;
mod zone;

pub(crate) use admission::Admission;
pub(crate) use board::{Flag, HealthBoard, HostHealth, Usable};
pub(crate) use budgets::Resource;
pub(crate) use hosts::Host;
pub(crate) use id::ClusterId;
pub(crate) use local::{Again, LocalCluster};
pub(crate) use membership::Membership;
pub(crate) use shared::ClusterShared;
use tables::Tables;
pub(crate) use warming::Warming;
pub(crate) use zone::Zone;
