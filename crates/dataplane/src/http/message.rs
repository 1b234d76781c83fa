// SPDX-License-Identifier: Apache-2.0
//! The fields of a head, and what they say about framing and about the connection.
//!
//! In: field lines, one after the other. Out: the lines with a summary, or why the head is refused.

use super::{
    ascii::spells,
    field::{Field, Known, Span},
    head::{FieldLine, HeadError, Limits, Parsed, field_line, usual_line},
};

/// What requests and responses share.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The field lines, in order.
    pub(crate) fields: Vec<Field>,
    /// Bytes of the head, with the empty line.
    pub(crate) length: usize,
    /// The one content length.
    pub(crate) content_length: Option<u64>,
    /// `transfer-encoding: chunked`.
    pub(crate) chunked: bool,
    /// `connection: close`.
    pub(crate) close: bool,
    /// `connection: keep-alive` (matters to HTTP/1.0).
    pub(crate) keep_alive: bool,
    /// A Connection field names something besides `close` and `keep-alive`.
    pub(crate) names_hops: bool,
    /// `connection: upgrade` and an Upgrade field: the latter's value.
    pub(crate) upgrade: Option<Span>,
    /// Which known names there are, by [`Known::bit`].
    pub(crate) known: u32,
    /// There is more than one Host field.
    pub(super) two_hosts: bool,
    /// The content type is gRPC's.
    pub(crate) grpc: bool,
    /// Some name contains an underscore.
    pub(crate) underscores: bool,
    /// `expect: 100-continue`.
    pub(crate) expects_continue: bool,
}

impl Message {
    /// The value of a field, several joined by a comma.
    pub(crate) fn joined(&self, bytes: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let fields = self.fields.iter();
        let found = fields.filter(|field| field.name.of(bytes).eq_ignore_ascii_case(name));
        let values: Vec<&[u8]> = found.map(|field| field.value.of(bytes)).collect();
        (!values.is_empty()).then(|| values.join(b",".as_slice()))
    }

    /// Starts over.
    pub(super) fn start(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            ..Self::default()
        };
    }

    /// Takes in the field lines from `start` on, up to the empty one.
    pub(super) fn lines(
        &mut self,
        bytes: &[u8],
        start: usize,
        limits: Limits,
    ) -> Result<Parsed, HeadError> {
        self.start();
        let mut at = start;
        loop {
            // Two calls, so that the compiler need not bring the two kinds of line into one form.
            at = if let Some(line) = usual_line(bytes, at) {
                self.line(&line, limits)?
            } else {
                match next_line(bytes, at)? {
                    Next::End => break,
                    Next::Line(line) => self.line(&line, limits)?,
                    Next::Partial => return Ok(Parsed::Partial),
                }
            };
        }
        self.length = at + 2;
        Ok(Parsed::Complete)
    }

    /// Takes in a line. Returns where the next one starts.
    #[inline(always)]
    fn line(&mut self, line: &FieldLine<'_>, limits: Limits) -> Result<usize, HeadError> {
        if self.fields.len() == limits.count {
            return Err(HeadError::TooMany);
        }
        self.underscores |= line.underscore;
        self.classify(line.field, line.value)?;
        Ok(line.next)
    }

    /// Takes in a field that has been located.
    #[inline]
    pub(super) fn classify(&mut self, field: Field, value: &[u8]) -> Result<(), HeadError> {
        if field.known == Known::Other {
            self.fields.push(field);
            return Ok(());
        }
        self.classify_known(field, value)
    }

    fn classify_known(&mut self, mut field: Field, value: &[u8]) -> Result<(), HeadError> {
        let repeated = self.known & field.known.bit() != 0;
        self.known |= field.known.bit();
        match field.known {
            Known::Host => self.two_hosts |= repeated,
            Known::ContentType => self.grpc = value.starts_with(b"application/grpc"),
            Known::ContentLength => {
                self.length_field(value)?;
                let plain = plain_number(field.value, value);
                field.exact &= plain == field.value;
                field.value = plain;
            }
            Known::TransferEncoding => self.coding_field(value)?,
            Known::Connection => self.connection_field(value),
            Known::Upgrade => self.upgrade = Some(field.value),
            Known::Expect => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        self.fields.push(field);
        Ok(())
    }

    fn length_field(&mut self, value: &[u8]) -> Result<(), HeadError> {
        let digits = !value.is_empty() && value.len() < 20 && value.iter().all(u8::is_ascii_digit);
        if !digits || self.content_length.is_some() {
            return Err(HeadError::Malformed);
        }
        let add = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
        let number = value.iter().fold(0, add);
        // What does not fit a signed number is another number to those who use one.
        if number > i64::MAX.unsigned_abs() {
            return Err(HeadError::Malformed);
        }
        self.content_length = Some(number);
        Ok(())
    }

    fn coding_field(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn connection_field(&mut self, value: &[u8]) {
        for token in tokens(value) {
            if spells(token, b"close") {
                self.close = true;
            } else if spells(token, b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.names_hops = true;
            }
        }
    }

    /// Checks what only the whole head can tell.
    pub(super) fn finish(&mut self, bytes: &[u8]) -> Result<(), HeadError> {
        if self.chunked && self.content_length.is_some() {
            return Err(HeadError::LengthAndChunked);
        }
        if self.upgrade.is_some() && !(self.names_hops && self.hops_name(bytes, b"upgrade")) {
            self.upgrade = None;
        }
        Ok(())
    }

    /// The values of a known name, line by line.
    pub(crate) fn values<'a>(
        &'a self,
        bytes: &'a [u8],
        known: Known,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(move |field| field.known == known);
        fields.map(|field| field.value.of(bytes))
    }

    /// Refuses Connection fields that name what is not theirs to take away (Envoy's rules).
    pub(super) fn check_hops(&self, bytes: &[u8]) -> Result<(), HeadError> {
        if self.hops_name(bytes, b"host") {
            return Err(HeadError::MissingHost);
        }
        let lists = self.values(bytes, Known::Connection);
        let mut count = 0;
        for name in lists.flat_map(tokens) {
            count += 1;
            let kept = KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept));
            if kept || name.contains(&b':') || count > MOST_NAMED {
                return Err(HeadError::Connection);
            }
        }
        Ok(())
    }

    /// Whether a Connection field names `name`.
    pub(crate) fn hops_name(&self, bytes: &[u8], name: &[u8]) -> bool {
        self.fields
            .iter()
            .filter(|field| field.known == Known::Connection)
            .flat_map(|field| tokens(field.value.of(bytes)))
            .any(|token| token.eq_ignore_ascii_case(name))
    }
}

/// What a line is.
enum Next<'a> {
    /// The empty one.
    End,
    /// A field.
    Line(FieldLine<'a>),
    /// Not all there yet.
    Partial,
}

/// Looks at any line.
#[inline(never)]
fn next_line(bytes: &[u8], at: usize) -> Result<Next<'_>, HeadError> {
    match bytes.get(at..) {
        None | Some([] | [b'\r']) => Ok(Next::Partial),
        Some([b'\r', b'\n', ..]) => Ok(Next::End),
        Some(_) => Ok(field_line(bytes, at)?.map_or(Next::Partial, Next::Line)),
    }
}

/// A number without leading zeros, which mark an octal number for some.
fn plain_number(span: Span, value: &[u8]) -> Span {
    let zeros = value.iter().take_while(|digit| **digit == b'0').count();
    match zeros.min(value.len().saturating_sub(1)) {
        0 => span,
        zeros => Span::new(span.start() + zeros, span.start() + value.len()),
    }
}

/// What a Connection field of a client may not name.
const KEPT: [&[u8]; 3] = [
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];

/// Names that a client's Connection fields may have (Envoy's limit).
const MOST_NAMED: usize = 10;

/// The comma-separated tokens of a value.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Whether `wanted` is among `bytes`; written so that it compiles to wide comparisons.
pub(super) fn holds(bytes: &[u8], wanted: u8) -> bool {
    let found = |found, byte: &u8| found | u8::from(*byte == wanted);
    bytes.iter().fold(0, found) != 0
}
