// SPDX-License-Identifier: Apache-2.0
//! A health check over HTTP/1.
//!
//! In: a connection and what to ask. Out: the answer, read to its end, as far as it is looked at.

use super::{Answer, Broken, body_limit, read, write};
use crate::{health::probe::HttpProbe, http::Chunked, io::Stream};

/// How a body ends.
enum Body {
    Chunked(Chunked),
    Length(usize),
    UntilClose,
}

/// Asks, and reads the answer.
pub(super) async fn ask(stream: &mut Stream, probe: &HttpProbe) -> Result<Answer, Broken> {
    write(stream, &probe.request()).await?;
    let mut bytes = Vec::new();
    let (mut answer, body) = loop {
        match head(&bytes, probe.method == "HEAD")? {
            // Not the answer yet.
            Some((length, answer, _)) if answer.status < 200 => drop(bytes.drain(..length)),
            Some((length, answer, body)) => {
                bytes.drain(..length);
                break (answer, body);
            }
            None if read(stream, &mut bytes).await? == 0 => return Err(Broken),
            None => {}
        }
    };
    let mut reader = BodyReader {
        stream,
        bytes,
        limit: body_limit(probe),
        body: Vec::new(),
    };
    match body {
        Body::Length(length) => reader.length(length).await?,
        Body::Chunked(chunked) => reader.chunked(chunked).await?,
        Body::UntilClose => while reader.more().await? > 0 {},
    }
    // What came beyond the answer makes the connection useless.
    answer.reusable &= reader.bytes.is_empty();
    answer.body = reader.body;
    Ok(answer)
}

struct BodyReader<'a> {
    stream: &'a mut Stream,
    /// Read, and not taken yet.
    bytes: Vec<u8>,
    limit: usize,
    body: Vec<u8>,
}

impl BodyReader<'_> {
    async fn length(&mut self, mut left: usize) -> Result<(), Broken> {
        loop {
            let taken = left.min(self.bytes.len());
            self.keep(taken);
            left -= taken;
            if left == 0 {
                return Ok(());
            }
            if read(self.stream, &mut self.bytes).await? == 0 {
                return Err(Broken);
            }
        }
    }

    async fn chunked(&mut self, mut chunked: Chunked) -> Result<(), Broken> {
        loop {
            while !self.bytes.is_empty() && !chunked.done() {
                let (taken, data) = chunked.next_data(&self.bytes).map_err(|_| Broken)?;
                if taken == 0 {
                    break;
                }
                let room = self.limit - self.body.len();
                let data = &self.bytes[data];
                self.body.extend_from_slice(&data[..data.len().min(room)]);
                self.bytes.drain(..taken);
            }
            if chunked.done() {
                return Ok(());
            }
            if read(self.stream, &mut self.bytes).await? == 0 {
                return Err(Broken);
            }
        }
    }

    /// Takes all there is, then reads.
    async fn more(&mut self) -> Result<usize, Broken> {
        self.keep(self.bytes.len());
        read(self.stream, &mut self.bytes).await
    }

    fn keep(&mut self, count: usize) {
        let room = self.limit - self.body.len();
        self.body.extend_from_slice(&self.bytes[..count.min(room)]);
        self.bytes.drain(..count);
    }
}

/// The head, once it is complete: its length, what it says, and the body to come.
fn head(bytes: &[u8], of_head: bool) -> Result<Option<(usize, Answer, Body)>, Broken> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Broken),
    };
    let status = response.code.unwrap_or(0);
    let field = |name: &str| {
        let mut fields = response.headers.iter();
        let found = fields.find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| field.value.trim_ascii())
    };
    let body = match (field("transfer-encoding"), field("content-length")) {
        _ if of_head || status < 200 || matches!(status, 204 | 304) => Body::Length(0),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => {
            Body::Chunked(Chunked::default())
        }
        (Some(_), _) => return Err(Broken),
        (None, Some(length)) => {
            let length = std::str::from_utf8(length).map_err(|_| Broken)?;
            Body::Length(length.parse().map_err(|_| Broken)?)
        }
        (None, None) => Body::UntilClose,
    };
    let close = field("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    let answer = Answer {
        status,
        degraded: field("x-envoy-degraded").is_some(),
        immediate: field("x-envoy-immediate-health-check-fail").is_some(),
        reusable: !close && response.version == Some(1) && !matches!(body, Body::UntilClose),
        ..Answer::default()
    };
    Ok(Some((length, answer, body)))
}
