// SPDX-License-Identifier: Apache-2.0
//! What arrived, in httpbin's words.
//!
//! In: a hyper request. Out: its parts as JSON.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Uri, body::Incoming};
use serde_json::{Map, Value};

/// A request with its body.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    peer: SocketAddr,
}

impl Request {
    pub(super) async fn read(peer: SocketAddr, request: hyper::Request<Incoming>) -> Self {
        let (parts, body) = request.into_parts();
        let body = body.collect().await;
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: body.map(|body| body.to_bytes()).unwrap_or_default(),
            peer,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// One header as text.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The client, or who the proxy says it is.
    pub(super) fn origin(&self) -> Value {
        let forwarded = self.header("x-forwarded-for");
        forwarded
            .unwrap_or_else(|| self.peer.ip().to_string())
            .into()
    }

    pub(super) fn url(&self) -> Value {
        let authority = self.uri.authority().map(ToString::to_string);
        let host = authority
            .or_else(|| self.header("host"))
            .unwrap_or_default();
        let scheme = self.header("x-forwarded-proto");
        let target = self
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        format!("{}://{host}{target}", scheme.as_deref().unwrap_or("http")).into()
    }

    /// Query parameters.
    pub(super) fn args(&self) -> Value {
        pairs(self.uri.query().unwrap_or_default())
    }

    /// Headers under the names that httpbin shows; several values are joined by commas.
    pub(super) fn headers(&self) -> Value {
        let mut shown = Map::new();
        for name in self.headers.keys() {
            let values = self.headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            shown.insert(title_case(name.as_str()), values.join(",").into());
        }
        Value::Object(shown)
    }

    /// The body as text, unless it is a form.
    pub(super) fn data(&self) -> Value {
        let body = if self.is_form() { &[] } else { &self.body[..] };
        String::from_utf8_lossy(body).into()
    }

    pub(super) fn form(&self) -> Value {
        let body = if self.is_form() { &self.body[..] } else { &[] };
        pairs(&String::from_utf8_lossy(body))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.starts_with("application/x-www-form-urlencoded")
    }
}

/// `a=b&c=d` as an object; a name that stands several times has a list.
pub(super) fn pairs(text: &str) -> Value {
    let mut shown = Map::<String, Value>::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), Value::from(decode(value)));
        match shown.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                shown.insert(name, value);
            }
        }
    }
    Value::Object(shown)
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = ahead.next().zip(ahead.next());
        let value = digits.and_then(|(high, low)| {
            let digit = |byte| char::from(byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        });
        match value {
            Some(value) if byte == b'%' => {
                out.push(value);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `user-agent` as `User-Agent`.
fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join("-")
}
