// SPDX-License-Identifier: Apache-2.0
//! A port given by number or by name.

/// A number or a name, as `targetPort` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name.
    String(String),
}
