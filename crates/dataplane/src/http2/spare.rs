// SPDX-License-Identifier: Apache-2.0
//! The buffer that frames are gathered in.
//!
//! In: the buffer of a connection that has sent everything. Out: the same, for the next connection of
//! the worker that gathers.

use std::cell::Cell;

/// An empty buffer.
pub(super) fn take() -> Vec<u8> {
    SPARE.take()
}

/// Gives one back.
pub(super) fn put(mut buffer: Vec<u8>) {
    if buffer.capacity() <= LARGEST {
        buffer.clear();
        SPARE.set(buffer);
    }
}

/// Bytes that a worker keeps.
const LARGEST: usize = 512 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
