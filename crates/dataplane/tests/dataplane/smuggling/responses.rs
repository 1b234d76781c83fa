// SPDX-License-Identifier: Apache-2.0
//! Responses: what an upstream sends against what the client sees.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use super::{Entry, assert_none, entries, plain, show};
use crate::support::{Gateway, Upstream, client::find, gateway::Resources};

const TABLE: &str = include_str!("responses.txt");

/// What the upstream does with the next request.
#[derive(Default, Clone)]
struct Script {
    first: Vec<u8>,
    later: Vec<u8>,
    close: bool,
    step: usize,
}

/// Where requests arrived: numbers of connections.
#[derive(Default)]
struct Numbers {
    entry: AtomicUsize,
    probe: AtomicUsize,
}

fn upstream(script: Arc<Mutex<Script>>, numbers: Arc<Numbers>) -> Upstream {
    Upstream::start(move |exchange| {
        if exchange.head.starts_with("GET /probe") {
            numbers.probe.store(exchange.connection, SeqCst);
            return exchange.stream.write_all(PROBED).is_ok();
        }
        numbers.entry.store(exchange.connection, SeqCst);
        exchange.rest.clear();
        let script = script.lock().unwrap().clone();
        for piece in script.first.chunks(script.step) {
            // A gateway that has seen enough may not listen any more.
            let _ = exchange.stream.write_all(piece);
        }
        if !script.later.is_empty() {
            thread::sleep(LATER);
            let _ = exchange.stream.write_all(&script.later);
        }
        !script.close
    })
}

/// Reads until `done`, or to the end of the connection.
fn read(tcp: &mut TcpStream, done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !done(&undated(&bytes)) {
        match tcp.read(&mut piece) {
            Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    undated(&bytes)
}

/// Without the date line that the gateway adds.
fn undated(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = find(&bytes, b"\r\ndate: ") {
        let Some(length) = find(&bytes[at + 2..], b"\r\n") else {
            break;
        };
        bytes.drain(at..at + 2 + length);
    }
    bytes
}

fn connect(gateway: &Gateway) -> TcpStream {
    let tcp = TcpStream::connect(gateway.address()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp
}

fn run(gateway: &Gateway, numbers: &Numbers, entry: &Entry) -> Result<(), String> {
    let mut tcp = connect(gateway);
    let request = match entry.line('?') {
        Some(b"HEAD") => b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        Some(request) => request,
        None => b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    tcp.write_all(request).unwrap();
    let status = entry.words('<').concat();
    if !status.is_empty() {
        let found = read(&mut tcp, |bytes| {
            bytes.ends_with(b"protocol error") || bytes.ends_with(b"connection termination")
        });
        let wanted = format!("HTTP/1.1 {status} ");
        if !found.starts_with(wanted.as_bytes()) {
            return Err(format!("answered {}", show(&found)));
        }
    } else if let Some(wanted) = entry.line('=') {
        let found = read(&mut tcp, |bytes| bytes.len() >= wanted.len());
        if found != wanted {
            return Err(format!("answered {}", show(&found)));
        }
    } else {
        let wanted = entry.line('~').unwrap();
        let found = read(&mut tcp, |_| false);
        if !(wanted.starts_with(&found) && find(&found, b"\r\n\r\n").is_some()) {
            return Err(format!("answered {}", show(&found)));
        }
        tcp = connect(gateway);
    }
    if entry.line('+').is_some() {
        // Bytes that come at the same moment as the next request cannot be told from its answer.
        thread::sleep(LATER * 3);
    }
    tcp.write_all(b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let probed = read(&mut tcp, |bytes| bytes.len() >= ANSWER.len());
    if probed != ANSWER {
        return Err(format!("the next request got {}", show(&probed)));
    }
    let same = numbers.entry.load(SeqCst) == numbers.probe.load(SeqCst);
    let wanted = entry.words('&') == ["keep"];
    if same != wanted {
        let verb = if same { "kept" } else { "dropped" };
        return Err(format!("the connection was {verb}"));
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_millis(30);
const PROBED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nright";

/// Row 28.
#[test]
fn ambiguous_responses_are_refused_or_made_plain() {
    let (script, numbers) = (Arc::<Mutex<Script>>::default(), Arc::<Numbers>::default());
    let upstream = upstream(script.clone(), numbers.clone());
    let mut resources = Resources::simple(&[upstream.address]);
    plain(&mut resources);
    let gateway = Gateway::start(&resources);
    let entries = entries(TABLE, "?>+!=~<&");
    assert!(entries.len() >= 70, "{}", entries.len());
    let mut failures = Vec::new();
    for entry in &entries {
        let first = entry.line('>').unwrap();
        // Bytes behind the end are seen for sure when they come along with it.
        let behind = entry.words('&') == ["drop"] && entry.line('=').is_some();
        let single = first.len() < 2000 && !behind;
        for step in [first.len().max(1), 1]
            .into_iter()
            .take(1 + usize::from(single))
        {
            *script.lock().unwrap() = Script {
                first: first.to_vec(),
                later: entry.line('+').unwrap_or_default().to_vec(),
                close: entry.line('!').is_some(),
                step,
            };
            if let Err(what) = run(&gateway, &numbers, entry) {
                failures.push(format!("{} (by {step} bytes)\n    {what}", entry.name));
            }
        }
    }
    assert_none(&failures);
}
