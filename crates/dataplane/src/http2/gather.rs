// SPDX-License-Identifier: Apache-2.0
//! One write per wake-up.
//!
//! In: the frames that the codec writes, one by one. Out: all of them in one write when the
//! connection's task goes to sleep. Above a cap the codec has to wait, so nothing grows.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::spare;
use crate::io::Stream;

/// The codec's end of a stream; its clone is the task's, who calls [`Gather::poll_send`].
#[derive(Debug, Clone)]
pub(crate) struct Gather(Rc<RefCell<Gathered>>);

#[derive(Debug)]
struct Gathered {
    stream: Stream,
    out: Vec<u8>,
    sent: usize,
    received: u64,
    written: u64,
}

impl Gather {
    /// Takes over a stream.
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Rc::new(RefCell::new(Gathered {
            stream,
            out: Vec::new(),
            sent: 0,
            received: 0,
            written: 0,
        })))
    }

    /// Puts bytes in front of whatever the codec writes.
    pub(crate) fn put_first(&self, bytes: Vec<u8>) {
        self.0.borrow_mut().out.splice(0..0, bytes);
    }

    /// Sends what was gathered. To be called before the task sleeps.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }

    /// Bytes received and written since this was last asked.
    pub(crate) fn take_counts(&self) -> (u64, u64) {
        let mut gathered = self.0.borrow_mut();
        let received = std::mem::take(&mut gathered.received);
        (received, std::mem::take(&mut gathered.written))
    }
}

impl Gathered {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let polled = self.stream.poll_write(cx, &self.out[self.sent..], b"");
            let count = ready!(polled)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
            self.written += count as u64;
        }
        self.sent = 0;
        if self.out.capacity() > 0 {
            // An idle connection holds no buffer.
            spare::put(std::mem::take(&mut self.out));
        }
        self.stream.poll_flush(cx)
    }
}

impl AsyncRead for Gather {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gathered = &mut *self.0.borrow_mut();
        let count = ready!(gathered.stream.poll_read_buf(cx, buffer))?;
        gathered.received += count as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gather {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = self.0.borrow_mut();
        if gathered.out.len() >= CAP {
            ready!(gathered.poll_send(cx))?;
        }
        if gathered.out.capacity() == 0 {
            gathered.out = spare::take();
        }
        gathered.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Nothing yet: the task sends when it has nothing else to do.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        ready!(gathered.poll_send(cx))?;
        gathered.stream.poll_shutdown(cx)
    }
}

/// Bytes gathered before the codec has to wait.
const CAP: usize = 128 * 1024;
