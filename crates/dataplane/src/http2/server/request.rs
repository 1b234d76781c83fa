// SPDX-License-Identifier: Apache-2.0
//! A request's head on its way out of a header block.
//!
//! In: its fields, one after the other. Out: the head in the form that HTTP/1 heads have, or that it
//! is malformed (RFC 9113 8.1.1), or why it is refused.

use super::hpack::{Line, Pseudo, Tag};
use crate::http::{HeadError, Known, Limits, RequestHead, Span, is_token};

/// The head, in buffers that are reused.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// The head.
    pub(crate) head: RequestHead,
    /// Its bytes.
    pub(crate) lines: Vec<u8>,
    limits: Limits,
    /// Which pseudo fields there were, by [`bit`].
    pseudo: u8,
    protocol: Span,
    /// Fields that are none of these.
    count: usize,
    /// What all fields count for.
    size: usize,
    hosts: usize,
    /// The values of `cookie`, which may come in several fields (RFC 9113 8.2.3), as one.
    cookies: Vec<u8>,
    malformed: bool,
    refused: Option<HeadError>,
}

/// It is malformed.
#[derive(Debug)]
pub(crate) struct Malformed;

/// A head that is complete.
#[derive(Debug)]
pub(crate) struct Assembled {
    /// Why it is refused nevertheless.
    pub(crate) refused: Option<HeadError>,
    /// Bytes of body, where it says so.
    pub(crate) length: Option<u64>,
}

impl Assembly {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            head: RequestHead::default(),
            lines: Vec::new(),
            limits,
            pseudo: 0,
            protocol: Span::default(),
            count: 0,
            size: 0,
            hosts: 0,
            cookies: Vec::new(),
            malformed: false,
            refused: None,
        }
    }

    /// Starts over.
    pub(super) fn start(&mut self) {
        self.head.open();
        self.lines.clear();
        self.cookies.clear();
        self.pseudo = 0;
        self.protocol = Span::default();
        (self.count, self.size, self.hosts) = (0, 0, 0);
        self.malformed = false;
        self.refused = None;
    }

    /// Takes a field in.
    #[inline]
    pub(super) fn take(&mut self, line: Line<'_>) {
        self.size += line.size();
        if self.size > self.limits.bytes {
            self.refused = Some(HeadError::TooLarge);
        }
        if self.malformed || self.refused.is_some() {
            return;
        }
        match line.tag {
            Tag::Field { known, underscore } => {
                self.count += 1;
                self.hosts += usize::from(known == Known::Host);
                if known == Known::Host && self.has(Pseudo::Authority) {
                    // The same once more.
                    return;
                }
                // Envoy counts the four pseudo fields.
                if self.count + PSEUDO > self.limits.count {
                    self.refused = Some(HeadError::TooMany);
                    return;
                }
                if line.name() == b"cookie" {
                    if !self.cookies.is_empty() {
                        self.cookies.extend_from_slice(b"; ");
                    }
                    self.cookies.extend_from_slice(line.value());
                    return;
                }
                self.head.message.underscores |= underscore;
                let added = self
                    .head
                    .add_line(line.bytes, line.name, known, &mut self.lines);
                self.refused = added.err();
            }
            Tag::Pseudo(pseudo) => self.pseudo(pseudo, line.value()),
            Tag::Malformed => self.malformed = true,
        }
    }

    fn pseudo(&mut self, pseudo: Pseudo, value: &[u8]) {
        // They come first, and once.
        self.malformed = self.count > 0 || self.has(pseudo);
        self.pseudo |= bit(pseudo);
        match pseudo {
            Pseudo::Authority => {
                let added = self.head.add_field(b"host", value, &mut self.lines);
                self.refused = added.err();
            }
            Pseudo::Method => {
                self.malformed |= !is_token(value);
                self.head.method = self.push(value);
            }
            Pseudo::Path => {
                self.malformed |= value.is_empty();
                let path = self.push(value);
                self.head.set_path(path);
            }
            Pseudo::Protocol => {
                self.malformed |= !is_token(value);
                self.protocol = self.push(value);
            }
            Pseudo::Scheme => {
                self.malformed |= !is_token(value);
                self.head.https = Some(value == b"https");
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Span {
        let start = self.lines.len();
        self.lines.extend_from_slice(bytes);
        Span::new(start, self.lines.len())
    }

    fn has(&self, pseudo: Pseudo) -> bool {
        self.pseudo & bit(pseudo) != 0
    }

    /// All fields were taken in. `body` says that one may follow, `connect` that clients may open
    /// tunnels.
    pub(super) fn finish(&mut self, body: bool, connect: bool) -> Result<Assembled, Malformed> {
        if self.malformed {
            return Err(Malformed);
        }
        let assembled = |refused, length| Ok(Assembled { refused, length });
        if matches!(self.refused, Some(HeadError::TooLarge | HeadError::TooMany)) {
            return assembled(self.refused, None);
        }
        let tunnel = self.has(Pseudo::Protocol);
        let is_connect = self.head.method.of(&self.lines) == b"CONNECT";
        let plain_connect = is_connect && !tunnel;
        let with_target = self.has(Pseudo::Path) && self.has(Pseudo::Scheme);
        let without_target = !self.has(Pseudo::Path) && !self.has(Pseudo::Scheme);
        let wrong_target = match plain_connect {
            true => !without_target || !self.has(Pseudo::Authority),
            false => !with_target,
        };
        let wrong_tunnel = tunnel && !(connect && is_connect && self.has(Pseudo::Authority));
        if !self.has(Pseudo::Method) || wrong_target || wrong_tunnel {
            return Err(Malformed);
        }
        if !self.cookies.is_empty() {
            let added = self
                .head
                .add_field(b"cookie", &self.cookies, &mut self.lines);
            self.refused = self.refused.or(added.err());
        }
        if tunnel {
            self.upgrade();
        } else if plain_connect {
            let path = self.push(b"/");
            self.head.set_path(path);
        }
        self.head.connect = plain_connect;
        let closed = self.head.close(&self.lines, body, is_connect);
        if !tunnel {
            self.head.message.upgrade = None;
        }
        let hosts = (self.hosts > 1).then_some(HeadError::Malformed);
        let refused = self.refused.or(hosts).or(closed.err());
        let length = self.head.message.content_length;
        if !body && length.is_some_and(|length| length > 0) {
            return Err(Malformed);
        }
        assembled(refused, length.filter(|_| !is_connect))
    }

    /// An extended CONNECT is what asks for an upgrade here.
    fn upgrade(&mut self) {
        self.head.method = self.push(b"GET");
        let kind = self.protocol.of(&self.lines).to_vec();
        for (name, value) in [(&b"upgrade"[..], &kind[..]), (b"connection", b"upgrade")] {
            let added = self.head.add_field(name, value, &mut self.lines);
            self.refused = self.refused.or(added.err());
        }
    }
}

fn bit(pseudo: Pseudo) -> u8 {
    1 << pseudo as u8
}

/// `:method`, `:scheme`, `:authority`, `:path`.
const PSEUDO: usize = 4;
