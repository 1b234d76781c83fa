// SPDX-License-Identifier: Apache-2.0
//! A field as a line.
//!
//! In: a name and a value. Out: what they are in a message of HTTP/2 (RFC 9113 8.2 and 8.3), found
//! out once for all the times that the line comes by its index.

use crate::http::{Known, is_field_value, lower_name};

/// A field that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Name, colon, blank, value, CR LF.
    pub(crate) bytes: &'a [u8],
    /// Bytes of the name.
    pub(crate) name: usize,
    /// What it is.
    pub(crate) tag: Tag,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// A field.
    Field {
        /// What its name means here.
        known: Known,
        /// The name has an underscore.
        underscore: bool,
    },
    /// Something that makes its message malformed.
    Malformed,
    /// A pseudo field of a request.
    Pseudo(Pseudo),
}

/// The pseudo fields of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pseudo {
    /// `:authority`.
    Authority,
    /// `:method`.
    Method,
    /// `:path`.
    Path,
    /// `:protocol` (RFC 8441).
    Protocol,
    /// `:scheme`.
    Scheme,
}

impl Line<'_> {
    /// The name.
    pub(crate) fn name(&self) -> &[u8] {
        &self.bytes[..self.name]
    }

    /// The value.
    pub(crate) fn value(&self) -> &[u8] {
        &self.bytes[self.name + 2..self.bytes.len() - 2]
    }

    /// What it counts for in a head: name and value, as in Envoy.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() - FRAME
    }
}

impl Tag {
    /// Looks at a field.
    pub(super) fn of(name: &[u8], value: &[u8]) -> Self {
        if !is_field_value(value) {
            return Self::Malformed;
        }
        if name.starts_with(b":") {
            return Pseudo::of(name).map_or(Self::Malformed, Self::Pseudo);
        }
        let Some(underscore) = lower_name(name) else {
            return Self::Malformed;
        };
        let known = Known::of(name);
        let malformed = match known {
            Known::Te => value != b"trailers",
            other => other.is_of_connection(),
        };
        if malformed {
            Self::Malformed
        } else {
            Self::Field { known, underscore }
        }
    }
}

impl Pseudo {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b":authority" => Self::Authority,
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":protocol" => Self::Protocol,
            b":scheme" => Self::Scheme,
            _ => return None,
        })
    }
}

/// Bytes of a line beside name and value.
const FRAME: usize = 4;
