// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 as bytes: parsing, framing, header rules and writing of heads. No sockets here.

mod ascii;
mod block;
mod case;
mod chunked;
mod date;
mod field;
mod framing;
mod head;
mod local_reply;
mod message;
mod path;
mod request_head;
mod response_head;
mod writer;

pub(crate) use block::find_byte;
pub(crate) use case::NameCase;
pub(crate) use chunked::Chunked;
pub(crate) use date::{Clock, MONTHS, WEEKDAYS, civil, rfc3339};
pub(crate) use field::{Known, Span};
pub(crate) use framing::{Framing, Trailers, push_size, push_trailers};
pub(crate) use head::{
    HeadError, Limits, Parsed, RequestHead, ResponseHead, Written, is_field_value, is_token,
    leading_empty_lines, lower_name,
};
pub(crate) use local_reply::{LocalReply, grpc_status};
pub(crate) use message::Message;
pub(crate) use path::{EscapedSlashes, PathRules};
pub(crate) use request_head::{
    TraceFields, UpstreamRequest, expected_timeout, forwarded_for, replace_value, request_id,
    timeout_milliseconds,
};
pub(crate) use response_head::DownstreamResponse;

/// The name of an operation: of a route, or what a client calls it.
pub(crate) const DECORATOR: &[u8] = b"x-envoy-decorator-operation";
/// W3C's context.
pub(crate) const TRACEPARENT: &[u8] = b"traceparent";
/// What belongs to it.
pub(crate) const TRACESTATE: &[u8] = b"tracestate";
/// How many attempts there were, for either side.
pub(crate) const ATTEMPT_COUNT: &[u8] = b"x-envoy-attempt-count";
/// What is left of the route timeout, for the upstream.
pub(crate) const EXPECTED_TIMEOUT: &[u8] = b"x-envoy-expected-rq-timeout-ms";

/// Writes a number.
pub(crate) fn push_decimal(mut number: u64, out: &mut Vec<u8>) {
    if number < 10 {
        out.push(b'0' + number as u8);
        return;
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The reason phrase that Envoy writes.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}
