// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a document, and how it is shown.

mod model;

pub use model::{Diagnostic, Location, Severity};
