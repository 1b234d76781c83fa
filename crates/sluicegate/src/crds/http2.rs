// SPDX-License-Identifier: Apache-2.0
//! What both policies say about HTTP/2.
//!
//! In: nothing. Out: the block of options that have one name and one range in both.

use super::schema::{I32_MAX, Schema, bytes, integer, object};

/// Windows and streams; each policy adds fields of its own.
pub(super) fn options() -> Schema {
    let window = || bytes(65_535, I32_MAX);
    object([
        (
            "initialStreamWindowSize",
            window().says("Bytes in flight for a request."),
        ),
        (
            "initialConnectionWindowSize",
            window().says("Bytes in flight for a connection."),
        ),
        (
            "maxConcurrentStreams",
            integer(1, I32_MAX).says("Requests at once on a connection."),
        ),
    ])
}
