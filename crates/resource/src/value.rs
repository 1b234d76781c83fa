// SPDX-License-Identifier: Apache-2.0
//! Value types that several kinds share, with their textual forms.
//!
//! In: text or fields. Out: numbers, durations, selectors, and whether names are well formed.

mod base64;
mod duration;
mod int_or_string;
mod name;
mod quantity;
pub(crate) mod regex;
mod selector;

pub(crate) use base64::decode_base64;
pub use duration::parse_duration;
pub use int_or_string::IntOrString;
pub(crate) use name::{
    is_domain_prefixed, is_header_name, is_hostname, is_label, is_label_value, is_precise_hostname,
    is_qualified_name, is_service_name, is_subdomain,
};
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
