// SPDX-License-Identifier: Apache-2.0
//! Every message that clients and upstreams of a test get, for a comparison of two planes.
//!
//! In: `SLUICEGATE_TRANSCRIPT`, a file; messages. Out: a line for each different message, without
//! what differs from run to run.

use std::{
    collections::BTreeSet,
    env,
    fs::{File, OpenOptions},
    io::Write,
    sync::{LazyLock, Mutex},
};

use regex::Regex;

use super::{
    client::{find, joined, masked},
    coded::decoded,
};

/// The file, if there is one.
pub(crate) fn file() -> Option<File> {
    let path = env::var_os("SLUICEGATE_TRANSCRIPT")?;
    let file = OpenOptions::new().create(true).append(true).open(path);
    Some(file.unwrap())
}

/// A message that `who` got.
pub(crate) fn note(who: &str, head: &str, body: &[u8]) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(mut file) = file() else {
        return;
    };
    if head.contains(TRACES) {
        return;
    }
    let line = format!("{who} {:?}", shown(head, body));
    let mut noted = NOTED.lock().unwrap();
    if noted.insert(line.clone()) {
        writeln!(file, "{line}").unwrap();
    }
}

/// Bytes that `who` got, which may be several messages, or none.
pub(crate) fn note_bytes(who: &str, bytes: &[u8]) {
    let end = find(bytes, b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, body) = bytes.split_at(end);
    note(who, &String::from_utf8_lossy(head), body);
}

fn shown(head: &str, body: &[u8]) -> String {
    /// Longer bodies are shown by their length.
    const SHORT: usize = 300;
    static RANDOM: LazyLock<[Regex; 6]> = LazyLock::new(|| {
        [
            // Ports that a system gives away.
            r":[3-6]\d{4}\b",
            // Generated cookies and request ids.
            r#"="[0-9a-f]{15,16}""#,
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            // The trace and the span of `traceparent`.
            r"\b00-[0-9a-f]{32}-[0-9a-f]{16}\b",
            // What is left of a timeout when a request is sent, perhaps once more: tests that mean a
            // number assert it.
            r"timeout(-ms)?: \d+m?\b",
            // What a bandwidth limit says of time.
            r"delay-ms: \d+",
        ]
        .map(|pattern| Regex::new(pattern).unwrap())
    });
    let body = joined(body).unwrap_or_else(|| body.to_vec());
    // Two libraries compress in two ways.
    let body = decoded(head, &body).unwrap_or(body);
    let body = if body.len() <= SHORT {
        String::from_utf8_lossy(&body).into_owned()
    } else {
        format!("{} bytes", body.len())
    };
    let text = masked(head) + &body;
    RANDOM.iter().fold(text, |text, random| {
        random.replace_all(&text, "*").into_owned()
    })
}

/// How spans are gathered into calls is left to chance; the collector of the tests looks into them.
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
