// SPDX-License-Identifier: Apache-2.0
//! Field lines of a message that is passed on.
//!
//! In: the fields of the message, one after the other, and what replaces some of them. Out: lines in
//! the spelling that the other side gets. Lines that stay as they are and follow one another are
//! copied in one go.

use super::{
    NameCase,
    block::make_lower,
    field::{Field, Known},
    message::Message,
    push_decimal,
};
use crate::route::{Condition, Mutations};

/// Writes the fields of one head.
pub(super) struct Writer<'a> {
    /// The bytes that the fields refer to.
    pub(super) bytes: &'a [u8],
    /// The message that the fields are of.
    pub(super) message: &'a Message,
    /// Spelling of names.
    pub(super) case: NameCase,
}

/// The `connection` of a switch that is passed on: nothing else that stands in it.
pub(super) fn upgrade_alone(value: &[u8]) -> &[u8] {
    if value.eq_ignore_ascii_case(b"upgrade") {
        value
    } else {
        b"Upgrade"
    }
}

impl Writer<'_> {
    /// Writes all fields. Those whose [`Known::bit`] is not in `special` are copied, as long as
    /// `plain` says that no rule can take one out; the others are left to `write`.
    pub(super) fn fields(
        &self,
        plain: bool,
        special: u32,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&Field, &mut Vec<u8>),
    ) {
        let fields = &self.message.fields;
        let copied = plain && self.case == NameCase::Lower;
        let copies = |field: &Field| copied && field.exact && special & field.known.bit() == 0;
        let mut at = 0;
        while let Some(field) = fields.get(at) {
            if copies(field) {
                let more = fields[at..].iter().take_while(|field| copies(field));
                let end = at + more.count();
                self.copy(&fields[at..end], out);
                at = end;
            } else {
                write(field, out);
                at += 1;
            }
        }
    }

    /// Copies lines that follow one another.
    fn copy(&self, fields: &[Field], out: &mut Vec<u8>) {
        let (Some(first), Some(last)) = (fields.first(), fields.last()) else {
            return;
        };
        let start = first.name.start();
        let Some(lines) = self.bytes.get(start..last.value.end() + 2) else {
            return;
        };
        let base = out.len();
        out.extend_from_slice(lines);
        let copy = &mut out[base..];
        for field in fields.iter().filter(|field| field.upper) {
            make_lower(copy, field.name.start() - start, field.name.end() - start);
        }
    }

    /// Writes a field with this value.
    pub(super) fn line(&self, field: &Field, value: &[u8], out: &mut Vec<u8>) {
        self.name(field, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes the name of a field.
    pub(super) fn name(&self, field: &Field, out: &mut Vec<u8>) {
        self.case.push(field, self.message, self.bytes, out);
    }

    /// Writes a field that was not in the message; `name` is lower case.
    #[inline]
    pub(super) fn new_line(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        self.case.push_new(name, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes a field with a number for a value; `name` is lower case.
    pub(super) fn number(&self, name: &[u8], value: u64, out: &mut Vec<u8>) {
        self.case.push_new(name, out);
        out.extend_from_slice(b": ");
        push_decimal(value, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes what the route adds.
    pub(super) fn additions(&self, mutations: &Mutations, out: &mut Vec<u8>) {
        for added in &mutations.add {
            let present = || {
                let mut fields = self.message.fields.iter();
                fields.any(|field| field.name.of(self.bytes).eq_ignore_ascii_case(&added.name))
            };
            let wanted = match added.condition {
                Condition::Always => true,
                Condition::Absent => !present(),
                Condition::Present => present(),
            };
            if wanted {
                self.new_line(&added.name, &added.value, out);
            }
        }
    }

    /// Whether the message has such a field.
    pub(super) fn has(&self, known: Known) -> bool {
        self.message.known & known.bit() != 0
    }
}

/// The set of these names, for [`Writer::fields`].
pub(super) const fn set(names: &[Known]) -> u32 {
    let mut bits = 0;
    let mut at = 0;
    while at < names.len() {
        bits |= names[at].bit();
        at += 1;
    }
    bits
}
