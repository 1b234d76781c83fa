// SPDX-License-Identifier: Apache-2.0
//! The spelling of header names on HTTP/1.
//!
//! In: a name and the rule of the message. Out: the name as it is written.

use super::{
    block::{Block, SIZE},
    field::{Field, Span},
    message::Message,
};

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
            Self::Lower => push_lower(bytes, field.name, out),
            Self::Proper => push_proper(name, out),
            Self::Preserve => out.extend_from_slice(first_spelling(name, message, bytes)),
        }
    }

    /// Writes a name that was not in the message; `name` is lower case.
    #[inline]
    pub(crate) fn push_new(self, name: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Lower | Self::Preserve => out.extend_from_slice(name),
            Self::Proper => push_proper(name, out),
        }
    }
}

fn push_lower(bytes: &[u8], name: Span, out: &mut Vec<u8>) {
    for at in (name.start()..name.end()).step_by(SIZE) {
        let count = SIZE.min(name.end() - at);
        let lower = Block::load(bytes, at).lower(count);
        out.extend_from_slice(&lower[..count]);
    }
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
    fn names_of_any_length_are_written_in_lower_case() {
        let bytes = b"X-Envoy-Upstream_RQ-Timeout-ALT-Response: x";
        for (from, to) in (0..41).flat_map(|from| (from..41).map(move |to| (from, to))) {
            for end in [to, bytes.len()] {
                let mut out = Vec::new();
                push_lower(&bytes[..end], Span::new(from, to), &mut out);
                assert_eq!(out, bytes[from..to].to_ascii_lowercase());
            }
        }
    }

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
