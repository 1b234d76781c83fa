// SPDX-License-Identifier: Apache-2.0
//! Heads and trailers on their way out.
//!
//! In: the bytes that the one writer of heads wrote, or trailer lines. Out: what the HTTP/2 codec
//! encodes. Fields that HTTP/2 forbids stay behind.

use bytes::Bytes;
use h2::ext::Protocol;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_LENGTH, HOST, TE},
    uri::Scheme,
};

use super::kept;
use crate::http::{Known, Written};

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
    let (first, written) = Written::head(opened.head);
    let mut parts = first.split(|byte| *byte == b' ');
    let method = Method::from_bytes(parts.next()?).ok()?;
    let path = parts.next()?;
    let Fields {
        fields,
        host,
        upgrade,
    } = parse(opened.head, written, true);
    let upgrade = upgrade.and_then(|kind| std::str::from_utf8(kind).ok());
    let host = host?;
    let tunnel = method == Method::CONNECT && upgrade.is_none();
    let uri = if tunnel {
        // Nothing but where it leads to.
        Uri::builder().authority(host.as_bytes())
    } else {
        Uri::builder()
            .scheme(if opened.https {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            })
            .authority(host.as_bytes())
            .path_and_query(path)
    };
    let uri = uri.build().ok()?;
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

/// Trailers, from their lines.
pub(crate) fn trailers(lines: &[u8]) -> HeaderMap {
    let mut trailers = parse(lines, Written::lines(lines), false).fields;
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

/// What there is in a head besides its first line.
struct Fields<'a> {
    fields: HeaderMap,
    /// The value of a Host field that was to be taken out.
    host: Option<HeaderValue>,
    /// The value of the first Upgrade field.
    upgrade: Option<&'a [u8]>,
}

/// Takes lines apart. `takes_host` keeps Host out of the fields: taking it out afterwards would move
/// the last field to its place.
fn parse<'a>(bytes: &'a [u8], written: Written<'a>, takes_host: bool) -> Fields<'a> {
    let mut fields = HeaderMap::with_capacity(USUAL);
    let (mut upgrade, mut host) = (None, None);
    let mut add = |name: HeaderName, value: HeaderValue| {
        if takes_host && name == HOST {
            host.get_or_insert(value);
        } else {
            fields.append(name, value);
        }
    };
    let mut copy = None;
    kept::with(|kept| {
        for line in written {
            let line_bytes = &bytes[line.clone()];
            if let Some((name, value)) = kept.line(line_bytes) {
                add(name, value);
                continue;
            }
            let Some(field) = Written::field(bytes, &line) else {
                continue;
            };
            let value = field.value.of(bytes);
            if field.known == Known::Upgrade {
                upgrade = upgrade.or(Some(value));
            }
            if field.known.is_of_connection() {
                continue;
            }
            let value = if bytes.len() > COPIED {
                HeaderValue::from_bytes(value)
            } else {
                // One copy for all: the codec needs them for longer than the bytes are there.
                let copy: &Bytes = copy.get_or_insert_with(|| Bytes::copy_from_slice(bytes));
                let range = field.value.start()..field.value.end();
                HeaderValue::from_maybe_shared(copy.slice(range))
            };
            if let (Some(name), Ok(value)) = (kept.name(field.name.of(bytes)), value) {
                kept.keep(line_bytes, &name, &value);
                add(name, value);
            }
        }
    });
    Fields {
        fields,
        host,
        upgrade,
    }
}

/// Larger heads are copied field by field: one that the codec keeps would keep them all.
const COPIED: usize = 2048;
/// Room for the fields of most heads.
const USUAL: usize = 12;

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
    }
}
