// SPDX-License-Identifier: Apache-2.0
//! Body bytes for the codec.
//!
//! In: bytes to copy. Out: a buffer that the codec holds until they are sent, and that serves others
//! of this worker afterwards.

use std::cell::RefCell;

use bytes::Buf;

/// Bytes on their way out.
pub(crate) struct Piece {
    bytes: Vec<u8>,
    sent: usize,
}

impl Piece {
    /// A copy of `head`, then `body`.
    pub(super) fn new(head: &[u8], body: &[u8]) -> Self {
        let mut bytes = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        bytes.reserve(head.len() + body.len());
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(body);
        Self { bytes, sent: 0 }
    }

    /// No bytes, for an end.
    pub(super) fn empty() -> Self {
        let bytes = Vec::new();
        Self { bytes, sent: 0 }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len() - self.sent
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    fn advance(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if (1..=LARGEST).contains(&bytes.capacity()) {
            bytes.clear();
            // When the thread ends, they are not needed any more.
            let _ = FREE.try_with(|free| {
                let mut free = free.borrow_mut();
                if free.len() < KEPT {
                    free.push(bytes);
                }
            });
        }
    }
}

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

const KEPT: usize = 64;
/// Larger ones go back to the allocator.
const LARGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_what_was_put_in() {
        for (head, body) in [("", "body"), ("head", ""), ("head", "body")] {
            let mut piece = Piece::new(head.as_bytes(), body.as_bytes());
            assert_eq!(piece.remaining(), head.len() + body.len());
            piece.advance(1);
            assert_eq!(piece.chunk(), &[head, body].concat().as_bytes()[1..]);
            piece.advance(piece.remaining());
            assert!(!piece.has_remaining());
        }
        assert!(!Piece::empty().has_remaining());
    }
}
