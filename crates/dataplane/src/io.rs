// SPDX-License-Identifier: Apache-2.0
//! Bytes in and out: streams, the buffers that reads land in, and the one timer of a connection.

mod buffers;
mod inbox;
mod socket;
mod stream;
mod timer;

pub(crate) use buffers::Buffers;
pub(crate) use inbox::Inbox;
pub(crate) use stream::Stream;
pub(crate) use timer::Timer;
