// SPDX-License-Identifier: Apache-2.0
//! Which policy set which value, what lost, and why.
//!
//! In: a [`Round`](crate::pipeline::Round) and the name of a backend, route or policy. Out: facts
//! ([`backend`], [`policy`], [`route`]) that serialise for machines, and text for people ([`show`]).

pub mod backend;
mod defaults;
mod name;
pub mod policy;
mod precedence;
pub(crate) mod provenance;
pub mod route;
mod setting;
pub mod show;
mod telemetry;
pub mod traffic;
pub mod uses;

pub use defaults::default_of;
pub use name::{
    backends, policy as policy_named, route as route_named, text as backend_name, traffic_policy,
};
pub(crate) use setting::below_spec;
