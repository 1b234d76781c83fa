// SPDX-License-Identifier: Apache-2.0
//! Frames as bytes (RFC 9113 4.1 and 6).
//!
//! In: bytes. Out: a frame's header, and what its payload says. And the way back for what a server
//! sends.

/// What stands in front of each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of payload.
    pub(super) length: usize,
    /// The type, one of those below or an unknown one.
    pub(super) kind: u8,
    /// The flags.
    pub(super) flags: u8,
    /// The stream; 0 is the connection.
    pub(super) stream: u32,
}

impl Header {
    /// Bytes of it.
    pub(super) const SIZE: usize = 9;

    /// Reads one. None when it is not all there.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.first_chunk::<{ Self::SIZE }>()?;
        Some(Self {
            length: u32::from_be_bytes([0, *a, *b, *c]) as usize,
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes(*stream) & LAST_STREAM,
        })
    }

    /// Its bytes.
    pub(super) fn bytes(self) -> [u8; Self::SIZE] {
        let [_, a, b, c] = u32::try_from(self.length).unwrap_or(0).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// Whether a flag is set.
    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding and, for HEADERS, without a priority. None when they do not fit.
    pub(super) fn inner(self, payload: &[u8]) -> Option<Inner<'_>> {
        let (padding, rest) = if self.has(PADDED) {
            let (padding, rest) = payload.split_first()?;
            (usize::from(*padding), rest)
        } else {
            (0, payload)
        };
        let (depends_on, rest) = if self.kind == HEADERS && self.has(PRIORITY_FIELDS) {
            let (fields, rest) = rest.split_first_chunk::<5>()?;
            (dependency(fields), rest)
        } else {
            (None, rest)
        };
        let bytes = rest.get(..rest.len().checked_sub(padding)?)?;
        Some(Inner { bytes, depends_on })
    }
}

/// What there is within padding.
pub(super) struct Inner<'a> {
    /// The bytes.
    pub(super) bytes: &'a [u8],
    /// The stream that this one is said to depend on.
    pub(super) depends_on: Option<u32>,
}

/// The stream of priority fields.
pub(super) fn dependency(fields: &[u8]) -> Option<u32> {
    number(fields).map(|number| number & LAST_STREAM)
}

/// The number that a payload begins with.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().copied().map(u32::from_be_bytes)
}

/// The settings of a payload of whole ones.
pub(super) fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    let all = payload.as_chunks::<6>().0.iter();
    all.map(|[a, b, c, d, e, f]| {
        let id = u16::from_be_bytes([*a, *b]);
        (id, u32::from_be_bytes([*c, *d, *e, *f]))
    })
}

/// Writes a frame.
pub(super) fn push(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let header = Header {
        length: payload.len(),
        kind,
        flags,
        stream,
    };
    out.extend_from_slice(&header.bytes());
    out.extend_from_slice(payload);
}

/// Why something ended (RFC 9113 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason(pub(super) u32);

impl Reason {
    pub(super) const NO_ERROR: Self = Self(0);
    pub(super) const PROTOCOL_ERROR: Self = Self(1);
    pub(crate) const INTERNAL_ERROR: Self = Self(2);
    pub(super) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(super) const STREAM_CLOSED: Self = Self(5);
    pub(super) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(super) const REFUSED_STREAM: Self = Self(7);
    pub(super) const CANCEL: Self = Self(8);
    pub(super) const COMPRESSION_ERROR: Self = Self(9);
    pub(super) const ENHANCE_YOUR_CALM: Self = Self(11);
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub(super) const END_STREAM: u8 = 1;
/// Of PING and SETTINGS.
pub(super) const ACK: u8 = 1;
/// Of HEADERS and CONTINUATION.
pub(super) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY_FIELDS: u8 = 0x20;

/// The highest number of a stream; also the largest window.
pub(super) const LAST_STREAM: u32 = (1 << 31) - 1;
/// Bytes of a window as long as nobody says otherwise.
pub(super) const DEFAULT_WINDOW: u32 = (1 << 16) - 1;
/// The largest payload that everybody takes.
pub(super) const MAX_FRAME: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_what_was_written() {
        let mut out = Vec::new();
        push(PING, ACK, 0, &[7; 8], &mut out);
        push(DATA, END_STREAM, LAST_STREAM, &[0; 300], &mut out);
        let ping = Header::parse(&out).expect("a header");
        assert_eq!((ping.length, ping.kind, ping.stream), (8, PING, 0));
        let data = Header::parse(&out[17..]).expect("a header");
        assert_eq!((data.length, data.stream), (300, LAST_STREAM));
        assert!(data.has(END_STREAM) && !data.has(PADDED));
        assert_eq!(Header::parse(&out[..8]), None);
    }

    #[test]
    fn padding_and_priority_come_off() {
        let header = |kind, flags| Header {
            length: 0,
            kind,
            flags,
            stream: 1,
        };
        let inner =
            |header: Header, payload: &[u8]| header.inner(payload).map(|it| it.bytes.to_vec());
        let data = header(DATA, PADDED);
        assert_eq!(inner(data, b"\x02ab--"), Some(b"ab".to_vec()));
        assert_eq!(inner(data, b"\x02--"), Some(Vec::new()));
        assert_eq!(inner(data, b"\x03--"), None);
        assert_eq!(inner(data, b""), None);
        let headers = header(HEADERS, PADDED | PRIORITY_FIELDS);
        let payload = b"\x01\x80\0\0\x05\x10ab-";
        assert_eq!(headers.inner(payload).and_then(|it| it.depends_on), Some(5));
        assert_eq!(inner(headers, payload), Some(b"ab".to_vec()));
        assert_eq!(inner(headers, b"\x01\0\0\0\x05"), None);
    }
}
