// SPDX-License-Identifier: Apache-2.0
//! Every way in which a request can fail: the one closed table.
//!
//! In: a [`Failure`]. Out: its [`Row`]: status, body, response flag, details and whose fault it is.
//! Values are Envoy 1.40's. Nothing else formats failures.

mod flags;

use std::borrow::Cow;

pub(crate) use flags::{is_flag, long_flag};

use crate::{filter::Abort, http::HeadError, tls::TlsError};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client's head or body is not HTTP.
    BadRequest(HeadError),
    /// The client went away.
    ClientGone,
    /// More header fields than the backend's `max_headers_count` (our own enforcement).
    ClusterHeaders,
    /// The backend refuses underscores in header names (our own enforcement).
    ClusterUnderscore,
    /// The upstream refused the connection, or cannot be reached.
    ConnectFailed(ConnectError),
    /// `connect_timeout` passed.
    ConnectTimeout,
    /// A fault on purpose.
    FaultAbort(Abort),
    /// `request_headers_timeout` passed.
    HeadersTimeout,
    /// More header fields than the listener takes, on HTTP/2.
    Http2Headers,
    /// A header name with an underscore, refused by the listener, on HTTP/2.
    Http2Underscore,
    /// Stream duration limit of route or listener.
    MaxDuration,
    /// The route's cluster does not exist; the route chooses the status.
    NoCluster(u16),
    /// No usable host.
    NoHealthyUpstream,
    /// No route.
    NoRoute,
    /// Too many requests to the backend have failed of late.
    NotAdmitted,
    /// A circuit breaker is open.
    Overflow,
    /// The body is larger than the route takes.
    PayloadTooLarge,
    /// `per_try_idle_timeout` passed.
    PerTryIdle,
    /// `per_try_timeout` passed.
    PerTryTimeout,
    /// The upstream sent something that is not HTTP.
    Protocol,
    /// Over a local rate limit, which chooses the status.
    RateLimited(u16),
    /// The upstream did not begin with the request: RST_STREAM(REFUSED_STREAM).
    RefusedStream,
    /// The upstream gave the request up: RST_STREAM.
    RemoteReset,
    /// `request_timeout` of the listener.
    RequestTimeout,
    /// More body came between two attempts than is kept for retries.
    RetryBuffer,
    /// The route timeout passed.
    RouteTimeout,
    /// Neither side sent anything for too long.
    StreamIdle,
    /// The upstream closed the connection before it answered.
    Terminated,
    /// A header name with an underscore, refused by the listener.
    Underscore,
    /// The upgrade is not allowed.
    UpgradeRefused,
    /// The cluster's `max_stream_duration` passed.
    UpstreamMaxDuration,
}

/// Why a connection could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// RST.
    Refused,
    /// No way there.
    Unreachable,
    /// The TLS handshake failed.
    Tls(TlsError),
    /// Anything else, out of descriptors for example.
    Other,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The client's.
    Downstream,
    /// Configuration or a limit here.
    Local,
    /// The upstream's.
    Upstream,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Status of the answer; 0 when none is given.
    pub(crate) status: u16,
    /// Body of the answer.
    pub(crate) body: &'static str,
    /// `%RESPONSE_FLAGS%`.
    pub(crate) flag: &'static str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: &'static str,
    /// Details when the response had already begun.
    pub(crate) late_details: &'static str,
    /// Whose fault it is.
    pub(crate) blame: Blame,
}

impl Row {
    /// The body, when there were retries.
    pub(crate) fn retried_body(&self) -> Cow<'static, [u8]> {
        match self.body.strip_prefix(RESET) {
            Some(reason) => format!("{RESET}retried and the latest {reason}")
                .into_bytes()
                .into(),
            None => self.body.as_bytes().into(),
        }
    }
}

impl Failure {
    /// The table.
    pub(crate) fn row(self) -> Row {
        match self {
            Self::BadRequest(error) => bad_request(error),
            Self::ClientGone => client(0, "", "DC", "downstream_remote_disconnect"),
            Self::ClusterHeaders => client(431, TOO_LARGE, "-", "cluster.too_many_headers"),
            Self::ClusterUnderscore => client(400, BAD, "-", "cluster.unexpected_underscore"),
            Self::ConnectFailed(error) => Row {
                details: error.details(),
                ..reset(UNREACHABLE, "UF", "")
            },
            Self::ConnectTimeout => reset(
                "upstream connect error or disconnect/reset before headers. \
                 reset reason: connection timeout",
                "UF",
                "upstream_reset_before_response_started{connection_timeout}",
            ),
            Self::FaultAbort(abort) => local(
                abort.status(),
                "fault filter abort",
                "FI",
                "fault_filter_abort",
            ),
            Self::HeadersTimeout => {
                client(408, "request header timeout", "-", "request_header_timeout")
            }
            Self::Http2Headers => client(0, "", "DR", "http2.too_many_headers"),
            Self::Http2Underscore => client(0, "", "DR", "http2.unexpected_underscore"),
            Self::MaxDuration => local(
                504,
                "downstream duration timeout",
                "-",
                "max_duration_timeout",
            ),
            Self::NoCluster(status) => local(status, "", "NC", "cluster_not_found"),
            Self::NoHealthyUpstream => Row {
                blame: Blame::Upstream,
                ..local(503, "no healthy upstream", "UH", "no_healthy_upstream")
            },
            Self::NoRoute => local(404, "", "NR", "route_not_found"),
            Self::NotAdmitted => local(503, "", "-", "denied_by_admission_control"),
            Self::Overflow => local(
                503,
                "upstream connect error or disconnect/reset before headers. \
                 reset reason: overflow",
                "UO",
                "upstream_reset_before_response_started{overflow}",
            ),
            Self::PayloadTooLarge => {
                client(413, "Payload Too Large", "-", "request_payload_too_large")
            }
            Self::PerTryIdle => Row {
                blame: Blame::Upstream,
                ..local(504, TIMEOUT, "UT", "upstream_per_try_idle_timeout")
            },
            Self::PerTryTimeout => Row {
                blame: Blame::Upstream,
                ..local(504, TIMEOUT, "UT", "upstream_per_try_timeout")
            },
            Self::Protocol => Row {
                status: 502,
                late_details: "upstream_reset_after_response_started{protocol_error}",
                ..reset(
                    "upstream connect error or disconnect/reset before headers. \
                     reset reason: protocol error",
                    "UPE",
                    "upstream_reset_before_response_started{protocol_error}",
                )
            },
            Self::RateLimited(status) => {
                local(status, "local_rate_limited", "RL", "local_rate_limited")
            }
            Self::RefusedStream => reset(
                "upstream connect error or disconnect/reset before headers. \
                 reset reason: remote refused stream reset",
                "UR",
                "upstream_reset_before_response_started{remote_refused_stream_reset}",
            ),
            Self::RemoteReset => Row {
                late_details: "upstream_reset_after_response_started{remote_reset}",
                ..reset(
                    "upstream connect error or disconnect/reset before headers. \
                     reset reason: remote reset",
                    "UR",
                    "upstream_reset_before_response_started{remote_reset}",
                )
            },
            Self::RequestTimeout => client(408, "request timeout", "-", "request_overall_timeout"),
            Self::RetryBuffer => local(
                507,
                "exceeded request buffer limit while retrying upstream",
                "-",
                "request_payload_exceeded_retry_buffer_limit",
            ),
            Self::RouteTimeout => Row {
                blame: Blame::Upstream,
                ..local(504, TIMEOUT, "UT", "response_timeout")
            },
            Self::StreamIdle => local(504, "stream timeout", "SI", "stream_idle_timeout"),
            Self::Terminated => Row {
                late_details: "upstream_reset_after_response_started{connection_termination}",
                ..reset(
                    "upstream connect error or disconnect/reset before headers. \
                     reset reason: connection termination",
                    "UC",
                    "upstream_reset_before_response_started{connection_termination}",
                )
            },
            Self::Underscore => client(400, BAD, "DPE", "http1.unexpected_underscore"),
            Self::UpgradeRefused => local(403, "", "-", "upgrade_failed"),
            Self::UpstreamMaxDuration => Row {
                blame: Blame::Upstream,
                ..local(
                    504,
                    "upstream max stream duration reached",
                    "UMSDR",
                    "upstream_max_stream_duration_reached",
                )
            },
        }
    }

    /// What gRPC is told, where that does not follow from the status.
    pub(crate) fn grpc_status(self) -> Option<u32> {
        match self {
            // The client's time was up, which gRPC tells from other causes.
            Self::MaxDuration => Some(4),
            Self::FaultAbort(Abort::Grpc(status)) => Some(status),
            _ => None,
        }
    }

    /// Whether the answer's status becomes 408 while the request is still being received.
    pub(crate) fn becomes_request_timeout(self) -> bool {
        matches!(
            self,
            Self::MaxDuration | Self::StreamIdle | Self::UpstreamMaxDuration
        )
    }

    /// Whether the connection cannot go on, whatever the listener's settings.
    pub(crate) fn breaks_connection(self) -> bool {
        matches!(
            self,
            Self::HeadersTimeout | Self::Underscore | Self::UpgradeRefused
        )
    }

    /// Whether the listener's `stream_error` setting keeps the connection open after it.
    pub(crate) fn closes_by_default(self) -> bool {
        self.breaks_connection() || matches!(self, Self::BadRequest(_) | Self::RequestTimeout)
    }
}

impl ConnectError {
    fn details(self) -> &'static str {
        match self {
            Self::Refused => {
                "upstream_reset_before_response_started{remote_connection_failure|\
                 delayed_connect_error:_Connection_refused}"
            }
            Self::Unreachable => {
                "upstream_reset_before_response_started{remote_connection_failure|\
                 immediate_connect_error:_Network_is_unreachable}"
            }
            Self::Tls(error) => error.details(),
            Self::Other => "upstream_reset_before_response_started{remote_connection_failure}",
        }
    }
}

/// The part of the details that says why there is no connection; empty where they do not.
pub(crate) fn transport_failure(details: &str) -> &str {
    match details.split_once('|') {
        Some((reset, reason)) if reset.ends_with("connection_failure") => {
            reason.trim_end_matches('}')
        }
        _ => "",
    }
}

fn bad_request(error: HeadError) -> Row {
    match error {
        HeadError::LengthAndChunked => client(
            400,
            BAD,
            "DPE",
            "http1.content_length_and_chunked_not_allowed",
        ),
        HeadError::Connection => client(400, BAD, "DPE", "http1.connection_header_rejected"),
        HeadError::Characters => client(400, BAD, "DPE", "http1.invalid_characters"),
        HeadError::Path => client(400, "", "-", "path_normalization_failed"),
        HeadError::Malformed => client(400, BAD, "DPE", "http1.codec_error"),
        HeadError::MissingHost => client(400, "", "-", "missing_host_header"),
        HeadError::OldVersion => client(426, "Upgrade Required", "DPE", "low_version"),
        HeadError::TooLarge => client(431, TOO_LARGE, "DPE", "http1.headers_too_large"),
        HeadError::TooMany => client(431, TOO_LARGE, "DPE", "http1.too_many_headers"),
        HeadError::TransferEncoding => client(
            501,
            "Not Implemented",
            "DPE",
            "http1.invalid_transfer_encoding",
        ),
    }
}

fn client(status: u16, body: &'static str, flag: &'static str, details: &'static str) -> Row {
    Row {
        blame: Blame::Downstream,
        ..local(status, body, flag, details)
    }
}

fn local(status: u16, body: &'static str, flag: &'static str, details: &'static str) -> Row {
    Row {
        status,
        body,
        flag,
        details,
        late_details: details,
        blame: Blame::Local,
    }
}

fn reset(body: &'static str, flag: &'static str, details: &'static str) -> Row {
    Row {
        blame: Blame::Upstream,
        ..local(503, body, flag, details)
    }
}

const BAD: &str = "Bad Request";
const TOO_LARGE: &str = "Request Header Fields Too Large";
/// What the bodies of all resets begin with.
const RESET: &str = "upstream connect error or disconnect/reset before headers. ";
const TIMEOUT: &str = "upstream request timeout";
const UNREACHABLE: &str = "upstream connect error or disconnect/reset before headers. \
                           reset reason: remote connection failure";

#[cfg(test)]
mod tests;
