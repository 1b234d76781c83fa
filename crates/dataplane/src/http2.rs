// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 as the rest sees it: connections of the `h2` crate on our streams, and each of their
//! streams as something to read a message from and to write one to.
//!
//! In: a connected stream. Out: [`Message`], one per request, which [`Stream`](crate::io::Stream)
//! offers beside the transports, so that the life of a request is the same for both versions.

mod gather;
mod keepalive;
mod kept;
mod lines;
mod message;
mod piece;

pub(crate) use gather::Gather;
pub(crate) use keepalive::Keepalive;
pub(crate) use lines::{Opened, request};
pub(crate) use message::Message;
pub(crate) use piece::Piece;

/// Whether a connection's first bytes are those of HTTP/2. Four are enough: no HTTP/1 request that
/// is served begins like this, and the codec checks the rest.
pub(crate) fn starts(bytes: &[u8]) -> bool {
    let seen = bytes.len().min(PREFACE.len());
    seen >= 4 && bytes[..seen] == PREFACE[..seen]
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
