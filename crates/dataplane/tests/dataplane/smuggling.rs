// SPDX-License-Identifier: Apache-2.0
//! Nothing that can be read in two ways passes: two tables of raw messages.
//!
//! In: `smuggling/requests.txt` and `smuggling/responses.txt`, which explain themselves. Out: each
//! message is sent through a running gateway, whole and then byte by byte; what the other side sees
//! is compared to the byte, and a plain request afterwards must find everything in step.

mod requests;
mod responses;

use sluicegate_xds::{
    any,
    pb::{
        envoy::extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
        },
        google::protobuf::BoolValue,
    },
};

use crate::support::{gateway::Resources, xds};

/// An entry of a table: its name, and its lines with the sign that each begins with.
struct Entry {
    name: String,
    lines: Vec<(char, Vec<u8>)>,
}

impl Entry {
    /// The line with this sign.
    fn line(&self, sign: char) -> Option<&[u8]> {
        let mut found = self.lines.iter().filter(|(known, _)| *known == sign);
        let (_, line) = found.next()?;
        assert!(found.next().is_none(), "{}: two lines {sign}", self.name);
        Some(line)
    }

    /// The line with this sign as words.
    fn words(&self, sign: char) -> Vec<&str> {
        let text = std::str::from_utf8(self.line(sign).unwrap_or_default()).unwrap();
        text.split(' ').collect()
    }
}

/// Fails with all of these, if there are any.
fn assert_none(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Reads a table whose lines begin with one of `signs`.
fn entries(table: &str, signs: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in table.lines() {
        let sign = line.chars().next().filter(|sign| signs.contains(*sign));
        match (sign, entries.last_mut()) {
            _ if line.is_empty() || line.starts_with('#') => {}
            (Some(sign), Some(entry)) => {
                let text = &line[2..];
                entry.lines.push((sign, bytes(text)));
            }
            _ => entries.push(Entry {
                name: line.to_owned(),
                lines: Vec::new(),
            }),
        }
    }
    entries
}

/// Expands escapes and repetitions.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("{{") {
            let (repeated, tail) = inner.split_once("}}").expect("an end of the repetition");
            let (part, count) = repeated.rsplit_once('*').expect("a count");
            out.extend(bytes(part).repeat(count.parse().unwrap()));
            rest = tail;
            continue;
        }
        let mut length = next.len_utf8();
        if next == '\\' {
            let escaped = rest.as_bytes()[1];
            length = 2;
            out.push(match escaped {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => {
                    length = 4;
                    u8::from_str_radix(&rest[2..4], 16).unwrap()
                }
                other => panic!("an escape {other}"),
            });
        } else {
            out.extend_from_slice(&rest.as_bytes()[..length]);
        }
        rest = &rest[length..];
    }
    out
}

/// A gateway that adds as little as possible of its own.
fn plain(resources: &mut Resources) {
    resources.listeners = vec![xds::listener(|manager| {
        manager.generate_request_id = Some(BoolValue { value: false });
        // PASS_THROUGH.
        manager.server_header_transformation = 2;
        let router = Router {
            suppress_envoy_headers: true,
            ..Router::default()
        };
        manager.http_filters = vec![HttpFilter {
            name: "envoy.filters.http.router".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any::pack(&router))),
            ..HttpFilter::default()
        }];
    })];
}

fn show(bytes: &[u8]) -> String {
    let shown = bytes.escape_ascii().to_string();
    match shown.char_indices().nth(1200) {
        Some((at, _)) => format!("{}... ({} bytes)", &shown[..at], bytes.len()),
        None => shown,
    }
}
