// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 as the rest sees it: connections of clients with a codec of our own, those to upstreams
//! with the one of the `h2` crate, and each of their streams as something to read a message from and
//! to write one to.
//!
//! In: a connected stream. Out: [`Message`], one per request, which [`Stream`](crate::io::Stream)
//! offers beside the transports, so that the life of a request is the same for both versions.

mod call;
mod gather;
mod keepalive;
mod kept;
mod lines;
mod message;
mod piece;
mod server;
mod spare;

pub(crate) use call::Call;
pub(crate) use gather::Gather;
pub(crate) use keepalive::{Keepalive, Pings};
pub(crate) use lines::{Opened, request};
pub(crate) use message::Message;
pub(crate) use piece::Piece;
#[cfg(feature = "fuzzing")]
pub(crate) use server::{Decoder, Encoder};
pub(crate) use server::{Event, Flood, Handle, Options, Shared};

/// Whether a connection's first bytes are those of HTTP/2. Four are enough: no HTTP/1 request that
/// is served begins like this, and the codec checks the rest.
pub(crate) fn starts(bytes: &[u8]) -> bool {
    let seen = bytes.len().min(PREFACE.len());
    seen >= 4 && bytes[..seen] == PREFACE[..seen]
}

pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
