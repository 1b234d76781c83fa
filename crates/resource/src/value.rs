// SPDX-License-Identifier: Apache-2.0
//! Value types that several kinds share, with their textual forms.

mod duration;
mod int_or_string;
mod quantity;

pub use duration::parse_duration;
pub use int_or_string::IntOrString;
pub use quantity::parse_quantity;

use sluicegate_manifest::FieldPath;

/// A value with the path under which its author wrote it. Aliases keep the author's spelling.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// The decoded value.
    pub value: T,
    /// Path in the policy's document.
    pub path: FieldPath,
}
