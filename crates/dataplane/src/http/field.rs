// SPDX-License-Identifier: Apache-2.0
//! One header field of a parsed head, as slices of the bytes it came in.
//!
//! In: a name. Out: whether it is one of those that a proxy treats specially.

use super::ascii::spells;

/// A range of a head's bytes; heads are bounded far below 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The range `start..end`; both far below 4 GiB, see `max_request_headers_kb`.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes of this range.
    pub(crate) fn of<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        whole
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// First byte.
    pub(crate) fn start(&self) -> usize {
        self.start as usize
    }

    /// The byte after the last.
    pub(crate) fn end(&self) -> usize {
        self.end as usize
    }
}

/// A field line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name as written.
    pub(crate) name: Span,
    /// The value without surrounding blanks.
    pub(crate) value: Span,
    /// What the name means here.
    pub(crate) known: Known,
    /// The name may have upper-case letters.
    pub(crate) upper: bool,
    /// The line is the name, a colon, one blank and the value, so that it can be copied as it is.
    pub(crate) exact: bool,
}

/// Names that framing, hop-by-hop rules or Envoy's own headers treat specially.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// `x-forwarded-client-cert`.
    ClientCert,
    /// `connection`.
    Connection,
    /// `content-length`.
    ContentLength,
    /// `content-type`.
    ContentType,
    /// `date`.
    Date,
    /// `x-envoy-*` names that only another proxy may set, see [`Known::of`].
    EdgeOnly,
    /// `x-envoy-*` names that only a trusted peer may set, see [`Known::of`].
    EnvoyInternal,
    /// `x-envoy-expected-rq-timeout-ms`.
    ExpectedTimeout,
    /// `expect`.
    Expect,
    /// `x-envoy-external-address`.
    ExternalAddress,
    /// `x-forwarded-for`.
    ForwardedFor,
    /// `x-forwarded-proto`.
    ForwardedProto,
    /// `host`.
    Host,
    /// `keep-alive`.
    KeepAlive,
    /// Anything else.
    Other,
    /// `proxy-connection`.
    ProxyConnection,
    /// `x-request-id`.
    RequestId,
    /// `server`.
    Server,
    /// `te`.
    Te,
    /// `transfer-encoding`.
    TransferEncoding,
    /// `upgrade`.
    Upgrade,
    /// `x-envoy-upstream-service-time`.
    UpstreamServiceTime,
}

impl Known {
    /// Looks the token `name` up, whatever its case. Length and first letter rule out nearly all
    /// names before anything is compared.
    #[inline(always)]
    pub(crate) fn of(name: &[u8]) -> Self {
        let Some(first) = name.first() else {
            return Self::Other;
        };
        let firsts = FIRSTS[name.len().min(LONG)];
        if firsts >> (first & 31) & 1 == 0 {
            return Self::Other;
        }
        Self::find(name, *first)
    }

    #[inline(never)]
    fn find(name: &[u8], first: u8) -> Self {
        let (text, known) = match (name.len(), first | 0x20) {
            (2, b't') => ("te", Self::Te),
            (4, b'h') => ("host", Self::Host),
            (4, b'd') => ("date", Self::Date),
            (6, b'e') => ("expect", Self::Expect),
            (6, b's') => ("server", Self::Server),
            (7, b'u') => ("upgrade", Self::Upgrade),
            (10, b'c') => ("connection", Self::Connection),
            (10, b'k') => ("keep-alive", Self::KeepAlive),
            (12, b'c') => ("content-type", Self::ContentType),
            (12, b'x') => ("x-request-id", Self::RequestId),
            (14, b'c') => ("content-length", Self::ContentLength),
            (15, b'x') if matches!(name[2], b'f' | b'F') => ("x-forwarded-for", Self::ForwardedFor),
            (16, b'p') => ("proxy-connection", Self::ProxyConnection),
            (17, b't') => ("transfer-encoding", Self::TransferEncoding),
            (17, b'x') if matches!(name[2], b'f' | b'F') => {
                ("x-forwarded-proto", Self::ForwardedProto)
            }
            (23, b'x') if matches!(name[2], b'f' | b'F') => {
                ("x-forwarded-client-cert", Self::ClientCert)
            }
            (15.., b'x') if spells(&name[..8], b"x-envoy-") => {
                return Self::of_envoy(&name[8..]);
            }
            _ => return Self::Other,
        };
        if spells(name, text.as_bytes()) {
            known
        } else {
            Self::Other
        }
    }

    /// Whether it speaks of one connection, in HTTP/1 (RFC 9113 8.2.2).
    pub(crate) fn is_of_connection(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Whether a trailer may have this name: not what frames, routes or hops (RFC 9110 6.5.1), which
    /// the next one might add to the head.
    pub(crate) fn may_trail(self) -> bool {
        !matches!(
            self,
            Self::Connection
                | Self::ContentLength
                | Self::Host
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::Te
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Its bit in a set of names.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }

    fn of_envoy(rest: &[u8]) -> Self {
        let is = |text: &str| spells(rest, text.as_bytes());
        if is("upstream-service-time") {
            Self::UpstreamServiceTime
        } else if is("expected-rq-timeout-ms") {
            Self::ExpectedTimeout
        } else if is("external-address") {
            Self::ExternalAddress
        } else if EDGE.iter().any(|name| is(name)) {
            Self::EdgeOnly
        } else if INTERNAL.iter().any(|name| is(name)) {
            Self::EnvoyInternal
        } else {
            Self::Other
        }
    }
}

/// Names this long and longer that are known start with `x-envoy-`.
const LONG: usize = 24;

/// For each length of a name, the first letters of those that are known, by their lowest five bits.
const FIRSTS: [u32; LONG + 1] = {
    let mut firsts = [0; LONG + 1];
    let mut at = 0;
    while at < NAMES.len() {
        let name = NAMES[at].as_bytes();
        firsts[name.len()] |= 1 << (name[0] & 31);
        at += 1;
    }
    let mut length = "x-envoy-".len();
    while length <= LONG {
        firsts[length] |= 1 << (b'x' & 31);
        length += 1;
    }
    firsts
};

/// The known names that do not start with `x-envoy-`.
const NAMES: [&str; 16] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// After `x-envoy-`: removed from requests at the edge, where clients are no proxies.
const EDGE: [&str; 5] = [
    "decorator-operation",
    "downstream-service-cluster",
    "downstream-service-node",
    "original-host",
    "original-path",
];

/// After `x-envoy-`: removed from requests of untrusted clients (Envoy's list).
const INTERNAL: [&str; 14] = [
    "internal",
    "retry-on",
    "retry-grpc-on",
    "max-retries",
    "upstream-rq-timeout-ms",
    "upstream-rq-per-try-timeout-ms",
    "upstream-rq-timeout-alt-response",
    "upstream-alt-stat-name",
    "upstream-stream-duration-ms",
    "retriable-status-codes",
    "retriable-header-names",
    "hedge-on-per-try-timeout",
    "force-trace",
    "ip-tags",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(Known::of(b"HOST"), Known::Host);
        assert_eq!(Known::of(b"Content-Length"), Known::ContentLength);
        assert_eq!(Known::of(b"X-Envoy-Retry-On"), Known::EnvoyInternal);
        assert_eq!(Known::of(b"X-Envoy-Ip-Tags"), Known::EnvoyInternal);
        assert_eq!(Known::of(b"x-forwarded-for"), Known::ForwardedFor);
        assert_eq!(Known::of(b"x-envoy-foo"), Known::Other);
        assert_eq!(
            Known::of(b"x-envoy-upstream-service-time"),
            Known::UpstreamServiceTime
        );
        assert_eq!(Known::of(b""), Known::Other);
        for name in NAMES.into_iter().map(str::to_owned) {
            assert_ne!(Known::of(name.as_bytes()), Known::Other, "{name}");
            let name = name.to_ascii_uppercase();
            assert_ne!(Known::of(name.as_bytes()), Known::Other, "{name}");
        }
        for rest in EDGE.into_iter().chain(INTERNAL) {
            let name = format!("x-Envoy-{rest}");
            assert_ne!(Known::of(name.as_bytes()), Known::Other, "{name}");
        }
    }
}
