// SPDX-License-Identifier: Apache-2.0
//! PROXY headers, by their specification.

use std::net::{IpAddr, SocketAddr};

/// Who a line of the text form announces, as source and destination; `None` for a line that is none.
pub fn line(line: &[u8]) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let text = std::str::from_utf8(line).ok()?;
    let rest = text.strip_prefix("PROXY ")?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let (family, rest) = rest.split_once(' ')?;
    let (source, rest) = rest.split_once(' ')?;
    let (destination, rest) = rest.split_once(' ')?;
    let (from, to) = rest.split_once(' ')?;
    let address = |ip: &str, number: &str| -> Option<SocketAddr> {
        let ip = match family {
            "TCP4" => IpAddr::V4(ip.parse().ok()?),
            "TCP6" => IpAddr::V6(ip.parse().ok()?),
            _ => return None,
        };
        let port: u16 = number.parse().ok()?;
        (port.to_string() == number).then(|| SocketAddr::new(ip, port))
    };
    Some(Some((address(source, from)?, address(destination, to)?)))
}

/// Who the binary form announces: command and family, then addresses and additions.
pub fn block(kind: [u8; 2], body: &[u8]) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let size = match kind {
        [0x20, _] => return Some(None),
        [0x21, 0x11] => 4,
        [0x21, 0x21] => 16,
        _ => return None,
    };
    if body.len() < 2 * size + 4 {
        return None;
    }
    let ip = |bytes: &[u8]| -> Option<IpAddr> {
        Some(match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        })
    };
    let port = |at: usize| u16::from(body[at]) << 8 | u16::from(body[at + 1]);
    Some(Some((
        SocketAddr::new(ip(&body[..size])?, port(2 * size)),
        SocketAddr::new(ip(&body[size..2 * size])?, port(2 * size + 2)),
    )))
}
