// SPDX-License-Identifier: Apache-2.0
//! A worker's recycled buffers.
//!
//! In: buffers that are done with. Out: large ones to read into, small ones to keep bytes in. In
//! steady state nothing is allocated: a large buffer is held only from a read until its bytes went
//! on, so that a worker owns one or two, however many connections it has.

use std::cell::{Cell, RefCell};

/// The free lists.
#[derive(Default)]
pub(crate) struct Buffers {
    /// The large buffer that was used last, if it has any capacity: nearly always the only one.
    last: Cell<Vec<u8>>,
    large: RefCell<Vec<Vec<u8>>>,
    small: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Bytes of a large buffer. A smaller one loses bulk transfers: the kernel hands over less
    /// per call.
    pub(crate) const LARGE: usize = 256 * 1024;

    /// A large buffer, all of it initialised.
    pub(crate) fn large(&self) -> Vec<u8> {
        let last = self.last.take();
        if last.is_empty() {
            let free = self.large.borrow_mut().pop();
            return free.unwrap_or_else(|| vec![0; Self::LARGE]);
        }
        last
    }

    /// An empty buffer for heads and remainders.
    pub(crate) fn small(&self) -> Vec<u8> {
        let free = self.small.borrow_mut().pop();
        free.unwrap_or_else(|| Vec::with_capacity(SMALL))
    }

    /// Takes a buffer back.
    pub(crate) fn recycle(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 {
            return;
        }
        if buffer.len() == Self::LARGE {
            let before = self.last.replace(buffer);
            let mut large = self.large.borrow_mut();
            if !before.is_empty() && large.len() < KEPT_LARGE {
                large.push(before);
            }
            return;
        }
        let mut small = self.small.borrow_mut();
        if buffer.capacity() <= KEPT_CAPACITY && small.len() < KEPT_SMALL {
            buffer.clear();
            small.push(buffer);
        }
    }
}

/// First capacity of a small buffer: a usual head with a small body.
const SMALL: usize = 2048;
/// Larger ones are given back to the allocator.
const KEPT_CAPACITY: usize = 16 * 1024;
const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 3;
