// SPDX-License-Identifier: Apache-2.0
//! The descriptor pool of every message that we emit or print.
//!
//! In: `descriptors.bin`, made by `cargo xtask descriptors` from the protos inside the locked
//! `envoy-types` archive. Out: [`pool`], decoded once.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(include_bytes!("descriptors.bin").as_slice())
        .expect("invariant: the committed descriptor set decodes; a test does it")
});

/// The pool.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}
