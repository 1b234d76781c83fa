// SPDX-License-Identifier: Apache-2.0
//! A scripted upstream: what it does with each request is a closure; what it saw is kept.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::{
    client::{find, masked, tidy},
    transcript,
};

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// Heads received, tidied.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    /// The same as they stood on the wire.
    pub(crate) exact: Arc<Mutex<Vec<String>>>,
    /// Connections accepted.
    pub(crate) connections: Arc<AtomicUsize>,
    /// Connections that ended.
    pub(crate) closed: Arc<AtomicUsize>,
}

/// One request on one connection.
pub(crate) struct Exchange<'a> {
    pub(crate) stream: &'a mut TcpStream,
    pub(crate) head: String,
    /// Bytes that came with the head.
    pub(crate) rest: Vec<u8>,
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
}

impl Upstream {
    /// Answers every request with these bytes, after reading its body by content-length.
    pub(crate) fn answering(response: &'static str) -> Self {
        Self::start(move |exchange| {
            exchange.read_body();
            exchange.stream.write_all(response.as_bytes()).is_ok()
        })
    }

    /// `200` with the body `ok`.
    pub(crate) fn ok() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    /// Sends back the request body as it was on the wire, with its length.
    pub(crate) fn echo() -> Self {
        Self::start(|exchange| {
            let body = exchange.read_body();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            exchange.stream.write_all(head.as_bytes()).unwrap();
            exchange.stream.write_all(&body).is_ok()
        })
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self::start(|exchange| {
            let mut byte = [0];
            matches!(exchange.stream.read(&mut byte), Ok(1))
        })
    }

    /// Opens a tunnel with this head, then sends everything back in upper case.
    pub(crate) fn shouting(head: &'static str) -> Self {
        Self::start(move |exchange| {
            exchange.stream.write_all(head.as_bytes()).unwrap();
            let mut piece = [0; 100];
            while let Ok(count @ 1..) = exchange.stream.read(&mut piece) {
                let upper = piece[..count].to_ascii_uppercase();
                exchange.stream.write_all(&upper).unwrap();
            }
            false
        })
    }

    /// Like [`Upstream::ok`], at this address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::bound(TcpListener::bind(address).unwrap(), |exchange| {
            let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            exchange.stream.write_all(response.as_bytes()).is_ok()
        })
    }

    /// Handles each request; `false` closes the connection.
    pub(crate) fn start(
        handle: impl Fn(&mut Exchange<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::bound(TcpListener::bind("127.0.0.1:0").unwrap(), handle)
    }

    fn bound(
        listener: TcpListener,
        handle: impl Fn(&mut Exchange<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
            exact: Arc::default(),
            connections: Arc::default(),
            closed: Arc::default(),
        };
        let (connections, closed) = (upstream.connections.clone(), upstream.closed.clone());
        let seen = [upstream.heads.clone(), upstream.exact.clone()];
        let handle = Arc::new(handle);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = connections.fetch_add(1, SeqCst);
                let (seen, closed, handle) = (seen.clone(), closed.clone(), handle.clone());
                thread::spawn(move || {
                    serve(stream, connection, &seen, &*handle);
                    closed.fetch_add(1, SeqCst);
                });
            }
        });
        upstream
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn closed(&self) -> usize {
        self.closed.load(SeqCst)
    }

    /// The only head received.
    pub(crate) fn head(&self) -> String {
        let heads = self.heads.lock().unwrap();
        assert_eq!(heads.len(), 1, "{heads:?}");
        heads[0].clone()
    }

    /// The last head received, byte for byte but for [`masked`] values.
    pub(crate) fn last_exact(&self) -> String {
        self.exact
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    [heads, exact]: &[Arc<Mutex<Vec<String>>>; 2],
    handle: &dyn Fn(&mut Exchange<'_>) -> bool,
) {
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = find(&buffer, b"\r\n\r\n") {
                break at + 4;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(count) if count > 0 => buffer.extend_from_slice(&piece[..count]),
                _ => return,
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
        transcript::note("upstream", &head, b"");
        heads.lock().unwrap().push(tidy(&head));
        exact.lock().unwrap().push(masked(&head));
        let mut exchange = Exchange {
            stream: &mut stream,
            head,
            rest: std::mem::take(&mut buffer),
            connection,
        };
        if !handle(&mut exchange) {
            return;
        }
        buffer = std::mem::take(&mut exchange.rest);
    }
}

impl Exchange<'_> {
    /// Reads a body by content-length or up to the last chunk, as it is on the wire.
    pub(crate) fn read_body(&mut self) -> Vec<u8> {
        let body = self.take_body();
        if !body.is_empty() {
            transcript::note("upstream body", "", &body);
        }
        body
    }

    fn take_body(&mut self) -> Vec<u8> {
        let lower = self.head.to_ascii_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if let Some(length) = length {
            let length: usize = length.parse().unwrap();
            self.fill(|rest| (rest.len() >= length).then_some(length))
        } else if lower.contains("transfer-encoding: chunked") {
            self.fill(|rest| {
                if rest.starts_with(b"0\r\n") {
                    return find(rest, b"\r\n\r\n").map(|at| at + 4);
                }
                let last = find(rest, b"\r\n0\r\n")? + 2;
                find(&rest[last..], b"\r\n\r\n").map(|at| last + at + 4)
            })
        } else {
            Vec::new()
        }
    }

    fn fill(&mut self, done: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        loop {
            if let Some(length) = done(&self.rest) {
                return self.rest.drain(..length).collect();
            }
            let mut piece = [0; 65536];
            match self.stream.read(&mut piece) {
                Ok(count) if count > 0 => self.rest.extend_from_slice(&piece[..count]),
                _ => return std::mem::take(&mut self.rest),
            }
        }
    }
}
