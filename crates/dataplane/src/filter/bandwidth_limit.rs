// SPDX-License-Identifier: Apache-2.0
//! Bandwidth limits (`envoy.filters.http.bandwidth_limit`).
//!
//! In: the settings of a route, the time, and how many bytes there are. Out: how many may pass. The
//! bucket belongs to the compiled route, which all workers share.

use std::time::Duration;

use super::Bucket;

/// The limit of one filter of a route.
#[derive(Debug)]
pub(crate) struct BandwidthLimit {
    /// What its numbers begin with.
    pub(crate) stat_prefix: Box<str>,
    /// It holds for bodies of requests,
    pub(crate) request: bool,
    /// and of responses.
    pub(crate) response: bool,
    /// Bytes that may pass.
    pub(crate) bucket: Bucket,
    /// How long whoever finds the bucket empty waits before he looks again.
    pub(crate) fill_interval: Duration,
    /// What trailers that tell the delay have in front of their names: empty, or with its hyphen at
    /// the end. Absent: no such trailers.
    pub(crate) trailer_prefix: Option<Box<str>>,
}

/// How long a body took, in milliseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    /// From its first byte to its last.
    pub(crate) whole: u64,
    /// Of these, what the limit added.
    pub(crate) added: u64,
}

impl BandwidthLimit {
    /// Writes the trailer lines that tell these delays.
    pub(crate) fn push_trailers(&self, request: Delay, response: Delay, out: &mut Vec<u8>) {
        let Some(prefix) = &self.trailer_prefix else {
            return;
        };
        let lines = [
            ("request-delay", request.whole),
            ("request-filter-delay", request.added),
            ("response-delay", response.whole),
            ("response-filter-delay", response.added),
        ];
        for (name, milliseconds) in lines {
            if milliseconds > 0 {
                let line = format!("{prefix}bandwidth-{name}-ms: {milliseconds}\r\n");
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Rate;

    #[test]
    fn trailers_tell_what_took_time() {
        let mut limit = BandwidthLimit {
            stat_prefix: "".into(),
            request: true,
            response: true,
            bucket: Bucket::new(Rate::of_second(1024)),
            fill_interval: Duration::from_millis(50),
            trailer_prefix: Some("x-".into()),
        };
        let took = Delay { whole: 7, added: 0 };
        let mut out = Vec::new();
        limit.push_trailers(Delay::default(), took, &mut out);
        assert_eq!(out, b"x-bandwidth-response-delay-ms: 7\r\n");
        limit.trailer_prefix = None;
        out.clear();
        limit.push_trailers(took, took, &mut out);
        assert_eq!(out, b"");
    }
}
