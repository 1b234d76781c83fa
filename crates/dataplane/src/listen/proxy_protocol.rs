// SPDX-License-Identifier: Apache-2.0
//! PROXY protocol from clients (`envoy.filters.listener.proxy_protocol`).
//!
//! In: an accepted socket. Out: the addresses that a proxy in front of us announced; the socket is
//! left at the first byte behind the header.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{io::AsyncReadExt, net::TcpStream, time::sleep};

use crate::connect::{Origin, SIGNATURE};

/// The setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProxyProtocol {
    /// `allow_requests_without_proxy_protocol`.
    pub(crate) optional: bool,
    /// The text form is accepted.
    pub(crate) v1: bool,
    /// The binary form is accepted.
    pub(crate) v2: bool,
}

impl ProxyProtocol {
    /// Reads the header. `None` when it announces nobody, or is absent and may be.
    pub(super) async fn read(self, tcp: &mut TcpStream) -> io::Result<Option<Origin>> {
        let mut start = [0; SIGNATURE.len()];
        loop {
            let count = tcp.peek(&mut start).await?;
            let seen = &start[..count];
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.v2 && seen == SIGNATURE {
                return binary(tcp).await;
            }
            if self.v1 && seen.starts_with(TEXT) {
                return text(tcp).await;
            }
            let undecided =
                (self.v2 && SIGNATURE.starts_with(seen)) || (self.v1 && TEXT.starts_with(seen));
            if !undecided {
                return if self.optional { Ok(None) } else { refused() };
            }
            // A header in pieces: peeking again at once would find the same.
            sleep(PIECES).await;
        }
    }
}

async fn text(tcp: &mut TcpStream) -> io::Result<Option<Origin>> {
    let mut line = Vec::with_capacity(LONGEST);
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST {
            return refused();
        }
        line.push(tcp.read_u8().await?);
    }
    of_line(&line[..line.len() - 2])
}

/// What a line of the text form announces.
pub(crate) fn of_line(line: &[u8]) -> io::Result<Option<Origin>> {
    let line = std::str::from_utf8(line);
    let words: Vec<&str> = line
        .map(|line| line.split(' ').collect())
        .unwrap_or_default();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        [
            "PROXY",
            family @ ("TCP4" | "TCP6"),
            source,
            destination,
            from,
            to,
        ] => {
            let address = |ip: &str, port: &str| {
                let ip: IpAddr = ip.parse().ok()?;
                let port = plain_port(port)?;
                (ip.is_ipv4() == (*family == "TCP4")).then(|| SocketAddr::new(ip, port))
            };
            match (address(source, from), address(destination, to)) {
                (Some(source), Some(destination)) => Ok(Some(Origin {
                    source,
                    destination,
                })),
                _ => refused(),
            }
        }
        _ => refused(),
    }
}

/// A port as the specification has it: digits, and no leading zero.
fn plain_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let octal = text.len() > 1 && text.starts_with('0');
    (digits && !octal).then(|| text.parse().ok()).flatten()
}

async fn binary(tcp: &mut TcpStream) -> io::Result<Option<Origin>> {
    let mut head = [0; 16];
    tcp.read_exact(&mut head).await?;
    let length = u16::from_be_bytes([head[14], head[15]]);
    let mut body = vec![0; usize::from(length)];
    tcp.read_exact(&mut body).await?;
    of_block([head[12], head[13]], &body)
}

/// What the binary form announces: command and family, and what its length covers.
pub(crate) fn of_block(kind: [u8; 2], body: &[u8]) -> io::Result<Option<Origin>> {
    match kind {
        // LOCAL: the proxy speaks for itself.
        [0x20, _] => Ok(None),
        [0x21, 0x11] => addresses::<4>(body, |ip| Ipv4Addr::from(ip).into()),
        [0x21, 0x21] => addresses::<16>(body, |ip| Ipv6Addr::from(ip).into()),
        _ => refused(),
    }
}

/// Two addresses, two ports; what follows are additions.
fn addresses<const N: usize>(
    body: &[u8],
    ip: impl Fn([u8; N]) -> IpAddr,
) -> io::Result<Option<Origin>> {
    let parts = || {
        let (source, rest) = body.split_first_chunk::<N>()?;
        let (destination, rest) = rest.split_first_chunk::<N>()?;
        let (from, rest) = rest.split_first_chunk::<2>()?;
        let to = rest.first_chunk::<2>()?;
        Some(Origin {
            source: SocketAddr::new(ip(*source), u16::from_be_bytes(*from)),
            destination: SocketAddr::new(ip(*destination), u16::from_be_bytes(*to)),
        })
    };
    parts().map_or_else(refused, |origin| Ok(Some(origin)))
}

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(ErrorKind::InvalidData, "no PROXY header"))
}

const TEXT: &[u8] = b"PROXY ";
/// Of a line of the text form, by its specification.
const LONGEST: usize = 107;
/// Between two looks at an unfinished signature.
const PIECES: Duration = Duration::from_millis(5);
