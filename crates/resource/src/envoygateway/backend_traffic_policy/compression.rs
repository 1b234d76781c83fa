// SPDX-License-Identifier: Apache-2.0
//! `compressor`, and `compression`, which it replaces upstream.
//!
//! In: the lists. Out: what responses may be compressed with, the preferred one first.

use crate::{
    admission::{Block, Field},
    codes,
    value::Written,
};

/// A way to compress responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressor {
    /// `type`.
    pub algorithm: CompressionAlgorithm,
    /// `minContentLength` in bytes. Absent: 30 (Envoy default).
    pub min_content_length: Option<u32>,
}

/// Encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionAlgorithm {
    /// `Brotli`: `br`.
    Brotli,
    /// `Gzip`: `gzip`.
    Gzip,
    /// `Zstd`: `zstd`.
    Zstd,
}

/// The algorithms with the member of each.
const ALGORITHMS: [(&str, CompressionAlgorithm, &str); 3] = [
    ("Gzip", CompressionAlgorithm::Gzip, "gzip"),
    ("Brotli", CompressionAlgorithm::Brotli, "brotli"),
    ("Zstd", CompressionAlgorithm::Zstd, "zstd"),
];

/// Decodes whichever list is there.
pub(super) fn decode(block: &Block<'_>) -> Option<Written<Vec<Compressor>>> {
    let older = block.written("compression", |field| Some(list(field, false)));
    let today = block.written("compressor", |field| Some(list(field, true)));
    today.or(older)
}

fn list(field: &Field<'_>, needs_member: bool) -> Vec<Compressor> {
    let mut compressors: Vec<Compressor> = Vec::new();
    for item in field.items(0..=usize::MAX) {
        let decoded = item.object(|block| compressor(block, &item, needs_member));
        let Some(compressor) = decoded.flatten() else {
            continue;
        };
        let same = |other: &Compressor| other.algorithm == compressor.algorithm;
        if compressors.iter().any(same) {
            item.duplicate(format!("{:?}", compressor.algorithm));
        }
        compressors.push(compressor);
    }
    compressors
}

fn compressor(block: &Block<'_>, item: &Field<'_>, needs_member: bool) -> Option<Compressor> {
    let kind = block.required("type");
    let choices = ALGORITHMS.map(|(name, algorithm, _)| (name, algorithm));
    let algorithm = kind.and_then(|field| field.choice(&choices));
    let min_content_length = block.u32("minContentLength", 0..=u32::MAX);
    let present = ALGORITHMS.map(|(_, algorithm, member)| {
        let present = block.object(member, |_| ()).is_some();
        (algorithm, member, present)
    });
    let algorithm = algorithm?;
    for (owner, member, present) in present {
        match (owner == algorithm, present) {
            (false, true) => item.warn(
                codes::NO_EFFECT,
                format!("`{member}` has no effect with this `type`"),
            ),
            // Upstream's rule, which its documentation leaves out.
            (true, false) if needs_member => {
                item.push(
                    item.error(
                        codes::REQUIRED_VALUE,
                        format!("`{member}` must be there for this type to be used"),
                    )
                    .help(format!("write `{member}: {{}}`")),
                );
            }
            _ => {}
        }
    }
    Some(Compressor {
        algorithm,
        min_content_length,
    })
}
