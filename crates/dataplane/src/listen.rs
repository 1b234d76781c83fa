// SPDX-License-Identifier: Apache-2.0
//! Listening sockets and accepting.
//!
//! In: addresses on the control side, sockets on the workers. Out: one connection task per client.

mod accept;
mod establish;
mod inspect;
mod limit;
mod presence;
mod proxy_protocol;
mod socket;

pub(crate) use accept::{Listening, adopt, canonical, start};
pub(crate) use establish::{Established, establish};
pub(crate) use inspect::Inspection;
pub(crate) use limit::{ConnectionLimit, Pass, Place, Places};
pub(crate) use presence::Presence;
pub(crate) use proxy_protocol::ProxyProtocol;
#[cfg(feature = "fuzzing")]
pub(crate) use proxy_protocol::{of_block, of_line};
pub use socket::ListeningSocket;
pub(crate) use socket::{SocketId, bind, explain, refuse_new};
