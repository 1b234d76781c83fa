// SPDX-License-Identifier: Apache-2.0
//! The spelling of header names on HTTP/1.
//!
//! In: a name and the rule of the message. Out: the name as it is written.

use super::{ascii::make_lower, field::Field, message::Message};

/// How names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NameCase {
    /// Lower case: Envoy's default.
    #[default]
    Lower,
    /// As the sender spelled the first line of that name; names it did not send in lower case.
    Preserve,
    /// `proper_case_words`: upper case at the start and after anything not alphanumeric.
    Proper,
}

impl NameCase {
    /// Writes the name of a field of `message`.
    pub(crate) fn push(self, field: &Field, message: &Message, bytes: &[u8], out: &mut Vec<u8>) {
        let name = field.name.of(bytes);
        match self {
            Self::Lower => push_lower(name, out),
            Self::Proper => push_proper(name, out),
            Self::Preserve => out.extend_from_slice(first_spelling(name, message, bytes)),
        }
    }

    /// Writes a name that was not in the message; `name` is lower case.
    pub(crate) fn push_new(self, name: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Lower | Self::Preserve => out.extend_from_slice(name),
            Self::Proper => push_proper(name, out),
        }
    }
}

fn push_lower(name: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(name);
    make_lower(&mut out[start..]);
}

fn push_proper(name: &[u8], out: &mut Vec<u8>) {
    let mut start = true;
    for byte in name {
        let byte = byte.to_ascii_lowercase();
        out.push(if start {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        start = !byte.is_ascii_alphanumeric();
    }
}

fn first_spelling<'a>(name: &'a [u8], message: &Message, bytes: &'a [u8]) -> &'a [u8] {
    message
        .fields
        .iter()
        .map(|field| field.name.of(bytes))
        .find(|other| other.eq_ignore_ascii_case(name))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_after_anything_not_alphanumeric() {
        for (name, wanted) in [
            ("foo$b#$are", "Foo$B#$Are"),
            ("etag", "Etag"),
            ("WWW-authenticate", "Www-Authenticate"),
            ("x-3d", "X-3d"),
        ] {
            let mut out = Vec::new();
            push_proper(name.as_bytes(), &mut out);
            assert_eq!(out, wanted.as_bytes());
        }
    }
}
