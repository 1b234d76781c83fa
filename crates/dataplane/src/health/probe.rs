// SPDX-License-Identifier: Apache-2.0
//! What a health check sends, and what a good answer is.
//!
//! In: settings of the check, and answers. Out: bytes, and results. HTTP, gRPC and raw TCP. Heads
//! are written as for HTTP/1, whatever carries them; towards HTTP/2 the host comes last, because what
//! is last takes its place when it becomes `:authority`.

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
    /// `codec_client_type` is HTTP2.
    pub(crate) http2: bool,
    /// Fields after the host: [`probe_fields`].
    pub(crate) fields: Vec<(String, String)>,
    /// `send`; empty is no body.
    pub(crate) body: Vec<u8>,
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
    /// The head of the request.
    pub(crate) fn request(&self) -> Vec<u8> {
        let method = if self.method.is_empty() {
            "GET"
        } else {
            &self.method
        };
        let mut text = format!("{method} {} HTTP/1.1\r\n", self.path);
        let host = format!("host: {}\r\n", self.host);
        if self.http2 {
            push_fields(&self.fields, &mut text);
            text.push_str(&host);
        } else {
            text.push_str(&host);
            push_fields(&self.fields, &mut text);
        }
        // Envoy's codec says so where a body could be expected.
        if !["GET", "HEAD", "DELETE", "TRACE"].contains(&method) {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
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

/// Fields of a check: `user-agent`, then what `add` says after the fields of `remove` are gone.
pub(crate) fn probe_fields(
    remove: &[String],
    add: impl IntoIterator<Item = (Append, String, String)>,
) -> Vec<(String, String)> {
    let mut fields = vec![("user-agent".to_owned(), "Envoy/HC".to_owned())];
    fields.retain(|(name, _)| !remove.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
    for (append, name, value) in add {
        let name = name.to_ascii_lowercase();
        let there = fields.iter().any(|(other, _)| *other == name);
        match append {
            Append::IfAbsent if there => continue,
            Append::OverwriteIfExists if !there => continue,
            Append::Overwrite | Append::OverwriteIfExists => {
                fields.retain(|(other, _)| *other != name);
            }
            Append::Always | Append::IfAbsent => {}
        }
        // A field of which Envoy keeps one line.
        match fields.iter_mut().find(|_| name == "user-agent") {
            Some((first, line)) if *first == name => *line = format!("{line},{value}"),
            _ => fields.push((name, value)),
        }
    }
    fields
}

/// `append_action` of a header to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Append {
    /// `APPEND_IF_EXISTS_OR_ADD`
    Always,
    /// `ADD_IF_ABSENT`
    IfAbsent,
    /// `OVERWRITE_IF_EXISTS_OR_ADD`
    Overwrite,
    /// `OVERWRITE_IF_EXISTS`
    OverwriteIfExists,
}

/// `grpc_health_check`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GrpcProbe {
    /// `service_name`.
    pub(crate) service: String,
    /// `authority`, or what stands for it as for [`HttpProbe::host`].
    pub(crate) host: String,
    /// Fields after `content-type`: [`probe_fields`] with `initial_metadata`.
    pub(crate) fields: Vec<(String, String)>,
}

impl GrpcProbe {
    /// The head of the request. `timeout` is in milliseconds.
    pub(crate) fn request(&self, timeout: u128) -> Vec<u8> {
        let mut text = String::from(
            "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nte: trailers\r\n\
             content-type: application/grpc\r\n",
        );
        push_fields(&self.fields, &mut text);
        let host = &self.host;
        text.push_str(&format!("grpc-timeout: {timeout}m\r\nhost: {host}\r\n\r\n"));
        text.into_bytes()
    }
}

fn push_fields(fields: &[(String, String)], text: &mut String) {
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
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
    grpc_message(&message)
}

/// A message as gRPC frames it: not compressed.
pub(crate) fn grpc_message(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = vec![0];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(message);
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
            fields: probe_fields(&[], []),
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
        probe.fields.push(("x-a".to_owned(), "b".to_owned()));
        assert!(probe.request().ends_with(b"Envoy/HC\r\nx-a: b\r\n\r\n"));
        probe.method = "POST".to_owned();
        assert!(probe.request().ends_with(b"\r\ncontent-length: 0\r\n\r\n"));
    }

    /// As seen on Envoy 1.40.
    #[test]
    fn fields_are_removed_before_they_are_added() {
        let fields = |remove: &[&str], add: &[(Append, &str, &str)]| -> String {
            let remove: Vec<String> = remove.iter().map(|name| (*name).to_owned()).collect();
            let add = add.iter();
            let add = add.map(|(append, name, value)| (*append, (*name).into(), (*value).into()));
            let fields = probe_fields(&remove, add);
            let lines: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            lines.join("; ")
        };
        assert_eq!(fields(&["User-Agent"], &[]), "");
        let twice = [
            (Append::Always, "x-A", "b"),
            (Append::Always, "user-agent", "mine"),
            (Append::Always, "x-A", "c"),
        ];
        assert_eq!(
            fields(&[], &twice),
            "user-agent: Envoy/HC,mine; x-a: b; x-a: c"
        );
        let others = [
            (Append::Overwrite, "user-agent", "mine"),
            (Append::OverwriteIfExists, "x-a", "b"),
            (Append::IfAbsent, "x-b", "c"),
            (Append::IfAbsent, "x-b", "d"),
        ];
        assert_eq!(fields(&[], &others), "user-agent: mine; x-b: c");
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
        let probe = GrpcProbe {
            host: "c1".to_owned(),
            fields: probe_fields(&[], []),
            ..GrpcProbe::default()
        };
        let wanted = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nte: trailers\r\n\
                      content-type: application/grpc\r\nuser-agent: Envoy/HC\r\n\
                      grpc-timeout: 400m\r\nhost: c1\r\n\r\n";
        assert_eq!(probe.request(400), wanted.as_bytes());
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
