// SPDX-License-Identifier: Apache-2.0
//! Envoy's own bootstrap as the configuration of this process.
//!
//! In: a bootstrap in YAML or JSON. Out: what to run, or everything that is wrong with it or not
//! implemented: nothing that a bootstrap says is passed over in silence.

mod bootstrap;
mod codes;
mod dynamic;
mod message;
mod place;
mod resources;
mod settings;

pub use bootstrap::{Reading, Start, Strictness, read};
pub use codes::ALL as CODES;
pub use dynamic::Dynamic;
pub use resources::Refused;
