// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 from clients.
//!
//! In: bytes behind a preface, or header blocks. Out: what a connection without a socket made of them.

use std::{
    iter,
    task::{Context, Poll, Waker},
};

use super::Outcome;
use crate::{
    http::{Limits, Written},
    http2::{Decoder, Encoder, Event, Handle, Options, PREFACE, Shared},
};

/// What a connection made of its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Requests that were taken in.
    pub requests: usize,
    /// The rules were broken.
    pub broken: bool,
    /// Bytes of bodies.
    pub body: usize,
    /// Everything that was sent.
    pub sent: Vec<u8>,
}

/// When requests are answered and their bodies read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// When every byte is there. What the bytes mean does not depend on how they are cut then; it does
    /// where a stream may be over by the time that its next frame arrives.
    AtTheEnd,
    /// After each piece.
    Meanwhile,
}

/// Lets a client send these bytes behind its preface, in pieces of `step`; each request is answered,
/// and its body read.
pub fn converse(bytes: &[u8], step: usize, served: Served) -> Conversation {
    let shared = Shared::new(Options {
        max_streams: 10_000,
        stream_window: 100_000,
        connection_window: 200_000,
        header_table: 4096,
        allow_connect: true,
        limits: Limits {
            count: 100,
            bytes: 4096,
        },
    });
    let mut said = Conversation {
        requests: 0,
        broken: false,
        body: 0,
        sent: Vec::new(),
    };
    let mut handles: Vec<Handle> = Vec::new();
    let mut inbox = Vec::new();
    let pieces = bytes.chunks(step.max(1));
    let count = 1 + pieces.len();
    for (index, piece) in iter::once(PREFACE.as_slice()).chain(pieces).enumerate() {
        inbox.extend_from_slice(piece);
        loop {
            let (taken, event) = shared.lock().receive(&inbox);
            inbox.drain(..taken);
            match event {
                Some(Event::Request(place)) => {
                    said.requests += 1;
                    handles.push(Handle::new(&shared, place));
                }
                Some(Event::Broken) => said.broken = true,
                None => break,
            }
        }
        if served == Served::Meanwhile || index + 1 == count {
            handles.retain(|handle| serve(handle, &mut said));
        }
        let mut codec = shared.lock();
        said.sent.extend_from_slice(codec.output());
        let count = codec.output().len();
        codec.wrote(count);
    }
    said
}

/// Says whether there is more to come.
fn serve(handle: &Handle, said: &mut Conversation) -> bool {
    let cx = Context::from_waker(Waker::noop());
    let mut buffer = [0; 1000];
    loop {
        match handle.poll_read(&cx, &mut buffer) {
            Poll::Pending => return true,
            Poll::Ready(Ok(count @ 1..)) => said.body += count,
            Poll::Ready(Ok(_)) => break,
            Poll::Ready(Err(_)) => return false,
        }
    }
    if handle
        .send_response(b"HTTP/1.1 200 OK\r\na: b\r\n\r\n", false)
        .is_ok()
    {
        let _ = handle.poll_write(&cx, [b"hello", b""], false);
        handle.finish(b"c: d\r\n");
    }
    false
}

/// Reads header blocks, one behind the other; names and values of each.
pub fn decode_heads(blocks: &[&[u8]]) -> Outcome<Vec<super::Fields>> {
    let mut decoder = Decoder::new(4096);
    let mut heads = Vec::new();
    for block in blocks {
        let mut fields = Vec::new();
        let decoded = decoder.decode(block, |line| {
            fields.push((line.name().to_vec(), line.value().to_vec()));
        });
        if decoded.is_err() {
            return Outcome::Refused;
        }
        heads.push(fields);
    }
    Outcome::Complete(heads)
}

/// Writes header blocks of these lines.
pub fn encode_heads(heads: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new();
    let block = |lines: &&[u8]| {
        let mut block = Vec::new();
        encoder.start(&mut block);
        encoder.lines(lines, &mut Written::lines(lines), &mut block);
        block
    };
    heads.iter().map(block).collect()
}
