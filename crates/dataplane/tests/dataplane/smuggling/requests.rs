// SPDX-License-Identifier: Apache-2.0
//! Requests: what a client sends against what the upstream sees and the client is told.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{Entry, assert_none, entries, plain, show};
use crate::support::{Gateway, client::find, gateway::Resources};

const TABLE: &str = include_str!("requests.txt");

/// What arrived on one connection.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    /// Where the last whole request ends.
    whole: usize,
    closed: bool,
}

/// An upstream that keeps all bytes and answers each whole request.
struct Recorder {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = connections.clone();
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let kept = kept.clone();
                let number = {
                    let mut all = kept.lock().unwrap();
                    all.push(Seen::default());
                    all.len() - 1
                };
                thread::spawn(move || record(tcp, number, &kept));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Takes what arrived since the last time. A connection that stays is empty from then on.
    fn take(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for seen in self.connections.lock().unwrap().iter_mut() {
            all.append(&mut seen.bytes);
            seen.whole = 0;
        }
        all
    }

    /// How many bytes arrived since the last time.
    fn len(&self) -> usize {
        let all = self.connections.lock().unwrap();
        all.iter().map(|seen| seen.bytes.len()).sum()
    }

    /// Whether every connection with half a request was closed.
    fn halves_closed(&self) -> bool {
        let all = self.connections.lock().unwrap();
        all.iter()
            .all(|seen| seen.closed || seen.whole == seen.bytes.len())
    }
}

fn record(mut tcp: TcpStream, number: usize, connections: &Mutex<Vec<Seen>>) {
    tcp.set_nodelay(true).unwrap();
    let mut piece = [0; 65536];
    while let Ok(count @ 1..) = tcp.read(&mut piece) {
        let mut answers = Vec::new();
        {
            let seen = &mut connections.lock().unwrap()[number];
            seen.bytes.extend_from_slice(&piece[..count]);
            while let Some(length) = whole(&seen.bytes[seen.whole..]) {
                seen.whole += length;
                answers.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
        if tcp.write_all(&answers).is_err() {
            break;
        }
    }
    connections.lock().unwrap()[number].closed = true;
}

/// Length of the request that `bytes` begin with, in the one form that may arrive here.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    if text.contains("\r\ntransfer-encoding: chunked\r\n") {
        let end = if bytes[head..].starts_with(b"0\r\n\r\n") {
            0
        } else {
            find(&bytes[head..], b"\r\n0\r\n\r\n")? + 2
        };
        return Some(head + end + 5);
    }
    let length = text.split_once("\r\ncontent-length: ");
    let length = length.map_or(0, |(_, rest)| {
        rest.split('\r').next().unwrap().parse().unwrap()
    });
    (bytes.len() >= head + length).then_some(head + length)
}

/// The statuses of the answers that `bytes` consist of, but for 100.
fn statuses(mut bytes: &[u8]) -> Vec<String> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            statuses.push(format!("half an answer: {}", show(bytes)));
            break;
        };
        let head = String::from_utf8_lossy(&bytes[..end + 2]).into_owned();
        let status = &head[9..12];
        if status != "100" {
            statuses.push(status.to_owned());
        }
        let length = head.split_once("\r\ncontent-length: ");
        let length: usize = length.map_or(0, |(_, rest)| {
            rest.split('\r').next().unwrap().parse().unwrap()
        });
        bytes = bytes.get(end + 4 + length..).unwrap_or_default();
    }
    statuses
}

/// Sends it in pieces of `step` bytes; returns what the client read until the gateway closed, or
/// until as many answers were there as are expected.
fn send(gateway: &Gateway, entry: &Entry, step: usize) -> Result<(TcpStream, Vec<u8>), String> {
    let mut tcp = TcpStream::connect(gateway.address()).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    for piece in entry.line('>').unwrap().chunks(step) {
        // A gateway that has heard enough may not listen any more.
        let _ = tcp.write_all(piece);
    }
    let wanted = entry.words('<');
    let answers = wanted.iter().filter(|word| word.len() == 3).count();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !stays(&wanted) || statuses(&bytes).len() < answers {
        match tcp.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(format!("{error} after {}", show(&bytes))),
        }
    }
    Ok((tcp, bytes))
}

/// Whether the connection goes on afterwards.
fn stays(wanted: &[&str]) -> bool {
    matches!(wanted, [.., "200" | "stays"])
}

fn run(gateway: &Gateway, recorder: &Recorder, entry: &Entry, step: usize) -> Result<(), String> {
    let (mut tcp, bytes) = send(gateway, entry, step)?;
    let wanted = entry.words('<');
    let found = statuses(&bytes);
    let mut answers = wanted.clone();
    answers.retain(|word| word.len() == 3);
    if found != answers {
        return Err(format!("answered {found:?}: {}", show(&bytes)));
    }
    let exact = entry.line('=').unwrap_or_default();
    let partly = entry.line('~').unwrap_or_default();
    let arrived = || recorder.len() >= exact.len() && recorder.halves_closed();
    let until = Instant::now() + PATIENCE;
    while !arrived() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    if !recorder.halves_closed() {
        return Err("half a request waits at the upstream".to_owned());
    }
    // A plain request, on the same connection where it stays, finds everything in step; and by then
    // whatever else was sent has arrived.
    if !stays(&wanted) {
        let _ = tcp.shutdown(Shutdown::Both);
        tcp = TcpStream::connect(gateway.address()).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    tcp.write_all(b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while statuses(&answer).first().is_none_or(|one| one.len() > 3) {
        match tcp.read(&mut piece) {
            Ok(count @ 1..) => answer.extend_from_slice(&piece[..count]),
            other => return Err(format!("{other:?} for the next request")),
        }
    }
    if statuses(&answer) != ["200"] {
        return Err(format!("the next request got {}", show(&answer)));
    }
    let mut seen = recorder.take();
    let Some(at) = find(&seen, PROBE) else {
        return Err(format!("the next request arrived as {}", show(&seen)));
    };
    seen.drain(at..at + PROBE.len());
    if seen == exact || (!partly.is_empty() && partly.starts_with(&seen)) {
        return Ok(());
    }
    Err(format!("the upstream saw {}", show(&seen)))
}

const PATIENCE: Duration = Duration::from_secs(30);
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nhost: probe\r\nx-forwarded-proto: http\r\n\r\n";

/// Rows 26 and 27.
#[test]
fn ambiguous_requests_are_refused_or_made_plain() {
    let recorder = Recorder::start();
    let mut resources = Resources::simple(&[recorder.address]);
    plain(&mut resources);
    let gateway = Gateway::start(&resources);
    let entries = entries(TABLE, "><=~");
    assert!(entries.len() >= 150, "{}", entries.len());
    let mut failures = Vec::new();
    for entry in &entries {
        let length = entry.line('>').unwrap().len();
        let steps = if length < 2000 {
            &[length, 1][..]
        } else {
            &[length]
        };
        for step in steps {
            if let Err(what) = run(&gateway, &recorder, entry, *step) {
                recorder.take();
                failures.push(format!("{} (by {step} bytes)\n    {what}", entry.name));
            }
        }
    }
    assert_none(&failures);
}
