// SPDX-License-Identifier: Apache-2.0
//! A health check over HTTP/1.
//!
//! In: a connection and what to ask. Out: the answer, read to its end, as far as it is looked at.

use super::{Answer, Broken, body_limit, read, write};
use crate::{
    health::probe::HttpProbe,
    http::{Chunked, Limits, Parsed, ResponseHead},
    io::Stream,
};

/// How a body ends.
enum Body {
    Chunked(Chunked),
    Length(usize),
    UntilClose,
}

/// Asks, and reads the answer.
pub(super) async fn ask(
    stream: &mut Stream,
    probe: &HttpProbe,
    limits: Limits,
) -> Result<Answer, Broken> {
    let request = [probe.request(), probe.body.clone()].concat();
    write(stream, &request).await?;
    let mut bytes = Vec::new();
    let mut head = ResponseHead::default();
    let (mut answer, body) = loop {
        match head.parse(&bytes, limits).map_err(|_| Broken)? {
            // Not the answer yet.
            Parsed::Complete if head.status < 200 => drop(bytes.drain(..head.message.length)),
            Parsed::Complete => {
                let read = read_head(&head, &bytes, probe.method == "HEAD")?;
                bytes.drain(..head.message.length);
                break read;
            }
            Parsed::Partial if read(stream, &mut bytes).await? == 0 => return Err(Broken),
            Parsed::Partial => {}
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

/// What a head says, and the body that follows it.
fn read_head(head: &ResponseHead, bytes: &[u8], of_head: bool) -> Result<(Answer, Body), Broken> {
    let (status, message) = (head.status, &head.message);
    let body = if of_head || matches!(status, 204 | 304) {
        Body::Length(0)
    } else if message.chunked {
        Body::Chunked(Chunked::default())
    } else if let Some(length) = message.content_length {
        Body::Length(usize::try_from(length).map_err(|_| Broken)?)
    } else {
        Body::UntilClose
    };
    let has = |name: &[u8]| {
        let mut names = message.fields.iter().map(|field| field.name.of(bytes));
        names.any(|one| one.eq_ignore_ascii_case(name))
    };
    let closes = message.close || head.old && !message.keep_alive;
    let answer = Answer {
        status,
        degraded: has(b"x-envoy-degraded"),
        immediate: has(b"x-envoy-immediate-health-check-fail"),
        reusable: !closes && !matches!(body, Body::UntilClose),
        ..Answer::default()
    };
    Ok((answer, body))
}
