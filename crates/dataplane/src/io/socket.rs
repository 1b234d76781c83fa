// SPDX-License-Identifier: Apache-2.0
//! Reads and writes on a plain socket that is ready, which is the rule.
//!
//! In: a socket and a buffer. Out: what one system call brought or took. Only when the socket has to
//! be waited for does the task register with the reactor.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    task::coop,
};

/// Reads into `buffer`; 0 means that the peer closed.
pub(super) fn poll_read(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    // A peer that always has something must let other tasks have their turn.
    let turn = ready!(coop::poll_proceed(cx));
    let wanted = buffer.len();
    let once = attempt(tcp, Interest::READABLE, wanted, || {
        let (count, _) = recv(&*tcp, &mut *buffer, RecvFlags::empty())?;
        Ok(count)
    });
    if let Some(done) = once {
        turn.made_progress();
        return Poll::Ready(done);
    }
    drop(turn);
    let mut buffer = ReadBuf::new(buffer);
    let polled = Pin::new(tcp).poll_read(cx, &mut buffer);
    polled.map_ok(|()| buffer.filled().len())
}

/// Writes; returns how many bytes were taken.
pub(super) fn poll_write(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    let once = attempt(tcp, Interest::WRITABLE, bytes.len(), || {
        Ok(send(&*tcp, bytes, SendFlags::NOSIGNAL)?)
    });
    match once {
        Some(done) => Poll::Ready(done),
        None => Pin::new(tcp).poll_write(cx, bytes),
    }
}

/// One system call, if the socket is known to be ready. A call that moves less than what was `wanted`
/// tells that the socket is drained or full: it counts as not ready from there on, which saves the call
/// that would find out.
fn attempt(
    tcp: &TcpStream,
    interest: Interest,
    wanted: usize,
    call: impl FnOnce() -> io::Result<usize>,
) -> Option<io::Result<usize>> {
    let mut moved = None;
    let tried = tcp.try_io(interest, || match call()? {
        count if 0 < count && count < wanted => {
            moved = Some(count);
            Err(io::ErrorKind::WouldBlock.into())
        }
        count => Ok(count),
    });
    match (moved, tried) {
        (Some(count), _) => Some(Ok(count)),
        (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
        (None, tried) => Some(tried),
    }
}
