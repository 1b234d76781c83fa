// SPDX-License-Identifier: Apache-2.0
//! A GET to the admin API of a running instance.
//!
//! In: a base URL and a path. Out: the body. One request on a plain socket is all that a loopback
//! address needs; HTTP/1.1, because Envoy refuses 1.0.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};

use crate::failure::Failure;

/// Where an instance listens by default (design decision 13).
pub const DEFAULT_URL: &str = "http://127.0.0.1:19000";

/// Longest wait for a connection and between two reads.
const PATIENCE: Duration = Duration::from_secs(10);

/// The URL that an argument is, where a path may stand as well.
pub fn url(argument: &Path) -> Option<&str> {
    let text = argument.to_str()?;
    text.contains("://").then_some(text)
}

/// The body of `base` + `path`.
///
/// # Errors
/// When nobody answers there, or not with 200.
pub fn fetch(base: &str, path: &str) -> anyhow::Result<String> {
    let answer = get(base, path)?;
    if answer.code != "200" {
        bail!("{base}{path}: {}: {}", answer.status, answer.body.trim());
    }
    Ok(answer.body)
}

/// The same; `None` when the process has no such page.
///
/// # Errors
/// When nobody answers there, or neither with 200 nor with 404.
pub fn fetch_if_there(base: &str, path: &str) -> anyhow::Result<Option<String>> {
    let answer = get(base, path)?;
    match answer.code.as_str() {
        "200" => Ok(Some(answer.body)),
        "404" => Ok(None),
        _ => bail!("{base}{path}: {}: {}", answer.status, answer.body.trim()),
    }
}

/// The body of a page that only a gateway of ours has.
///
/// # Errors
/// When nobody answers there, when it is a real Envoy, or when it does not know what is asked for.
pub fn fetch_ours(base: &str, path: &str) -> Result<String, Failure> {
    let answer = get(base, path)?;
    match answer.code.as_str() {
        "200" => Ok(answer.body),
        "404" if answer.body.starts_with(NO_SUCH_PAGE) => {
            let page = path.split('?').next().unwrap_or(path);
            Err(Failure::Environment(anyhow::anyhow!(
                "{base} has no page {page}: a real Envoy and `sluicegate proxy` know no manifests; ask \
                 `sluicegate top --admin {base}` or `sluicegate dump --admin {base}`, or compare it \
                 with manifests: `sluicegate diff {base} MANIFESTS`"
            )))
        }
        "404" => Err(Failure::Usage(answer.body.trim().to_owned())),
        _ => Err(Failure::Environment(anyhow::anyhow!(
            "{base}{path}: {}: {}",
            answer.status,
            answer.body.trim()
        ))),
    }
}

/// How Envoy, and we after it, answer to a path that is none.
const NO_SUCH_PAGE: &str = "invalid path";

/// An answer, of whatever status.
#[derive(Debug)]
struct Answer {
    /// The status line.
    status: String,
    /// The number in it.
    code: String,
    body: String,
}

fn get(base: &str, path: &str) -> anyhow::Result<Answer> {
    let authority = authority(base)?;
    let hint = || format!("{base}: no answer; is an instance running with its admin API there?");
    let mut stream = connect(&authority).with_context(hint)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).with_context(hint)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(hint)?;
    answer(&bytes).with_context(|| format!("{base}{path}"))
}

/// A value of a query.
pub fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'_' | b'.' | b'-' | b'*' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

/// `host:port` of a URL; the port may be left out.
fn authority(base: &str) -> anyhow::Result<String> {
    let rest = base.strip_prefix("http://").unwrap_or(base);
    if rest.contains("://") {
        bail!("{base}: the admin API speaks plain http://");
    }
    let authority = rest.split('/').next().unwrap_or(rest);
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(match has_port {
        true => authority.to_owned(),
        false => format!("{authority}:80"),
    })
}

fn connect(authority: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn answer(answer: &[u8]) -> anyhow::Result<Answer> {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("the answer is not HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let body = &answer[end + 4..];
    let status = head.lines().next().unwrap_or_default();
    let code = status.split(' ').nth(1).unwrap_or_default();
    let (status, code) = (status.to_owned(), code.to_owned());
    let chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    let body = if chunked {
        dechunk(body)?
    } else {
        body.to_vec()
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, code, body })
}

/// The body without its chunks.
fn dechunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let end = end.context("the answer ends within a chunk")?;
        let line = String::from_utf8_lossy(&rest[..end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("the answer has a bad chunk size")?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size);
        body.extend_from_slice(chunk.context("the answer ends within a chunk")?);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bodies_by_end_and_by_chunk() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(answer(plain).unwrap().body, "hi");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n";
        assert_eq!(answer(chunked).unwrap().body, "hi!");
        let missing = answer(b"HTTP/1.1 404 Not Found\r\n\r\nno").unwrap();
        assert_eq!(
            (missing.code.as_str(), missing.body.as_str()),
            ("404", "no")
        );
    }

    #[test]
    fn completes_authorities() {
        assert_eq!(authority("http://localhost:1/x").unwrap(), "localhost:1");
        assert_eq!(authority("localhost").unwrap(), "localhost:80");
        assert!(authority("https://localhost").is_err());
    }
}
