// SPDX-License-Identifier: Apache-2.0
//! A second reading of HTTP/1.1 (RFC 9112), for comparison only.
//!
//! In: bytes. Out: the message they are, by a reading that shares nothing with the data plane's: it
//! looks for the end first and then takes the text apart, copying as it goes. Where the data plane is
//! stricter than the standard, so is this.

pub mod chunks;
pub mod head;
pub mod proxy;

/// What some bytes are.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// This message.
    Message(T),
    /// The end is not there.
    Unfinished,
    /// No message.
    Nonsense,
}

/// Where `part` begins.
pub fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
