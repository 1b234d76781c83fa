// SPDX-License-Identifier: Apache-2.0
//! Questions to the kernel about sockets: `sock_diag(7)`, as `ss` asks them.
//!
//! In: nothing. Out: every TCP connection of the network namespace. The layouts are those of
//! `linux/inet_diag.h` and `linux/tcp.h`, which only ever grow at their ends.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

use super::Timer;

/// A connection as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) inode: u32,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: &'static str,
    pub(super) timer: Timer,
    pub(super) expires_ms: u32,
    pub(super) unanswered: u8,
    pub(super) rtt_us: Option<u32>,
    pub(super) retransmitted: u32,
}

/// Every connection, of both families.
pub(super) fn connections() -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        send(&socket, &question(family), SendFlags::empty())?;
        read(&socket, &mut all)?;
    }
    Ok(all)
}

/// `nlmsghdr` and `inet_diag_req_v2`, which is zero where it is not a filter.
fn question(family: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = HEADER + 8 + ID;
    bytes.extend(u32::try_from(size).unwrap_or_default().to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    let states = STATES
        .iter()
        .fold(0_u32, |mask, (state, _)| mask | 1 << state);
    bytes.extend(states.to_ne_bytes());
    bytes.resize(size, 0);
    bytes
}

fn read(socket: &OwnedFd, all: &mut Vec<Found>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (size, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
        let mut rest = &buffer[..size];
        while let Some((kind, body, after)) = message(rest) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let code = number(body, 0).unwrap_or_default().wrapping_neg();
                    let code = i32::try_from(code).unwrap_or_default();
                    return Err(io::Error::from_raw_os_error(code));
                }
                _ => all.extend(found(body)),
            }
            rest = after;
        }
        if size == 0 {
            return Ok(());
        }
    }
}

/// Type and body of the first message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let size = usize::try_from(number(bytes, 0)?).ok()?;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let body = bytes.get(HEADER..size)?;
    let after = bytes.get(size.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body, after))
}

/// `inet_diag_msg` and its attributes.
fn found(body: &[u8]) -> Option<Found> {
    let [family, state, timer, unanswered] = *body.first_chunk::<4>()?;
    let info = attribute(body.get(4 + ID + 20..)?, INET_DIAG_INFO);
    let field = |at| info.and_then(|info| number(info, at));
    let states = STATES.iter();
    let state = states.into_iter().find(|(number, _)| *number == state)?.1;
    Some(Found {
        local: address(family, body, 4, 8)?,
        remote: address(family, body, 6, 24)?,
        state,
        timer: match timer {
            1 => Timer::Retransmit,
            2 => Timer::Keepalive,
            3 => Timer::TimeWait,
            4 => Timer::Persist,
            _ => Timer::Off,
        },
        unanswered,
        expires_ms: number(body, 4 + ID)?,
        inode: number(body, 4 + ID + 16)?,
        rtt_us: field(TCPI_RTT),
        retransmitted: field(TCPI_TOTAL_RETRANS).unwrap_or_default(),
    })
}

/// Port and address at these places, both in the order of the network.
fn address(family: u8, body: &[u8], port: usize, at: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?);
    let bytes: [u8; 16] = body.get(at..at + 16)?.try_into().ok()?;
    let ip = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::from(*bytes.first_chunk::<4>()?)),
        _ => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

fn attribute(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let size = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let body = bytes.get(4..usize::from(size))?;
        if kind == u16::from(wanted) {
            return Some(body);
        }
        bytes = bytes.get(usize::from(size).next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

/// Size of `nlmsghdr`.
const HEADER: usize = 16;
/// Size of `inet_diag_sockid`.
const ID: usize = 48;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const INET_DIAG_INFO: u8 = 2;
/// Places in `tcp_info`.
const TCPI_RTT: usize = 68;
const TCPI_TOTAL_RETRANS: usize = 100;

/// States of connections that somebody still has open, in the words of `ss`.
const STATES: [(u8, &str); 5] = [
    (1, "ESTAB"),
    (2, "SYN-SENT"),
    (4, "FIN-WAIT-1"),
    (5, "FIN-WAIT-2"),
    (8, "CLOSE-WAIT"),
];

/// The kernel answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_is_no_connection() {
        let mut body = vec![0; 4 + ID + 20];
        body[..4].copy_from_slice(&[AF_INET, 1, 2, 0]);
        // An attribute that claims more than there is.
        body.extend([200, 0, 2, 0, 1]);
        let shown = found(&body).unwrap();
        assert_eq!((shown.timer, shown.rtt_us), (Timer::Keepalive, None));
        for size in 0..body.len() - 5 {
            assert!(found(&body[..size]).is_none(), "{size}");
        }
        assert!(message(&[255; 16]).is_none());
        assert!(message(&[0; 16]).is_none());
    }
}
