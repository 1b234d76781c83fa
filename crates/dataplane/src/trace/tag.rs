// SPDX-License-Identifier: Apache-2.0
//! Tags that the configuration adds to spans.
//!
//! In: what is known of a request. Out: a value, or none: a tag without a value is left out.

use crate::route::{Facts, Format};

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomTag {
    /// Its name.
    pub(crate) name: String,
    /// Where its value is from.
    pub(crate) value: Value,
}

/// Where the value of a tag is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// It is the same for all.
    Constant(String),
    /// A field of the request; this, where there is none.
    Field(String, String),
    /// A text with operators.
    Format(Format),
}

impl CustomTag {
    /// Whether it is a text with operators.
    pub(crate) fn is_format(&self) -> bool {
        matches!(self.value, Value::Format(_))
    }

    /// Its value; `find` finds a field of the request.
    pub(crate) fn value<'a>(
        &self,
        find: impl Fn(&str) -> Option<&'a [u8]>,
        facts: &Facts<'_>,
    ) -> Option<String> {
        let value = match &self.value {
            Value::Constant(value) => value.clone(),
            Value::Field(name, default) => find(name).map_or_else(
                || default.clone(),
                |found| String::from_utf8_lossy(found).into_owned(),
            ),
            Value::Format(format) => format.text(facts),
        };
        Some(value).filter(|value| !value.is_empty())
    }
}
