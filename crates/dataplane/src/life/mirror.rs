// SPDX-License-Identifier: Apache-2.0
//! Mirrored requests.
//!
//! In: a copy of a request, its body piece by piece. Out: nothing that the client could notice: the
//! answer is read and thrown away. A mirror that cannot keep up with the body is given up.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    sync::mpsc,
    time::{Duration, Instant, timeout},
};

use crate::{
    balance::Overrides,
    cluster::LocalCluster,
    failure::Failure,
    http::{Framing, Limits, Parsed, ResponseHead, Trailers},
    http2::Opened,
    io::Inbox,
    plan::Priority,
    pool::{Checkout, Closed, Lane, RequestLease, Upstream, checkout, give_back},
    worker::Worker,
};

/// The sending end of a mirrored body.
#[derive(Debug)]
pub(super) struct Tee {
    pieces: mpsc::UnboundedSender<Piece>,
    waiting: Rc<Cell<usize>>,
    limit: usize,
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// A mirrored request.
pub(super) struct Mirrored {
    /// The head, rewritten.
    pub(super) head: Vec<u8>,
    /// Hosts that it names itself.
    pub(super) overrides: Overrides,
    /// How the body is delimited.
    pub(super) framing: Framing,
    /// What its connection must have been made for.
    pub(super) lane: Lane,
    /// Its scheme is https.
    pub(super) https: bool,
    /// Where it goes.
    pub(super) cluster: Rc<LocalCluster>,
    /// `HEAD`.
    pub(super) head_only: bool,
    /// How long it may take.
    pub(super) limit: Option<Duration>,
}

impl Tee {
    /// Copies body bytes. Says whether the mirror still keeps up.
    pub(super) fn push(&self, parts: [&[u8]; 3]) -> bool {
        let bytes = parts.concat();
        let waiting = self.waiting.get() + bytes.len();
        self.waiting.set(waiting);
        waiting <= self.limit && self.pieces.send(Piece::Bytes(bytes)).is_ok()
    }

    /// The body is complete. Dropped without this, the mirror is given up.
    pub(super) fn end(self) {
        // A mirror that is gone misses nothing.
        let _ = self.pieces.send(Piece::End);
    }
}

/// Starts a mirrored request.
pub(super) fn start(worker: &Rc<Worker>, mirrored: Mirrored) -> Tee {
    let (pieces, received) = mpsc::unbounded_channel();
    let waiting = Rc::new(Cell::new(0));
    let tee = Tee {
        pieces,
        waiting: waiting.clone(),
        limit: mirrored.cluster.config.buffer_limit,
    };
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let limit = mirrored.limit.unwrap_or(LONGEST);
        let cluster = mirrored.cluster.clone();
        let body = Body {
            pieces: received,
            waiting,
            written: 0,
            queue: VecDeque::new(),
            framed: None,
        };
        let status = match timeout(limit, send(&worker, mirrored, body)).await {
            Ok(Ok(status)) => status,
            Ok(Err(failure)) => failure.row().status,
            Err(_) => Failure::RouteTimeout.row().status,
        };
        cluster.stats.upstream_rq.inc(status);
        cluster.stats.internal_upstream_rq.inc(status);
    });
    tee
}

struct Body {
    pieces: mpsc::UnboundedReceiver<Piece>,
    waiting: Rc<Cell<usize>>,
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first in the queue that were written.
    written: usize,
    /// HTTP/2: the framing to take off, and the bytes that it has not been taken off yet.
    framed: Option<(Framing, Vec<u8>)>,
}

async fn send(worker: &Rc<Worker>, mut mirrored: Mirrored, mut body: Body) -> Result<u16, Failure> {
    let host = mirrored
        .cluster
        .pick(None, &mut mirrored.overrides)
        .ok_or(Failure::NoHealthyUpstream)?;
    let mut upstream = match checkout(&host, Priority::Default, &mirrored.lane)? {
        Checkout::Ready(upstream) => upstream,
        Checkout::Wait(ticket) => poll_fn(|cx| ticket.poll(cx)).await?,
    };
    let lease = RequestLease::new(&host, Priority::Default);
    let Some(lease) = lease else {
        give_back(upstream, Instant::now());
        return Err(Failure::Overflow);
    };
    upstream.requests += 1;
    let sent = match body.begin(&mirrored, &mut upstream) {
        Ok(()) => poll_fn(|cx| body.poll_send(cx, &mut upstream)).await,
        Err(failure) => Err(failure),
    };
    let answered = match sent {
        Ok(()) if upstream.is_shared() => read_stream(&mut upstream).await,
        Ok(()) => read_answer(worker, &mut upstream, &mirrored).await,
        Err(failure) => Err(failure),
    };
    drop(lease);
    match answered {
        Ok((status, true)) => {
            give_back(upstream, Instant::now());
            worker.wake_sweeper();
            Ok(status)
        }
        Ok((status, false)) => {
            upstream.close(Closed::Local);
            Ok(status)
        }
        Err(failure) => {
            upstream.close(Closed::LocalBusy);
            Err(failure)
        }
    }
}

impl Body {
    /// Puts the head in front of the body.
    fn begin(&mut self, mirrored: &Mirrored, upstream: &mut Upstream) -> Result<(), Failure> {
        if !upstream.is_shared() {
            let preface = std::mem::take(&mut upstream.preface);
            self.queue.push_back([&*preface, &*mirrored.head].concat());
            self.waiting.set(self.waiting.get() + mirrored.head.len());
            return Ok(());
        }
        let framing = mirrored.framing.fresh().bare();
        let ends = framing.done();
        self.framed = Some((framing, Vec::new()));
        upstream.open(&Opened {
            head: &mirrored.head,
            https: mirrored.https,
            ends,
        })
    }

    /// Takes in a piece of the body.
    fn take(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        let Some((framing, framed)) = &mut self.framed else {
            self.queue.push_back(bytes);
            return Ok(());
        };
        framed.extend_from_slice(&bytes);
        while !framed.is_empty() && !framing.done() {
            let staged = framing.stage(framed, &mut Vec::new());
            let staged = staged.map_err(|_| Failure::Protocol)?;
            if staged.taken == 0 {
                break;
            }
            let raw = framed[staged.raw.clone()].to_vec();
            let overhead = staged.taken - raw.len();
            self.waiting
                .set(self.waiting.get().saturating_sub(overhead));
            framed.drain(..staged.taken);
            if !raw.is_empty() {
                self.queue.push_back(raw);
            }
        }
        Ok(())
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
    ) -> Poll<Result<(), Failure>> {
        loop {
            while let Some(first) = self.queue.front() {
                let rest = &first[self.written..];
                match upstream.stream.poll_write(cx, rest, b"") {
                    Poll::Ready(Ok(count)) if count < rest.len() => self.written += count,
                    Poll::Ready(Ok(_)) => {
                        let length = self.queue.pop_front().map_or(0, |first| first.len());
                        self.waiting.set(self.waiting.get().saturating_sub(length));
                        self.written = 0;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::Terminated)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if ready!(upstream.stream.poll_flush(cx)).is_err() {
                return Poll::Ready(Err(Failure::Terminated));
            }
            match self.pieces.poll_recv(cx) {
                Poll::Ready(Some(Piece::Bytes(bytes))) => self.take(bytes)?,
                Poll::Ready(Some(Piece::End)) => {
                    if let Some(message) = upstream.stream.message() {
                        message.finish(b"");
                    }
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(None) => return Poll::Ready(Err(Failure::ClientGone)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Reads the answer and forgets it. Says its status and whether the connection can be used again.
async fn read_answer(
    worker: &Rc<Worker>,
    upstream: &mut Upstream,
    mirrored: &Mirrored,
) -> Result<(u16, bool), Failure> {
    let config = &mirrored.cluster.config;
    let limits = Limits {
        count: config.max_headers_count,
        bytes: config.max_response_headers,
    };
    let mut head = ResponseHead::default();
    let mut inbox = Inbox::default();
    let mut framing = None;
    let mut ignored = Vec::new();
    poll_fn(|cx| {
        loop {
            if framing.is_none() && !inbox.is_empty() {
                match head.parse(inbox.bytes(), limits) {
                    // What follows a switch is no HTTP.
                    Ok(Parsed::Complete) if head.status == 101 => {
                        return Poll::Ready(Err(Failure::Protocol));
                    }
                    Ok(Parsed::Complete) => {
                        inbox.consume(head.message.length);
                        if head.status >= 200 {
                            framing = Some(framing_of(&head, mirrored.head_only));
                        }
                        continue;
                    }
                    Ok(Parsed::Partial) => {}
                    Err(_) => return Poll::Ready(Err(Failure::Protocol)),
                }
            }
            if let Some(framing) = &mut framing {
                while !framing.done() && !inbox.is_empty() {
                    let staged = framing.stage(inbox.bytes(), &mut ignored);
                    let staged = staged.map_err(|_| Failure::Protocol)?;
                    inbox.consume(staged.taken);
                    ignored.clear();
                }
                if framing.done() {
                    return Poll::Ready(Ok(()));
                }
            }
            let limit = config.buffer_limit;
            match inbox.poll_fill(cx, &mut upstream.stream, &worker.buffers, limit) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => {
                    let ended = framing
                        .as_mut()
                        .is_some_and(|f| f.closed(b"", &mut ignored));
                    return Poll::Ready(if ended {
                        Ok(())
                    } else {
                        Err(Failure::Terminated)
                    });
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await?;
    let clean = inbox.is_empty() && !head.message.close && !head.old;
    let until_close = !head.message.chunked && head.message.content_length.is_none();
    inbox.clear(&worker.buffers);
    let bodiless = mirrored.head_only || matches!(head.status, 204 | 304);
    Ok((head.status, clean && (bodiless || !until_close)))
}

/// The same for a stream of HTTP/2, whose connection can be used whatever happens.
async fn read_stream(upstream: &mut Upstream) -> Result<(u16, bool), Failure> {
    let mut status = None;
    poll_fn(|cx| {
        let Some(message) = upstream.stream.message() else {
            return Poll::Ready(Err(Failure::Terminated));
        };
        let status = match status {
            Some(status) => status,
            None => *status.insert(ready!(message.poll_response(cx))?.status.as_u16()),
        };
        ready!(message.poll_ended(cx));
        Poll::Ready(match message.failure() {
            None => Ok((status, true)),
            Some(failure) => Err(failure),
        })
    })
    .await
}

fn framing_of(head: &ResponseHead, head_only: bool) -> Framing {
    if head_only || matches!(head.status, 204 | 304) {
        Framing::Empty
    } else if head.message.chunked {
        Framing::chunked(Trailers::Drop)
    } else {
        head.message
            .content_length
            .map_or(Framing::UntilClose, Framing::Length)
    }
}

/// Of a mirror whose route has no timeout.
const LONGEST: Duration = Duration::from_secs(3600);
