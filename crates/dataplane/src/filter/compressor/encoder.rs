// SPDX-License-Identifier: Apache-2.0
//! The codings themselves.
//!
//! In: pieces of a body. Out: the same, compressed. What one piece leaves inside is pushed out by
//! [`Encoder::flush`], so that nobody waits for what was sent.

use std::io::{self, Write};

use super::Coding;

/// Compresses one body.
pub(crate) struct Encoder {
    stream: Stream,
    /// Something was put in since the last flush.
    fresh: bool,
}

enum Stream {
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    /// Its end was taken.
    Over,
}

impl Encoder {
    /// With the levels and windows that Envoy uses where nothing is set.
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        /// Envoy default for brotli.
        const QUALITY: u32 = 3;
        /// Envoy default for brotli: 2^18 bytes.
        const WINDOW_BITS: u32 = 18;
        /// Ours, as Envoy's `chunk_size`.
        const BUFFER: usize = 4096;
        let stream = match coding {
            Coding::Brotli => {
                let writer =
                    brotli::CompressorWriter::new(Vec::new(), BUFFER, QUALITY, WINDOW_BITS);
                Stream::Brotli(Box::new(writer))
            }
            Coding::Gzip => {
                let level = flate2::Compression::default();
                Stream::Gzip(Box::new(flate2::write::GzEncoder::new(Vec::new(), level)))
            }
            Coding::Zstd => {
                let mut writer = zstd::stream::write::Encoder::new(Vec::new(), 0)?;
                // As Envoy has it where nothing is set.
                writer.include_checksum(false)?;
                Stream::Zstd(Box::new(writer))
            }
        };
        Ok(Self {
            stream,
            fresh: false,
        })
    }

    /// Puts a piece in.
    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.fresh |= !piece.is_empty();
        match &mut self.stream {
            Stream::Brotli(writer) => writer.write_all(piece),
            Stream::Gzip(writer) => writer.write_all(piece),
            Stream::Zstd(writer) => writer.write_all(piece),
            Stream::Over => Ok(()),
        }
    }

    /// Pushes out what was put in, and takes it.
    pub(crate) fn flush(&mut self) -> io::Result<Vec<u8>> {
        if !std::mem::take(&mut self.fresh) {
            return Ok(Vec::new());
        }
        let buffer = match &mut self.stream {
            Stream::Brotli(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
            Stream::Gzip(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
            Stream::Zstd(writer) => {
                writer.flush()?;
                writer.get_mut()
            }
            Stream::Over => return Ok(Vec::new()),
        };
        Ok(std::mem::take(buffer))
    }

    /// Ends the body and takes the rest of it.
    pub(crate) fn finish(&mut self) -> io::Result<Vec<u8>> {
        match std::mem::replace(&mut self.stream, Stream::Over) {
            Stream::Brotli(writer) => Ok(writer.into_inner()),
            Stream::Gzip(writer) => writer.finish(),
            Stream::Zstd(writer) => writer.finish(),
            Stream::Over => Ok(Vec::new()),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}
