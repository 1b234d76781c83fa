// SPDX-License-Identifier: Apache-2.0
//! A client that sends bytes and reads bytes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
};

use sluicegate_testkit::patience;

use super::transcript;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response, taken apart as little as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// Status line and fields, without the empty line, `date` shown as `date: *`.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(patience())).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("sent");
    }

    /// Sends a request and reads its response.
    pub(crate) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.send(bytes);
        self.response(false)
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
    }

    /// Sends a body that no buffer holds, and reads the response at the same time.
    pub(crate) fn post(&mut self, body: &[u8]) -> Response {
        let mut writer = self.stream.try_clone().unwrap();
        let body = body.to_vec();
        let thread = thread::spawn(move || {
            let length = body.len();
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            writer.write_all(head.as_bytes()).unwrap();
            writer.write_all(&body).unwrap();
        });
        let response = self.response(false);
        thread.join().unwrap();
        response
    }

    /// Reads one response. `head_only` for answers to HEAD.
    pub(crate) fn response(&mut self, head_only: bool) -> Response {
        let (head, body) = self.message(head_only);
        Response {
            head: tidy(&head),
            body,
        }
    }

    /// Sends a request and reads its response, byte for byte but for [`masked`] values.
    pub(crate) fn exact(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let head_only = bytes.as_ref().starts_with(b"HEAD ");
        self.send(bytes);
        let (head, body) = self.message(head_only);
        masked(&head) + std::str::from_utf8(&body).unwrap()
    }

    fn message(&mut self, head_only: bool) -> (String, Vec<u8>) {
        let end = self.until(|bytes| find(bytes, b"\r\n\r\n").map(|at| at + 4));
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let status: u16 = head[9..12].parse().unwrap();
        let body = if head_only || matches!(status, 100..200 | 204 | 304) {
            Vec::new()
        } else if field("transfer-encoding").is_some() {
            self.chunks()
        } else {
            let length = field("content-length").map_or(0, |text| text.parse().unwrap());
            self.until(|bytes| (bytes.len() >= length).then_some(length));
            self.buffer.drain(..length).collect()
        };
        transcript::note("client", &head, &body);
        (head, body)
    }

    /// The chunked body as it is on the wire.
    fn chunks(&mut self) -> Vec<u8> {
        let end = self.until(|bytes| {
            if bytes.starts_with(b"0\r\n") {
                return find(bytes, b"\r\n\r\n").map(|at| at + 4);
            }
            let last = find(bytes, b"\r\n0\r\n")? + 2;
            find(&bytes[last..], b"\r\n\r\n").map(|at| last + at + 4)
        });
        self.buffer.drain(..end).collect()
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.buffer);
        let _ = self.stream.read_to_end(&mut rest);
        transcript::note_bytes("client to the end", &rest);
        rest
    }

    /// Whether the other side closes now, sending nothing more.
    pub(crate) fn closed(&mut self) -> bool {
        let mut byte = [0];
        self.buffer.is_empty() && !matches!(self.stream.read(&mut byte), Ok(1..))
    }

    /// Reads until `done` names a length.
    pub(crate) fn until(&mut self, done: impl Fn(&[u8]) -> Option<usize>) -> usize {
        loop {
            if let Some(length) = done(&self.buffer) {
                return length;
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&piece[..count]),
                other => panic!(
                    "{other:?} after {:?}",
                    String::from_utf8_lossy(&self.buffer)
                ),
            }
        }
    }
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Field lines in order.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.head.lines().skip(1).collect()
    }
}

/// Makes values that differ from run to run comparable, and lines easy to read.
pub(crate) fn tidy(head: &str) -> String {
    masked(head).trim_end().replace("\r\n", "\n")
}

/// The bytes of a head, with `*` for values that differ from run to run.
pub(crate) fn masked(head: &str) -> String {
    let lines = head.split_inclusive("\r\n").map(|line| {
        let name = line.split(": ").next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "date" | "x-request-id" | "x-envoy-upstream-service-time" => {
                format!("{name}: *\r\n")
            }
            _ => line.to_owned(),
        }
    });
    lines.collect()
}

/// The data of a chunked body, with its trailers behind; `None` when it is not one.
pub(crate) fn joined(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let at = find(bytes, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..at]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        bytes = &bytes[at + 2..];
        if size == 0 {
            data.extend_from_slice(bytes.strip_suffix(b"\r\n")?);
            return Some(data);
        }
        data.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
