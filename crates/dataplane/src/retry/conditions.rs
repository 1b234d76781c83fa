// SPDX-License-Identifier: Apache-2.0
//! Retry conditions: the matrix of `retry_on` words and events.
//!
//! In: the words of a policy, and what happened to an attempt. Out: whether it is retried. Measured
//! on Envoy 1.40, one request per cell.

use std::ops::BitOr;

/// A set of `retry_on` words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RetryOn(u32);

/// What happened to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The connection was refused, could not be made, or timed out.
    ConnectFailure,
    /// The cluster's `max_stream_duration` passed.
    MaxStreamDuration,
    /// A circuit breaker is open.
    Overflow,
    /// The per-try timeout passed.
    PerTryTimeout,
    /// HTTP/2 `REFUSED_STREAM`.
    RefusedStream,
    /// The connection ended, or what came was not HTTP, before response headers.
    Reset {
        /// Part of the request had been sent.
        request_started: bool,
    },
    /// Response headers came.
    Response(Response),
}

/// What counts about a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// It carries `x-envoy-ratelimited`.
    pub(crate) ratelimited: bool,
    /// The status is one of `retriable_status_codes`.
    pub(crate) listed_status: bool,
    /// One of `retriable_headers` matches.
    pub(crate) listed_header: bool,
    /// `grpc-status` among the headers.
    pub(crate) grpc_status: Option<u32>,
}

impl RetryOn {
    pub(crate) const FIVE_XX: Self = Self(1);
    pub(crate) const GATEWAY_ERROR: Self = Self(1 << 1);
    pub(crate) const RESET: Self = Self(1 << 2);
    pub(crate) const RESET_BEFORE_REQUEST: Self = Self(1 << 3);
    pub(crate) const CONNECT_FAILURE: Self = Self(1 << 4);
    pub(crate) const ENVOY_RATELIMITED: Self = Self(1 << 5);
    pub(crate) const RETRIABLE_4XX: Self = Self(1 << 6);
    pub(crate) const RETRIABLE_STATUS_CODES: Self = Self(1 << 7);
    pub(crate) const RETRIABLE_HEADERS: Self = Self(1 << 8);
    pub(crate) const REFUSED_STREAM: Self = Self(1 << 9);
    pub(crate) const CANCELLED: Self = Self(1 << 10);
    pub(crate) const DEADLINE_EXCEEDED: Self = Self(1 << 11);
    pub(crate) const INTERNAL: Self = Self(1 << 12);
    pub(crate) const RESOURCE_EXHAUSTED: Self = Self(1 << 13);
    pub(crate) const UNAVAILABLE: Self = Self(1 << 14);

    /// The words of `retry_on`. Unknown words, and the one for HTTP/3, do nothing.
    pub(crate) fn parse(text: &str) -> Self {
        text.split(',')
            .filter_map(|word| WORDS.iter().find(|(name, _)| *name == word.trim()))
            .fold(Self::default(), |all, (_, word)| all | *word)
    }

    /// Whether any word is set; without one there are no retries.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether an attempt that ended so is retried.
    pub(crate) fn retries(self, event: Event) -> bool {
        self.0 & event.retried_by().0 != 0
    }
}

impl BitOr for RetryOn {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Event {
    /// The words that lead to a retry.
    fn retried_by(self) -> RetryOn {
        let reset = RetryOn::FIVE_XX | RetryOn::GATEWAY_ERROR | RetryOn::RESET;
        match self {
            Self::ConnectFailure => {
                reset | RetryOn::RESET_BEFORE_REQUEST | RetryOn::CONNECT_FAILURE
            }
            Self::Overflow => RetryOn::default(),
            Self::MaxStreamDuration
            | Self::PerTryTimeout
            | Self::Reset {
                request_started: true,
            } => reset,
            Self::RefusedStream => reset | RetryOn::REFUSED_STREAM,
            Self::Reset {
                request_started: false,
            } => reset | RetryOn::RESET_BEFORE_REQUEST,
            Self::Response(response) => response.retried_by(),
        }
    }
}

impl Response {
    fn retried_by(self) -> RetryOn {
        // The answer of another gateway's rate limit: nothing else about it counts.
        if self.ratelimited {
            return RetryOn::ENVOY_RATELIMITED;
        }
        let when = |applies: bool, word: RetryOn| {
            if applies { word } else { RetryOn::default() }
        };
        let grpc = match self.grpc_status {
            Some(1) => RetryOn::CANCELLED,
            Some(4) => RetryOn::DEADLINE_EXCEEDED,
            Some(8) => RetryOn::RESOURCE_EXHAUSTED,
            Some(13) => RetryOn::INTERNAL,
            Some(14) => RetryOn::UNAVAILABLE,
            _ => RetryOn::default(),
        };
        when((500..600).contains(&self.status), RetryOn::FIVE_XX)
            | when((502..=504).contains(&self.status), RetryOn::GATEWAY_ERROR)
            | when(self.status == 409, RetryOn::RETRIABLE_4XX)
            | when(self.listed_status, RetryOn::RETRIABLE_STATUS_CODES)
            | when(self.listed_header, RetryOn::RETRIABLE_HEADERS)
            | grpc
    }
}

const WORDS: [(&str, RetryOn); 15] = [
    ("5xx", RetryOn::FIVE_XX),
    ("gateway-error", RetryOn::GATEWAY_ERROR),
    ("reset", RetryOn::RESET),
    ("reset-before-request", RetryOn::RESET_BEFORE_REQUEST),
    ("connect-failure", RetryOn::CONNECT_FAILURE),
    ("envoy-ratelimited", RetryOn::ENVOY_RATELIMITED),
    ("retriable-4xx", RetryOn::RETRIABLE_4XX),
    ("retriable-status-codes", RetryOn::RETRIABLE_STATUS_CODES),
    ("retriable-headers", RetryOn::RETRIABLE_HEADERS),
    ("refused-stream", RetryOn::REFUSED_STREAM),
    ("cancelled", RetryOn::CANCELLED),
    ("deadline-exceeded", RetryOn::DEADLINE_EXCEEDED),
    ("internal", RetryOn::INTERNAL),
    ("resource-exhausted", RetryOn::RESOURCE_EXHAUSTED),
    ("unavailable", RetryOn::UNAVAILABLE),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Response {
        Response {
            status,
            ..Response::default()
        }
    }

    /// The columns of the measured matrix.
    fn columns() -> Vec<Event> {
        let reset = |request_started| Event::Reset { request_started };
        let mut columns: Vec<Event> = [500, 502, 503, 504, 409]
            .map(|code| Event::Response(status(code)))
            .into();
        columns.extend([
            Event::Response(Response {
                listed_status: true,
                ..status(418)
            }),
            reset(true),
            Event::Response(Response {
                ratelimited: true,
                ..status(503)
            }),
            Event::Response(Response {
                listed_header: true,
                ..status(200)
            }),
            Event::Response(Response {
                grpc_status: Some(14),
                ..status(200)
            }),
            Event::ConnectFailure,
            Event::PerTryTimeout,
            Event::MaxStreamDuration,
            Event::Overflow,
            Event::RefusedStream,
        ]);
        columns
    }

    /// Attempts per cell with one retry allowed, measured on Envoy 1.40.
    #[test]
    fn matrix_is_the_measured_one() {
        for (word, wanted) in [
            ("5xx", "222211211122212"),
            ("gateway-error", "122211211122212"),
            ("reset", "111111211122212"),
            ("reset-before-request", "111111111121111"),
            ("connect-failure", "111111111121111"),
            ("envoy-ratelimited", "111111121111111"),
            ("retriable-4xx", "111121111111111"),
            ("retriable-status-codes", "111112111111111"),
            ("retriable-headers", "111111112111111"),
            ("refused-stream", "111111111111112"),
            ("unavailable", "111111111211111"),
            ("http3-post-connect-failure,nonsense,", "111111111111111"),
        ] {
            let retry_on = RetryOn::parse(word);
            let attempts: String = columns()
                .into_iter()
                .map(|event| if retry_on.retries(event) { '2' } else { '1' })
                .collect();
            assert_eq!(attempts, wanted, "{word}");
        }
    }

    #[test]
    fn each_grpc_word_has_its_own_status() {
        for (word, code) in [
            ("cancelled", 1),
            ("deadline-exceeded", 4),
            ("resource-exhausted", 8),
            ("internal", 13),
            ("unavailable", 14),
        ] {
            for grpc_status in (0..17).map(Some) {
                let event = Event::Response(Response {
                    grpc_status,
                    ..status(200)
                });
                let retries = RetryOn::parse(word).retries(event);
                assert_eq!(retries, grpc_status == Some(code), "{word}");
            }
        }
    }

    #[test]
    fn words_combine() {
        let retry_on = RetryOn::parse("connect-failure, retriable-4xx");
        assert_eq!(retry_on, RetryOn::CONNECT_FAILURE | RetryOn::RETRIABLE_4XX);
        assert!(RetryOn::parse("").is_empty() && !retry_on.is_empty());
        let duration = |word: &str| RetryOn::parse(word).retries(Event::MaxStreamDuration);
        assert!(duration("5xx") && duration("reset") && !duration("connect-failure"));
        let unsent = Event::Reset {
            request_started: false,
        };
        assert!(RetryOn::parse("reset-before-request").retries(unsent));
    }
}
