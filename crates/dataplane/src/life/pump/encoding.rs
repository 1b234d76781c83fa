// SPDX-License-Identifier: Apache-2.0
//! A body that is compressed on its way.
//!
//! In: the body as it arrives, without framing. Out: what the other side gets of it, in chunks where
//! it speaks HTTP/1. Whatever has arrived goes out; nothing waits inside for more.

use std::{io, sync::Arc};

use super::Stopped;
use crate::{
    filter::{Coding, Encoder},
    http::{Framing, push_size, push_trailers},
    io::Inbox,
    stats::CompressionStats,
};

/// Its state.
#[derive(Debug)]
pub(in crate::life) struct Encoding {
    encoder: Encoder,
    /// It is sent in chunks.
    chunked: bool,
    /// Trailers that came in chunks go on in chunks.
    trailers: bool,
    /// Trailers of an upstream of HTTP/2.
    lines: Vec<u8>,
    over: bool,
    produced: u64,
    stats: Arc<CompressionStats>,
}

impl Encoding {
    pub(in crate::life) fn new(
        coding: Coding,
        chunked: bool,
        trailers: bool,
        stats: Arc<CompressionStats>,
    ) -> io::Result<Self> {
        Ok(Self {
            encoder: Encoder::new(coding)?,
            chunked,
            trailers,
            lines: Vec::new(),
            over: false,
            produced: 0,
            stats,
        })
    }

    /// Leaves chunks to whoever comes behind. Returns whether there are any, and whether trailers that
    /// came in chunks go on.
    pub(super) fn unframed(&mut self) -> (bool, bool) {
        (std::mem::take(&mut self.chunked), self.trailers)
    }

    /// Bytes that came out of it.
    pub(super) fn produced(&self) -> u64 {
        self.produced
    }

    /// A whole body at once.
    pub(in crate::life) fn whole(&mut self, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.put(body)?;
        self.end(&Framing::Empty, &mut out)?;
        Ok(out)
    }

    /// Lines that come behind the last chunk.
    pub(super) fn close(&mut self, trailers: &[u8]) {
        self.lines.extend_from_slice(trailers);
    }

    /// Takes all of the body that is there.
    pub(super) fn stage(
        &mut self,
        framing: &mut Framing,
        inbox: &mut Inbox,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        while !framing.done() && !inbox.is_empty() {
            let staged = framing.stage(inbox.bytes(), out);
            let staged = staged.map_err(|_| Stopped::Framing)?;
            let put = self.put(&inbox.bytes()[staged.raw]);
            put.map_err(|_| Stopped::Framing)?;
            inbox.consume(staged.taken);
            if staged.taken == 0 {
                break;
            }
        }
        let pushed = if framing.done() {
            self.end(framing, out)
        } else {
            let flushed = self.encoder.flush();
            flushed.map(|piece| self.chunk(&piece, out))
        };
        pushed.map_err(|_| Stopped::Framing)
    }

    fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        self.stats.total_uncompressed_bytes.add(piece.len() as u64);
        self.encoder.write(piece)
    }

    fn end(&mut self, framing: &Framing, out: &mut Vec<u8>) -> io::Result<()> {
        if self.over {
            return Ok(());
        }
        self.over = true;
        let piece = self.encoder.finish()?;
        self.chunk(&piece, out);
        if self.chunked {
            out.extend_from_slice(b"0\r\n");
            if self.trailers {
                push_trailers(framing.trailers(), out);
            }
            out.extend_from_slice(&self.lines);
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn chunk(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        self.stats.total_compressed_bytes.add(piece.len() as u64);
        self.produced += piece.len() as u64;
        if self.chunked {
            push_size(piece.len() as u64, out);
        }
        out.extend_from_slice(piece);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
    }
}
