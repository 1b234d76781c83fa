// SPDX-License-Identifier: Apache-2.0
//! The 64-bit Murmur2 of libstdc++.
//!
//! In: bytes. Out: what `std::hash` gives on Linux, which is Envoy's `MURMUR_HASH_2`.

/// The hash of `data`.
pub(crate) fn murmur_hash_2(data: &[u8]) -> u64 {
    let mut hash = SEED ^ (data.len() as u64).wrapping_mul(MULTIPLIER);
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        let mixed = mix(load(word).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
        hash = (hash ^ mixed).wrapping_mul(MULTIPLIER);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash = (hash ^ load(rest)).wrapping_mul(MULTIPLIER);
    }
    mix(mix(hash).wrapping_mul(MULTIPLIER))
}

/// Up to eight bytes, little endian.
fn load(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn mix(value: u64) -> u64 {
    value ^ value >> 47
}

const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

/// libstdc++'s seed.
const SEED: u64 = 0xc70f_6907;

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Envoy 1.40.
    #[test]
    fn hash_is_envoys() {
        assert_eq!(murmur_hash_2(b"10.0.0.1:80_0"), 0xbd8f_6461_ecff_b28c);
    }
}
