// SPDX-License-Identifier: Apache-2.0
//! The server's side of HTTP/2 (RFC 9113), made for a proxy that works on heads as lines.
//!
//! In: a client's bytes. Out: its requests, with heads in the form that HTTP/1 heads have, and
//! [`Handle`]s to answer them by; the bytes of the answers.

mod connection;
mod control;
mod floods;
mod flow;
mod frame;
mod handle;
mod hpack;
mod output;
mod receive;
mod request;
mod send;
mod shared;
mod stream;

use super::spare;

pub(crate) use connection::{Event, Options};
pub(crate) use floods::Flood;
pub(crate) use handle::Handle;
#[cfg(feature = "fuzzing")]
pub(crate) use hpack::{Decoder, Encoder};
pub(crate) use shared::Shared;

use connection::Codec;

#[cfg(test)]
mod tests;
