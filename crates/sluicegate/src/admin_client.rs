// SPDX-License-Identifier: Apache-2.0
//! A GET to the admin API of a running instance.
//!
//! In: a base URL and a path. Out: the body. HTTP/1.0 over a plain socket is all that a loopback
//! address needs.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, bail};

/// Where an instance listens by default (design decision 13).
pub const DEFAULT_URL: &str = "http://127.0.0.1:19000";

/// Longest wait for a connection and between two reads.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of `base` + `path`.
///
/// # Errors
/// When nobody answers there, or not with 200.
pub fn fetch(base: &str, path: &str) -> anyhow::Result<String> {
    let authority = authority(base)?;
    let hint = || format!("{base}: no answer; is an instance running with its admin API there?");
    let mut stream = connect(&authority).with_context(hint)?;
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(hint)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(hint)?;
    body(&answer).with_context(|| format!("{base}{path}"))
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

fn body(answer: &[u8]) -> anyhow::Result<String> {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("the answer is not HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let body = &answer[end + 4..];
    let status = head.lines().next().unwrap_or_default();
    let code = status.split(' ').nth(1).unwrap_or_default();
    let chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    let body = if chunked {
        dechunk(body)?
    } else {
        body.to_vec()
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    if code != "200" {
        bail!("{status}: {}", body.trim());
    }
    Ok(body)
}

/// Servers that answer a 1.0 request with chunks exist.
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
        assert_eq!(body(plain).unwrap(), "hi");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n";
        assert_eq!(body(chunked).unwrap(), "hi!");
        assert!(body(b"HTTP/1.1 404 Not Found\r\n\r\nno").is_err());
    }

    #[test]
    fn completes_authorities() {
        assert_eq!(authority("http://localhost:1/x").unwrap(), "localhost:1");
        assert_eq!(authority("localhost").unwrap(), "localhost:80");
        assert!(authority("https://localhost").is_err());
    }
}
