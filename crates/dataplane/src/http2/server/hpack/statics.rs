// SPDX-License-Identifier: Apache-2.0
//! The static table (RFC 7541, appendix A).
//!
//! In: an index, or a name. Out: a line, or the index of the first line with that name.

/// The line at an index from 1 on, and the bytes of its name.
pub(super) fn line(index: usize) -> Option<(&'static [u8], usize)> {
    let line = LINES.get(index.checked_sub(1)?)?.as_bytes();
    Some((line, NAMES[index - 1]))
}

/// The index of a name in lower case; 0 when it is not there.
pub(super) fn name(name: &[u8]) -> usize {
    let mut all = LINES.iter().zip(NAMES);
    let found =
        all.position(|(line, length)| length == name.len() && line.as_bytes().starts_with(name));
    found.map_or(0, |at| at + 1)
}

/// How many lines there are.
pub(super) const COUNT: usize = LINES.len();

/// Bytes of the names.
const NAMES: [usize; COUNT] = {
    let mut names = [0; COUNT];
    let mut at = 0;
    while at < COUNT {
        let line = LINES[at].as_bytes();
        let mut length = 1;
        while line[length] != b':' {
            length += 1;
        }
        names[at] = length;
        at += 1;
    }
    names
};

const LINES: [&str; 61] = [
    ":authority: \r\n",
    ":method: GET\r\n",
    ":method: POST\r\n",
    ":path: /\r\n",
    ":path: /index.html\r\n",
    ":scheme: http\r\n",
    ":scheme: https\r\n",
    ":status: 200\r\n",
    ":status: 204\r\n",
    ":status: 206\r\n",
    ":status: 304\r\n",
    ":status: 400\r\n",
    ":status: 404\r\n",
    ":status: 500\r\n",
    "accept-charset: \r\n",
    "accept-encoding: gzip, deflate\r\n",
    "accept-language: \r\n",
    "accept-ranges: \r\n",
    "accept: \r\n",
    "access-control-allow-origin: \r\n",
    "age: \r\n",
    "allow: \r\n",
    "authorization: \r\n",
    "cache-control: \r\n",
    "content-disposition: \r\n",
    "content-encoding: \r\n",
    "content-language: \r\n",
    "content-length: \r\n",
    "content-location: \r\n",
    "content-range: \r\n",
    "content-type: \r\n",
    "cookie: \r\n",
    "date: \r\n",
    "etag: \r\n",
    "expect: \r\n",
    "expires: \r\n",
    "from: \r\n",
    "host: \r\n",
    "if-match: \r\n",
    "if-modified-since: \r\n",
    "if-none-match: \r\n",
    "if-range: \r\n",
    "if-unmodified-since: \r\n",
    "last-modified: \r\n",
    "link: \r\n",
    "location: \r\n",
    "max-forwards: \r\n",
    "proxy-authenticate: \r\n",
    "proxy-authorization: \r\n",
    "range: \r\n",
    "referer: \r\n",
    "refresh: \r\n",
    "retry-after: \r\n",
    "server: \r\n",
    "set-cookie: \r\n",
    "strict-transport-security: \r\n",
    "transfer-encoding: \r\n",
    "user-agent: \r\n",
    "vary: \r\n",
    "via: \r\n",
    "www-authenticate: \r\n",
];
