// SPDX-License-Identifier: Apache-2.0
//! A request to the admin API.
//!
//! In: method, path and query (and form values of a POST). Out: decoded parameters in order.

use hyper::{Method, http::request::Parts};

/// What the pages see of a request.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Decoded names and values, in order.
    pub parameters: Vec<(String, String)>,
    accepts_json: bool,
}

impl Request {
    /// `body` counts when it is a submitted form.
    pub(crate) fn new(parts: &Parts, body: &[u8]) -> Self {
        let mut parameters = parse(parts.uri.query().unwrap_or_default());
        let is_form = parts
            .headers
            .get(hyper::header::CONTENT_TYPE)
            .is_some_and(|value| {
                value
                    .as_bytes()
                    .starts_with(b"application/x-www-form-urlencoded")
            });
        if let (true, Ok(body)) = (is_form, std::str::from_utf8(body)) {
            parameters.extend(parse(body));
        }
        let accept = parts.headers.get(hyper::header::ACCEPT);
        let accept = accept.and_then(|value| value.to_str().ok());
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            parameters,
            accepts_json: accept.is_some_and(|value| value.contains("application/json")),
        }
    }

    /// The first value under `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a page of ours answers with JSON: `format` decides, then `accept`.
    pub fn wants_json(&self) -> bool {
        match self.value("format") {
            Some(format) => format == "json",
            None => self.accepts_json,
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }
}

fn parse(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Undoes percent encoding. A plus stays a plus: Envoy leaves it, and regular expressions need it.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_parameters_in_order() {
        let parameters = parse("include_eds&mask=a%2Cb,c&x=%zz%4&&r=a+b=%C3%A4");
        let expected = [
            ("include_eds", ""),
            ("mask", "a,b,c"),
            ("x", "%zz%4"),
            ("r", "a+b=ä"),
        ];
        let shown: Vec<_> = parameters
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(shown, expected);
    }
}
