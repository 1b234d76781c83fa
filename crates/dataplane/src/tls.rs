// SPDX-License-Identifier: Apache-2.0
//! TLS on both sides.
//!
//! In: Envoy's TLS contexts and secrets, when a plan is compiled; connected sockets afterwards. Out:
//! encrypted streams. The TLS library's types appear nowhere else, so that its next major version
//! is a change to this folder.

mod count;
mod downstream;
mod error;
mod material;
mod parameters;
mod stream;
mod upstream;
mod verify;

pub(crate) use downstream::{DownstreamTls, Handshake, Hello, MissingSecret, NoHello};
pub(crate) use error::TlsError;
pub(crate) use material::Certificate;
pub(crate) use stream::{TlsFacts, TlsStream};
pub(crate) use upstream::UpstreamTls;
