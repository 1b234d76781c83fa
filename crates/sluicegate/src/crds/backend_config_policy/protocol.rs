// SPDX-License-Identifier: Apache-2.0
//! Options of HTTP.
//!
//! In: nothing. Out: schemas of `commonHttpProtocolOptions`, `http1ProtocolOptions` and
//! `http2ProtocolOptions`.

use crate::crds::{
    http2,
    schema::{I32_MAX, Schema, boolean, duration, duration_from, integer, object, word},
};

pub(super) fn common() -> Schema {
    object([
        (
            "idleTimeout",
            duration()
                .says("Idle time after which a connection is closed; 0s is never. Absent: 1h."),
        ),
        (
            "maxHeadersCount",
            integer(1, I32_MAX).says("Headers that a response may have. Absent: 100."),
        ),
        (
            "maxStreamDuration",
            duration().says("Time that a request with its response may take; 0s is any."),
        ),
        (
            "maxRequestsPerConnection",
            integer(0, I32_MAX).says("Requests after which a connection is closed; 0 is never."),
        ),
        (
            "headersWithUnderscoresAction",
            word(&["Allow", "RejectRequest", "DropHeader"])
                .says("Written to Envoy, where it changes nothing for a backend."),
        ),
    ])
    .says("Options of HTTP/1 and HTTP/2 alike.")
}

pub(super) fn http1() -> Schema {
    object([
        (
            "enableTrailers",
            boolean().says("Trailers are sent and read."),
        ),
        (
            "preserveHttp1HeaderCase",
            boolean().says("Header names keep their letters' case."),
        ),
        (
            "headerFormat",
            word(&[
                "PreserveCaseHeaderKeyFormat",
                "preserveCaseHeaderKeyFormat",
                "ProperCaseHeaderKeyFormat",
                "properCaseHeaderKeyFormat",
            ])
            .says("How header names are written; the older form of preserveHttp1HeaderCase."),
        ),
        (
            "overrideStreamErrorOnInvalidHttpMessage",
            boolean().says("An invalid message ends its request, not the connection."),
        ),
    ])
    .says("Options of HTTP/1.")
    .rule(
        "!(has(self.headerFormat) && has(self.preserveHttp1HeaderCase)) || \
         self.preserveHttp1HeaderCase == (self.headerFormat in \
         ['PreserveCaseHeaderKeyFormat', 'preserveCaseHeaderKeyFormat'])",
        "headerFormat and preserveHttp1HeaderCase say different things: remove one of them",
    )
}

pub(super) fn http2() -> Schema {
    let keepalive = object([
        (
            "timeout",
            duration_from("1ms").says("How long the answer to a PING may take."),
        ),
        ("interval", duration_from("1ms").says("Time between PINGs.")),
        (
            "connectionIdleInterval",
            duration_from("1ms").says("A connection idle for so long is tried before it is used."),
        ),
    ])
    .says("PINGs that find dead connections.")
    .required(&["timeout"]);
    http2::options()
        .fields([
            (
                "overrideStreamErrorOnInvalidHttpMessage",
                boolean().says("An invalid message ends its request, not the connection."),
            ),
            ("connectionKeepalive", keepalive),
        ])
        .says("Options of HTTP/2, for a backend that speaks it.")
}
