// SPDX-License-Identifier: Apache-2.0
//! xxHash64 as Envoy uses it.
//!
//! In: bytes. Out: hashes.

use xxhash_rust::xxh64::xxh64;

/// The hash of `data`.
pub(crate) fn xx_hash_64(data: &[u8], seed: u64) -> u64 {
    xxh64(data, seed)
}

/// The hash of several values, each hash the seed of the next.
pub(crate) fn xx_hash_64_chained<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    values
        .into_iter()
        .fold(0, |seed, value| xx_hash_64(value, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Envoy 1.40.
    #[test]
    fn hashes_are_envoys() {
        assert_eq!(xx_hash_64(b"k0", 0), 0x6c16_de13_5b8c_63aa);
        assert_eq!(xx_hash_64(b"10.0.0.1:80_0", 0), 0x7504_1381_e737_1a08);
        assert_eq!(xx_hash_64(b"10.0.0.1:80", 1), 0xa456_919b_cbff_aa92);
        let values: [&[u8]; 2] = [b"a0", b"b0"];
        assert_eq!(xx_hash_64_chained(values), 0x8fd6_748c_ff81_807a);
    }
}
