// SPDX-License-Identifier: Apache-2.0
//! Envoy's vocabulary.
//!
//! In: nothing of ours. Out: the protobuf types (re-exported from `envoy-types`), the descriptor
//! pool that knows every message we emit, canonical proto-JSON, what a message refers to and what of
//! it nobody reads, the constraint checks that Envoy itself applies to a resource, and OTLP's spans.

pub mod any;
pub mod descriptor;
pub mod json;
pub mod otlp;
mod packed;
pub mod reference;
pub mod sorted;
mod unread;
pub mod validate;

pub use envoy_types::pb;
pub use prost;
pub use unread::{Reads, unread};
