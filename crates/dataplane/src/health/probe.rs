// SPDX-License-Identifier: Apache-2.0
//! What a health check sends, and what a good answer is.
//!
//! In: settings of the check, and answers. Out: bytes, and results. HTTP/1, gRPC and raw TCP.

use super::active::CheckResult;

/// `http_health_check`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpProbe {
    /// `GET` unless set.
    pub(crate) method: String,
    /// Path.
    pub(crate) path: String,
    /// The endpoint's `health_check_config.hostname`, else the configured host, else the cluster's
    /// name.
    pub(crate) host: String,
    /// `request_headers_to_add`.
    pub(crate) headers: Vec<(String, String)>,
    /// `expected_statuses`, half open; empty is 200 only.
    pub(crate) expected: Vec<(u16, u16)>,
    /// `retriable_statuses`, half open.
    pub(crate) retriable: Vec<(u16, u16)>,
    /// `receive`: found in this order in the first `response_buffer_size` bytes of the body.
    pub(crate) receive: Vec<Vec<u8>>,
    /// `response_buffer_size`; 0 is no limit. Envoy's default is 1024.
    pub(crate) response_buffer_size: usize,
}

/// What counts about an answer over HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ProbeAnswer<'a> {
    /// Status.
    pub(crate) status: u16,
    /// It carries `x-envoy-degraded`.
    pub(crate) degraded: bool,
    /// The body, as far as it was read.
    pub(crate) body: &'a [u8],
}

impl HttpProbe {
    /// The request.
    pub(crate) fn request(&self) -> Vec<u8> {
        let method = if self.method.is_empty() {
            "GET"
        } else {
            &self.method
        };
        let mut text = format!(
            "{method} {} HTTP/1.1\r\nhost: {}\r\nuser-agent: Envoy/HC\r\n",
            self.path, self.host
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        // Envoy's codec says so where a body could be expected.
        if !["GET", "HEAD", "DELETE", "TRACE"].contains(&method) {
            text.push_str("content-length: 0\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// What an answer means. Expected wins over retriable.
    pub(crate) fn result(&self, answer: ProbeAnswer<'_>) -> CheckResult {
        let within = |ranges: &[(u16, u16)]| {
            let status = answer.status;
            ranges
                .iter()
                .any(|(from, to)| (*from..*to).contains(&status))
        };
        let expected = within(&self.expected) || self.expected.is_empty() && answer.status == 200;
        if !expected {
            return if within(&self.retriable) {
                CheckResult::Retriable
            } else {
                CheckResult::Failed
            };
        }
        let length = match self.response_buffer_size {
            0 => answer.body.len(),
            limit => limit.min(answer.body.len()),
        };
        if matches(&self.receive, &answer.body[..length]) {
            CheckResult::Succeeded {
                degraded: answer.degraded,
            }
        } else {
            CheckResult::Failed
        }
    }
}

/// Whether the blocks are found in this order, not necessarily side by side. Also what `receive`
/// of a TCP check means; no block at all matches anything.
pub(crate) fn matches(blocks: &[Vec<u8>], mut data: &[u8]) -> bool {
    blocks.iter().all(|block| {
        if block.is_empty() {
            return true;
        }
        let found = data.windows(block.len()).position(|part| part == block);
        if let Some(at) = found {
            data = &data[at + block.len()..];
        }
        found.is_some()
    })
}

/// A payload written as hex digits; none if it is not.
pub(crate) fn hex_payload(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if text.len() % 2 == 1 {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}

/// Headers of a gRPC check in the order in which they are sent. `timeout` is in milliseconds.
pub(crate) fn grpc_headers(
    authority: &str,
    tls: bool,
    timeout: u64,
) -> Vec<(&'static str, String)> {
    let scheme = if tls { "https" } else { "http" };
    vec![
        (":method", "POST".to_owned()),
        (":path", "/grpc.health.v1.Health/Check".to_owned()),
        (":authority", authority.to_owned()),
        (":scheme", scheme.to_owned()),
        ("te", "trailers".to_owned()),
        ("content-type", "application/grpc".to_owned()),
        ("user-agent", "Envoy/HC".to_owned()),
        ("grpc-timeout", format!("{timeout}m")),
    ]
}

/// The DATA of a gRPC check: a prefix of five bytes and `HealthCheckRequest { service }`.
pub(crate) fn grpc_body(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, length-delimited.
        message.push(0x0a);
        push_varint(service.len(), &mut message);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = vec![0];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(&message);
    body
}

/// What the answer to a gRPC check means: only status 200, `grpc-status` 0 and SERVING are good.
/// `data` is the DATA of the response.
pub(crate) fn grpc_result(status: u16, grpc_status: Option<u32>, data: &[u8]) -> CheckResult {
    let serving = match data {
        // Not compressed; field 1, varint, SERVING.
        [0, 0, 0, 0, 2, message @ ..] => message == [0x08, 1],
        _ => false,
    };
    if status == 200 && grpc_status == Some(0) && serving {
        CheckResult::Succeeded { degraded: false }
    } else {
        CheckResult::Failed
    }
}

fn push_varint(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: CheckResult = CheckResult::Succeeded { degraded: false };

    fn probe() -> HttpProbe {
        HttpProbe {
            path: "/hc".to_owned(),
            host: "c1".to_owned(),
            response_buffer_size: 1024,
            ..HttpProbe::default()
        }
    }

    fn result(probe: &HttpProbe, status: u16, body: &[u8]) -> CheckResult {
        probe.result(ProbeAnswer {
            status,
            body,
            ..ProbeAnswer::default()
        })
    }

    #[test]
    fn request_is_envoys() {
        let mut probe = probe();
        let plain = b"GET /hc HTTP/1.1\r\nhost: c1\r\nuser-agent: Envoy/HC\r\n\r\n";
        assert_eq!(probe.request(), plain);
        probe.headers = vec![("x-a".to_owned(), "b".to_owned())];
        assert!(probe.request().ends_with(b"Envoy/HC\r\nx-a: b\r\n\r\n"));
        probe.method = "POST".to_owned();
        assert!(probe.request().ends_with(b"\r\ncontent-length: 0\r\n\r\n"));
    }

    #[test]
    fn statuses_are_half_open_and_expected_wins() {
        let plain = probe();
        assert_eq!(result(&plain, 200, b""), GOOD);
        assert_eq!(result(&plain, 204, b""), CheckResult::Failed);
        let ranges = HttpProbe {
            expected: vec![(200, 204)],
            retriable: vec![(203, 206)],
            ..plain
        };
        assert_eq!(result(&ranges, 203, b""), GOOD);
        assert_eq!(result(&ranges, 204, b""), CheckResult::Retriable);
        assert_eq!(result(&ranges, 206, b""), CheckResult::Failed);
        let degraded = ProbeAnswer {
            status: 200,
            degraded: true,
            body: b"",
        };
        let wanted = CheckResult::Succeeded { degraded: true };
        assert_eq!(ranges.result(degraded), wanted);
    }

    #[test]
    fn payloads_are_found_in_order_within_the_buffer() {
        let mut probe = probe();
        probe.receive = vec![b"ok".to_vec()];
        assert_eq!(result(&probe, 200, b"xxokxx"), GOOD);
        assert_eq!(result(&probe, 200, b""), CheckResult::Failed);
        let late = [[b'x'; 2000].as_slice(), b"ok"].concat();
        assert_eq!(result(&probe, 200, &late), CheckResult::Failed);
        probe.response_buffer_size = 0;
        assert_eq!(result(&probe, 200, &late), GOOD);
        let blocks = [b"ab".to_vec(), b"bc".to_vec()];
        assert!(matches(&blocks, b"abxbc") && !matches(&blocks, b"abc"));
        assert!(!matches(&blocks, b"bcab") && matches(&[], b""));
        assert_eq!(hex_payload("6F6b"), Some(b"ok".to_vec()));
        assert_eq!(hex_payload("6f6"), None);
        assert_eq!(hex_payload("zz"), None);
    }

    #[test]
    fn grpc_frames() {
        let headers = grpc_headers("c1", false, 400);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names.join(" "),
            ":method :path :authority :scheme te content-type user-agent grpc-timeout"
        );
        assert_eq!(headers[7].1, "400m");
        assert_eq!(grpc_body(""), [0; 5]);
        assert_eq!(grpc_body("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(grpc_body(&"x".repeat(200))[5..8], [0x0a, 0xc8, 1]);
        let serving = [0, 0, 0, 0, 2, 8, 1];
        assert_eq!(grpc_result(200, Some(0), &serving), GOOD);
        for (status, grpc, data) in [
            (503, Some(0), &serving[..]),
            (200, Some(12), &serving[..]),
            (200, None, &serving[..]),
            (200, Some(0), &[0, 0, 0, 0, 2, 8, 2]),
            (200, Some(0), &[]),
        ] {
            assert_eq!(grpc_result(status, grpc, data), CheckResult::Failed);
        }
    }
}
