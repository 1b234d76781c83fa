// SPDX-License-Identifier: Apache-2.0
//! One module per command: its arguments, and a `run` that reads, asks the library and prints. `serving` has
//! the arguments that several of them take.

pub mod bootstrap;
pub mod check;
pub mod completions;
pub mod crds;
pub mod demo;
pub mod diff;
pub mod dump;
pub mod explain;
pub mod proxy;
pub mod run;
mod serving;
pub mod status;
pub mod top;
pub mod translate;
