// SPDX-License-Identifier: Apache-2.0
//! Chunked bodies.

use crate::{Reading, find};

/// A chunked body.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunked {
    /// Its data.
    pub data: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes that it consists of.
    pub length: usize,
    /// Whether it is written in the plainest way: no extensions, no needless digits.
    pub plain: bool,
}

/// Reads a chunked body.
pub fn read(bytes: &[u8]) -> Reading<Chunked> {
    let mut body = Chunked {
        data: Vec::new(),
        trailers: Vec::new(),
        length: 0,
        plain: true,
    };
    loop {
        let rest = &bytes[body.length..];
        let Some(end) = find(rest, b"\r\n") else {
            return Reading::Unfinished;
        };
        let Some(size) = size(&rest[..end]) else {
            return Reading::Nonsense;
        };
        body.plain &= rest[..end] == *format!("{size:x}").as_bytes();
        body.length += end + 2;
        if size == 0 {
            return trailers(body, bytes);
        }
        let rest = &bytes[body.length..];
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= rest.len()) else {
            return Reading::Unfinished;
        };
        match &rest[size..] {
            [] | [b'\r'] => return Reading::Unfinished,
            [b'\r', b'\n', ..] => {}
            _ => return Reading::Nonsense,
        }
        body.data.extend_from_slice(&rest[..size]);
        body.length += size + 2;
    }
}

fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let rest = match rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
        None if rest.is_empty() => rest,
        None => return None,
        Some(at) => &rest[at..],
    };
    let extension = rest.is_empty() || rest[0] == b';';
    if digits.is_empty() || digits.len() > 16 || !extension {
        return None;
    }
    if !rest.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) {
        return None;
    }
    let size = i64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    u64::try_from(size).ok()
}

fn trailers(mut body: Chunked, bytes: &[u8]) -> Reading<Chunked> {
    let from = body.length - 2;
    let Some(end) = find(&bytes[from..], b"\r\n\r\n") else {
        return Reading::Unfinished;
    };
    body.length = from + end + 4;
    if end > 0 {
        let head = [b"HTTP/1.1 200 OK\r\n", &bytes[from + 2..body.length]].concat();
        body.trailers = match plain_fields(&head) {
            Some(fields) => fields,
            None => return Reading::Nonsense,
        };
        let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        if !body.trailers.iter().all(|(_, value)| value.iter().all(visible)) {
            return Reading::Nonsense;
        }
    }
    Reading::Message(body)
}

/// Field lines, whatever they mean.
fn plain_fields(head: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let text = &head[find(head, b"\r\n")? + 2..];
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, b"\r\n").filter(|end| *end > 0) {
        fields.push(crate::head::field(&rest[..end])?);
        rest = &rest[end + 2..];
    }
    Some(fields)
}
