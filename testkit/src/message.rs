// SPDX-License-Identifier: Apache-2.0
//! An HTTP/1 message as it stood on the wire.
//!
//! In: a byte stream. Out: raw head, decoded body and raw trailers, read exactly to the end of the
//! message.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// First line and headers as received, with the empty line.
    pub head: Vec<u8>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The trailer lines of a chunked body as received, without the empty line.
    pub trailers: Vec<u8>,
    /// Whether the body ended with the connection.
    pub until_close: bool,
}

impl Message {
    /// The first line.
    pub fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.head);
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// The status of a response; 0 for anything else.
    pub fn status(&self) -> u16 {
        let line = self.first_line();
        let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Method and target of a request.
    pub fn target(&self) -> (String, String) {
        let line = self.first_line();
        let mut words = line.split(' ').map(str::to_owned);
        let method = words.next().unwrap_or_default();
        (method, words.next().unwrap_or_default())
    }

    /// Header names and values in the order and case of the wire.
    pub fn headers(&self) -> Vec<(String, String)> {
        lines(&self.head)
            .into_iter()
            .skip(1)
            .filter_map(split)
            .collect()
    }

    /// The first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers().into_iter();
        headers
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the sender wants the connection closed after it.
    pub fn closes(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default();
        self.until_close || connection.to_ascii_lowercase().contains("close")
    }

    fn is_chunked(&self) -> bool {
        let coding = self.header("transfer-encoding").unwrap_or_default();
        coding.to_ascii_lowercase().contains("chunked")
    }

    /// Reads a head; `None` when the stream ends before its first byte.
    pub(crate) async fn read_head(
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Self>> {
        loop {
            if let Some(end) = find(buffer, b"\r\n\r\n") {
                let head = buffer.drain(..end + 4).collect();
                return Ok(Some(Self {
                    head,
                    ..Self::default()
                }));
            }
            ensure!(buffer.len() < MAX_HEAD, "head larger than {MAX_HEAD} bytes");
            if stream.read_buf(buffer).await? == 0 {
                if buffer.is_empty() {
                    return Ok(None);
                }
                bail!(
                    "closed inside a head: {:?}",
                    String::from_utf8_lossy(buffer)
                );
            }
        }
    }

    /// Reads the body. A response may also end with the connection; a request may not.
    pub(crate) async fn read_body(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
        is_response: bool,
    ) -> Result<()> {
        if self.is_chunked() {
            return self.read_chunks(stream, buffer).await;
        }
        if let Some(length) = self.header("content-length") {
            let length: usize = length.trim().parse().context("content-length")?;
            fill(stream, buffer, length).await?;
            self.body = buffer.drain(..length).collect();
        } else if is_response {
            stream.read_to_end(buffer).await?;
            self.body = std::mem::take(buffer);
            self.until_close = true;
        }
        Ok(())
    }

    async fn read_chunks(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        loop {
            let line = read_line(stream, buffer).await?;
            let text = String::from_utf8_lossy(&line);
            let size = text.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(size, 16).with_context(|| format!("chunk size {text:?}"))?;
            if size == 0 {
                break;
            }
            fill(stream, buffer, size + 2).await?;
            self.body.extend(buffer.drain(..size));
            buffer.drain(..2);
        }
        loop {
            let line = read_line(stream, buffer).await?;
            if line == b"\r\n" {
                return Ok(());
            }
            self.trailers.extend(line);
        }
    }
}

/// Reads until `buffer` holds `length` bytes.
async fn fill(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    length: usize,
) -> Result<()> {
    while buffer.len() < length {
        let read = stream.read_buf(buffer).await?;
        ensure!(
            read > 0,
            "closed inside a body, {} of {length} bytes",
            buffer.len()
        );
    }
    Ok(())
}

/// Takes a line with its end.
async fn read_line(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Result<Vec<u8>> {
    loop {
        if let Some(end) = find(buffer, b"\r\n") {
            return Ok(buffer.drain(..end + 2).collect());
        }
        let read = stream.read_buf(buffer).await?;
        ensure!(read > 0, "closed inside the framing of a body");
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn lines(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    text.split("\r\n")
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn split(line: String) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_owned(), value.trim().to_owned()))
}

/// Ours: tests send heads of some 100 kB to meet limits.
const MAX_HEAD: usize = 4 * 1024 * 1024;
