// SPDX-License-Identifier: Apache-2.0
//! The one mechanism that turns trees into typed values and collects every problem on the way.
//!
//! In: a document. Out: readers for its fields ([`Field`], [`Block`]) and a [`Report`] with the
//! verdicts an API server would have given, each at the path its author wrote. Whoever reads a
//! block names its fields; what was never named is an unknown field.

mod block;
mod envelope;
mod field;
mod kind;
mod report;

pub(crate) use block::{Block, agreed};
pub(crate) use envelope::{NameRule, metadata};
pub(crate) use field::{Field, I32_MAX};
#[cfg(test)]
pub(crate) use kind::KINDS;
pub(crate) use kind::{Claim, GATEWAY, ISTIO, KGATEWAY, Kind, claim};
pub use kind::{NamedKind, kinds, unread_kinds};
pub(crate) use report::Report;
