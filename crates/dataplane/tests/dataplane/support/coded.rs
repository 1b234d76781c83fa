// SPDX-License-Identifier: Apache-2.0
//! Bodies in a content coding.
//!
//! In: a head and the body that came with it, without chunks. Out: what the body was before.

use std::io::Read;

/// The body as it was; `None` for one without a coding, or that is cut short.
pub(crate) fn decoded(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head.lines();
    let coding = lines.find_map(|line| line.strip_prefix("content-encoding: "))?;
    let mut text = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut text),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut text),
        "zstd" => zstd::stream::read::Decoder::new(body)
            .ok()?
            .read_to_end(&mut text),
        _ => return None,
    }
    .ok()?;
    Some(text)
}
