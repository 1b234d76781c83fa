// SPDX-License-Identifier: Apache-2.0
//! PROXY protocol towards upstreams (`ProxyProtocolUpstreamTransport`).
//!
//! In: version and additions from the configuration; whose connection it is. Out: the bytes that a
//! connection begins with.

use std::net::{IpAddr, SocketAddr};

/// The setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyProtocol {
    /// Which form.
    pub(crate) version: Version,
    /// Added fields, encoded, v2 only.
    pub(crate) added: Vec<u8>,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// Whose connection it is: the client and the address it connected to. An upstream connection that
/// announced one serves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// The client.
    pub(crate) source: SocketAddr,
    /// What it connected to.
    pub(crate) destination: SocketAddr,
}

impl ProxyProtocol {
    /// The header for `origin`; for a connection of our own from `own`, as Envoy's health checks
    /// make them, when there is none.
    pub(crate) fn header(&self, origin: Option<Origin>, own: Origin) -> Vec<u8> {
        match self.version {
            Version::V1 => v1(origin.unwrap_or(own)),
            Version::V2 => self.v2(origin),
        }
    }

    fn v2(&self, origin: Option<Origin>) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        let Some(origin) = origin else {
            // LOCAL, no addresses.
            header.extend([0x20, 0, 0, 0]);
            return header;
        };
        let (source, destination) = origin.ips();
        let mut body = Vec::new();
        let family = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                body.extend(source.octets());
                body.extend(destination.octets());
                0x11
            }
            (source, destination) => {
                body.extend(v6(source));
                body.extend(v6(destination));
                0x21
            }
        };
        body.extend(origin.source.port().to_be_bytes());
        body.extend(origin.destination.port().to_be_bytes());
        body.extend(&self.added);
        header.extend([0x21, family]);
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
        header.extend(length.to_be_bytes());
        header.extend(body);
        header
    }
}

impl Origin {
    /// Addresses as they are on the wire: IPv4 that arrived on an IPv6 socket is IPv4.
    fn ips(&self) -> (IpAddr, IpAddr) {
        let canonical = |address: &SocketAddr| address.ip().to_canonical();
        (canonical(&self.source), canonical(&self.destination))
    }
}

fn v1(origin: Origin) -> Vec<u8> {
    let (source, destination) = origin.ips();
    let family = match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        _ => "TCP6",
    };
    let (from, to) = (origin.source.port(), origin.destination.port());
    format!("PROXY {family} {source} {destination} {from} {to}\r\n").into_bytes()
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// First bytes of the binary form.
pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

#[cfg(test)]
mod tests {
    use super::{Origin, ProxyProtocol, Version};

    fn origin() -> Origin {
        Origin {
            source: "127.0.0.1:34600".parse().unwrap(),
            destination: "[::ffff:127.0.0.1]:23004".parse().unwrap(),
        }
    }

    fn header(version: Version, added: &[u8], origin_of: Option<Origin>) -> Vec<u8> {
        let added = added.to_vec();
        ProxyProtocol { version, added }.header(origin_of, origin())
    }

    #[test]
    fn bytes_are_those_recorded_from_envoy() {
        let text = b"PROXY TCP4 127.0.0.1 127.0.0.1 34600 23004\r\n";
        assert_eq!(header(Version::V1, &[], Some(origin())), text);
        assert_eq!(header(Version::V1, &[], None), text);
        let binary = [
            0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0,
            0x0c, 0x7f, 0, 0, 1, 0x7f, 0, 0, 1, 0x87, 0x28, 0x59, 0xdc,
        ];
        assert_eq!(header(Version::V2, &[], Some(origin())), binary);
        let added = header(Version::V2, &[0xe0, 0, 2, b'h', b'i'], Some(origin()));
        assert_eq!(added[14..16], [0, 0x11]);
        assert_eq!(added[28..], [0xe0, 0, 2, 0x68, 0x69]);
        assert_eq!(header(Version::V2, &[], None)[12..], [0x20, 0, 0, 0]);
    }
}
