// SPDX-License-Identifier: Apache-2.0
//! Heads and trailers on their way out.
//!
//! In: the bytes that the one writer of heads wrote, or trailer lines. Out: what the HTTP/2 codec
//! encodes. Fields that HTTP/2 forbids stay behind.

use h2::ext::Protocol;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_LENGTH, HOST, TE},
    uri::Scheme,
};

use crate::http::Known;

/// A request that is about to be sent.
pub(crate) struct Opened<'a> {
    /// Its head, as written for HTTP/1.
    pub(crate) head: &'a [u8],
    /// `:scheme` is https.
    pub(crate) https: bool,
    /// No body follows.
    pub(crate) ends: bool,
}

/// A request. `None` when the codec cannot express it. One for an upgrade becomes an extended
/// CONNECT (RFC 8441).
pub(crate) fn request(opened: &Opened<'_>) -> Option<Request<()>> {
    let (first, lines) = split(opened.head);
    let mut parts = first.split(|byte| *byte == b' ');
    let method = Method::from_bytes(parts.next()?).ok()?;
    let path = parts.next()?;
    let fields = parse(lines, Some(HOST));
    let upgrade = value_of(lines, b"upgrade").and_then(|kind| std::str::from_utf8(kind).ok());
    let host = value_of(lines, b"host")?;
    let uri = Uri::builder()
        .scheme(if opened.https {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        })
        .authority(host)
        .path_and_query(path)
        .build()
        .ok()?;
    let mut request = Request::new(());
    *request.method_mut() = match upgrade {
        Some(kind) => {
            request.extensions_mut().insert(Protocol::from(kind));
            Method::CONNECT
        }
        None => method,
    };
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = fields;
    Some(request)
}

/// A response, from its head as written for HTTP/1.
pub(crate) fn response(head: &[u8]) -> Option<Response<()>> {
    let (first, lines) = split(head);
    let status = StatusCode::from_bytes(first.split(|byte| *byte == b' ').nth(1)?).ok()?;
    // A switch is a success of CONNECT.
    let status = match status {
        StatusCode::SWITCHING_PROTOCOLS => StatusCode::OK,
        other => other,
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = http::Version::HTTP_2;
    *response.headers_mut() = parse(lines, None);
    Some(response)
}

/// Trailers, from their lines.
pub(crate) fn trailers(lines: &[u8]) -> HeaderMap {
    let mut trailers = parse(lines, None);
    for name in [CONTENT_LENGTH, HOST, TE] {
        trailers.remove(name);
    }
    trailers
}

/// Trailers as lines.
pub(crate) fn push_lines(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        if !Known::of(name.as_str().as_bytes()).may_trail() {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn split(head: &[u8]) -> (&[u8], &[u8]) {
    let end = head.windows(2).position(|pair| pair == b"\r\n");
    let end = end.unwrap_or(head.len());
    (&head[..end], head.get(end + 2..).unwrap_or_default())
}

fn fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

fn value_of<'a>(lines: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut fields = fields(lines);
    let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value)
}

/// Fields without one; taking it out afterwards would move the last to its place.
fn parse(lines: &[u8], without: Option<HeaderName>) -> HeaderMap {
    let mut parsed = HeaderMap::with_capacity(16);
    for (name, value) in fields(lines) {
        // Case is folded on the way in.
        let name = HeaderName::from_bytes(name);
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) else {
            continue;
        };
        if !FORBIDDEN.contains(&name.as_str()) && Some(&name) != without.as_ref() {
            parsed.append(name, value);
        }
    }
    parsed
}

/// RFC 9113 8.2.2.
const FORBIDDEN: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_become_what_the_codec_takes() {
        let head = b"POST /a?b HTTP/1.1\r\nHost: h:8\r\nX-A: 1\r\nx-a: 2\r\n\
                     transfer-encoding: chunked\r\n\r\n";
        let opened = |head, https| Opened {
            head,
            https,
            ends: false,
        };
        let request = request(&opened(head, true)).expect("a request");
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://h:8/a?b");
        let values: Vec<_> = request.headers().get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(request.headers().len(), 2);
        let head = b"HTTP/1.1 204 No Content\r\nconnection: close\r\ndate: x\r\n\r\n";
        let response = response(head).expect("a response");
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers().len(), 1);
    }
}
