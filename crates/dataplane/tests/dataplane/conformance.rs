// SPDX-License-Identifier: Apache-2.0
//! What conformance checkers of others say about a running gateway.
//!
//! In: the checkers that `scripts/tools.sh` puts below `.tools/`. Out: their scores, compared with
//! the ones written down here with a reason for every test that fails; a test that begins to pass
//! breaks the comparison as well.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Gateway, Upstream, gateway::Resources, xds};

/// A checker, if it is there. Without it, CI fails and others are told, captured or not.
fn tool(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tool = root.join(".tools").join(path);
    if tool.is_file() {
        return Some(tool);
    }
    let missing = format!("SKIPPED: no .tools/{path}; scripts/tools.sh installs it\n");
    assert!(env::var_os("CI").is_none(), "{missing}");
    std::io::stderr().write_all(missing.as_bytes()).unwrap();
    None
}

/// h2spec's tests of HTTP/2 that fail or are left out, and why that is so.
const H2SPEC: &[(&str, &str)] = &[];
/// How many there are.
const H2SPEC_TESTS: usize = 146;

#[test]
fn h2spec() {
    let Some(tool) = tool("bin/h2spec") else {
        return;
    };
    // A body shorter than five bytes would leave a test out.
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let upstream = Upstream::answering(answer);
    let mut resources = Resources::simple(&[upstream.address]);
    // A listener for both versions answers a preface that is none of HTTP/2 by an HTTP/1 response,
    // which the checker does not know.
    resources.listeners = vec![xds::listener(|manager| {
        manager.codec_type = 2;
    })];
    let gateway = Gateway::start(&resources);
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("h2spec.xml");
    let output = Command::new(tool)
        .args([
            "--strict",
            "--timeout",
            "30",
            "--host",
            "127.0.0.1",
            "--port",
        ])
        .arg(gateway.address().port().to_string())
        .arg("--junit-report")
        .arg(&report)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let report = fs::read_to_string(&report).expect("a report");
    let cases: Vec<&str> = report.split("<testcase ").skip(1).collect();
    let failed: Vec<String> = cases
        .iter()
        .filter(|case| {
            ["<failure", "<error", "<skipped"]
                .iter()
                .any(|kind| case.contains(kind))
        })
        .map(|case| {
            let attribute = |name: &str| {
                let (_, rest) = case.split_once(&format!("{name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.to_owned()
            };
            format!("{}: {}", attribute("package"), attribute("classname"))
        })
        .collect();
    let expected: Vec<&str> = H2SPEC.iter().map(|(name, _)| *name).collect();
    println!(
        "h2spec: {} of {} pass",
        cases.len() - failed.len(),
        cases.len()
    );
    assert_eq!(failed, expected, "{said}");
    assert_eq!(cases.len(), H2SPEC_TESTS);
}

/// What REDbot, a lint for HTTP/1.1 resources, notes about a plain response that passed through:
/// nothing that is wrong.
const REDBOT: &[&str] = &[
    "The server's clock is correct.",
    "The Content-Length header is correct.",
    "This response allows all caches to store it.",
    "This response allows caches to assign their own freshness lifetimes to it.",
    "In exceptional circumstances, caches can serve this response stale.",
];

#[test]
fn redbot() {
    let Some(tool) = tool("redbot/bin/redbot") else {
        return;
    };
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nok",
    );
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let output = Command::new(tool)
        .args(["-o", "text"])
        .arg(format!("http://{}/", gateway.address()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let notes: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("  * "))
        .collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(notes, REDBOT, "{said}{errors}");
}
