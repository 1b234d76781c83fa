// SPDX-License-Identifier: Apache-2.0
//! Heads.

use crate::{Reading, find};

/// A head.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The words of the first line.
    pub first: [Vec<u8>; 3],
    /// Fields.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether a chunked body follows.
    pub chunked: bool,
    /// The length of the body that follows.
    pub content_length: Option<u64>,
    /// Bytes of the head.
    pub length: usize,
}

impl Head {
    /// Values of a name.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let fields = self.fields.iter();
        fields
            .filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    /// What the Connection fields name.
    fn hops(&self) -> Vec<String> {
        let values = self.values("connection").into_iter();
        let lists: Vec<_> = values.map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        let names = lists.iter().flat_map(|list| list.split(','));
        let names = names.map(|name| name.trim_ascii().to_ascii_lowercase());
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Whether the Connection fields name only what they may.
    fn hops_are_fair(&self) -> bool {
        let names = self.hops();
        if names.iter().all(|name| ["close", "keep-alive"].contains(&name.as_str())) {
            return true;
        }
        let needed = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
        names.len() < 11 && !names.iter().any(|name| needed.contains(&name.as_str()) || name.contains(':'))
    }
}

/// Reads a request. Also says what it asks of whom: path and query, and authority.
pub fn request(bytes: &[u8]) -> Reading<(Head, Vec<u8>, Vec<u8>)> {
    let head = match head(bytes) {
        Reading::Message(head) => head,
        Reading::Unfinished => return Reading::Unfinished,
        Reading::Nonsense => return Reading::Nonsense,
    };
    match asked(&head) {
        Some((target, authority)) => Reading::Message((head, target, authority)),
        None => Reading::Nonsense,
    }
}

/// Reads a response and its status.
pub fn response(bytes: &[u8]) -> Reading<(Head, u16)> {
    let head = match head(bytes) {
        Reading::Message(head) => head,
        Reading::Unfinished => return Reading::Unfinished,
        Reading::Nonsense => return Reading::Nonsense,
    };
    let [version, status, _] = &head.first;
    let old = version == b"HTTP/1.0";
    if !(old || version == b"HTTP/1.1") || (old && head.chunked) || status.len() != 3 {
        return Reading::Nonsense;
    }
    let number = String::from_utf8_lossy(status).into_owned();
    match number.parse() {
        Ok(number) if (100..600).contains(&number) && status[0] != b'+' => {
            Reading::Message((head, number))
        }
        _ => Reading::Nonsense,
    }
}

fn head(bytes: &[u8]) -> Reading<Head> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Reading::Unfinished;
    };
    taken_apart(&bytes[..end], end + 4).map_or(Reading::Nonsense, Reading::Message)
}

/// The head without its empty line.
fn taken_apart(text: &[u8], length: usize) -> Option<Head> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    if !lines.iter().all(|line| line.iter().all(visible)) || lines.len() > 101 {
        return None;
    }
    let mut words = lines[0].splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec);
    let first = [words.next()?, words.next()?, words.next().unwrap_or_default()];
    let fields: Option<Vec<_>> = lines[1..].iter().map(|line| field(line)).collect();
    let mut head = Head {
        first,
        fields: fields?,
        chunked: false,
        content_length: None,
        length,
    };
    head.chunked = match head.values("transfer-encoding").as_slice() {
        [] => false,
        [coding] if coding.eq_ignore_ascii_case(b"chunked") => true,
        _ => return None,
    };
    head.content_length = match head.values("content-length").as_slice() {
        [] => None,
        [number] => Some(decimal(number)?),
        _ => return None,
    };
    (!head.chunked || head.content_length.is_none()).then_some(head)
}

pub(crate) fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return None;
    }
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let Some(from) = value.iter().position(|byte| !blank(byte)) else {
        return Some((name.to_vec(), Vec::new()));
    };
    let to = value.iter().rposition(|byte| !blank(byte))?;
    Some((name.to_vec(), value[from..=to].to_vec()))
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.len() < 20 && text.iter().all(u8::is_ascii_digit);
    let number = digits.then(|| String::from_utf8_lossy(text).parse::<i64>().ok())??;
    u64::try_from(number).ok()
}

/// Path and query, and authority.
fn asked(head: &Head) -> Option<(Vec<u8>, Vec<u8>)> {
    let [method, target, version] = &head.first;
    let known = METHODS.split(' ').any(|known| known.as_bytes() == method);
    let printable = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if version != b"HTTP/1.1" || !known || !printable || !head.hops_are_fair() {
        return None;
    }
    let hosts = head.values("host");
    let [host] = hosts.as_slice() else {
        return None;
    };
    if !is_authority(host) {
        return None;
    }
    let plain = target.first() == Some(&b'/') || (target == b"*" && method == b"OPTIONS");
    if plain {
        return Some((target.clone(), host.to_vec()));
    }
    let text = String::from_utf8(target.clone()).ok()?;
    let (scheme, rest) = text.split_once("://")?;
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let slash = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    if authority.is_empty() || !is_authority(authority.as_bytes()) || path.starts_with('?') {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    Some((path.as_bytes().to_vec(), authority.as_bytes().to_vec()))
}

fn is_authority(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((inside, port))) => (inside, port),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            if host.contains(['[', ']']) || (host.is_empty() && !port.is_empty()) {
                return false;
            }
            (host, port)
        }
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#@,<>\"".contains(&byte))
        && (port.is_empty() || port.starts_with(':'))
        && digits.len() < 6
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The methods that Envoy's HTTP/1 codec knows.
const METHODS: &str = "ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY \
                       MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PRI PROPFIND PROPPATCH PURGE \
                       PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK \
                       UNSUBSCRIBE";
