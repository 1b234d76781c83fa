// SPDX-License-Identifier: Apache-2.0
//! `v1` Namespace.

/// A Namespace; only its labels matter, and they are in the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Namespace;
