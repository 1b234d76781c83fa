// SPDX-License-Identifier: Apache-2.0
//! Documents to typed resources, with the verdicts an API server would have given.
//!
//! In: [`sluicegate_manifest::Document`]s. Out: a [`Store`] of typed objects (defaults applied,
//! every spelling decoded to one model) and the diagnostics of everything that was refused.

mod admission;
pub mod codes;
pub mod core;
mod decode;
mod decoder;
pub mod envoygateway;
pub mod gateway;
pub mod istio;
pub mod kgateway;
mod object;
mod store;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod value;

pub use admission::{NamedKind, kinds, unread_kinds};
pub use decode::fields_read;
pub use decoder::{Decoder, UnknownFields};
pub use object::{Metadata, Object, ObjectRef};
pub use store::{Objects, Store};
