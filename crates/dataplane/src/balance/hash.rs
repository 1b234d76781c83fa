// SPDX-License-Identifier: Apache-2.0
//! Hashes that decide where a request goes.
//!
//! In: bytes, or a request and the policies of its route. Out: 64-bit hashes, equal to Envoy's bit
//! for bit, so that a client keeps its host when one gateway replaces the other.

mod murmur;
pub(crate) mod policy;
mod xx;

pub(crate) use murmur::murmur_hash_2;
pub(crate) use xx::{xx_hash_64, xx_hash_64_chained};

/// `hash_function` of a ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HashFunction {
    /// `MURMUR_HASH_2`.
    MurmurHash2,
    /// `XX_HASH`; the default.
    #[default]
    XxHash,
}

impl HashFunction {
    /// The hash of `data`.
    pub(crate) fn hash(self, data: &[u8]) -> u64 {
        match self {
            Self::MurmurHash2 => murmur_hash_2(data),
            Self::XxHash => xx_hash_64(data, 0),
        }
    }
}
