// SPDX-License-Identifier: Apache-2.0
//! Operators that look into the path of a request.
//!
//! In: which part is asked for; the request. Out: the part, if it is there.

use super::Facts;

/// What is asked for, and bytes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// Which part.
    pub(super) part: Part,
    /// Bytes at most.
    pub(super) limit: usize,
}

/// A part of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The path, with or without the query.
    Path { query: bool, of: Of },
    /// The first value of a parameter, decoded.
    Parameter(String),
    /// The query, decoded or as it is.
    Query { decoded: bool },
}

/// Which path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The one before it was rewritten; there is none where it was not.
    Original,
    /// That one, else the path.
    Either,
    /// The path as it is.
    Path,
}

impl Path {
    /// Reads the parameters of `%PATH%`: `WQ` or `NQ`, then which one.
    pub(super) fn of_path(parameter: &str, limit: usize) -> Result<Self, String> {
        let mut words = parameter.split(':');
        let query = match words.next().unwrap_or_default() {
            "" | "WQ" => true,
            "NQ" => false,
            other => {
                return Err(format!(
                    "Invalid PATH option: '{other}', only 'WQ'/'NQ' are allowed"
                ));
            }
        };
        let of = match words.next().unwrap_or_default() {
            "" | "ORIG_OR_PATH" => Of::Either,
            "ORIG" => Of::Original,
            "PATH" => Of::Path,
            other => {
                return Err(format!(
                    "Invalid PATH option: '{other}', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"
                ));
            }
        };
        Ok(Self {
            part: Part::Path { query, of },
            limit,
        })
    }

    /// Reads the parameter of `%QUERY_PARAMS%`.
    pub(super) fn of_query(parameter: &str, limit: usize) -> Result<Self, String> {
        let decoded = match parameter {
            "" | "ORIG" => false,
            "DECODED" => true,
            other => {
                return Err(format!(
                    "Invalid QUERY_PARAMS option: '{other}', only 'ORIG'/'DECODED' are allowed"
                ));
            }
        };
        Ok(Self {
            part: Part::Query { decoded },
            limit,
        })
    }

    /// Writes the part, if it is there.
    pub(super) fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let found = self.part.push(facts, out);
        out.truncate(start.saturating_add(self.limit));
        found
    }
}

impl Part {
    fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
        let path = match self {
            Self::Path { of, .. } => of.path(facts),
            Self::Parameter(_) | Self::Query { .. } => Of::Path.path(facts),
        };
        let Some(path) = path else {
            return false;
        };
        let at = path.iter().position(|byte| *byte == b'?');
        let query = at.map(|at| &path[at + 1..]);
        match self {
            Self::Path { query: true, .. } => out.extend_from_slice(path),
            Self::Path { query: false, .. } => {
                out.extend_from_slice(&path[..at.unwrap_or(path.len())]);
            }
            Self::Parameter(name) => return push_parameter(name, query, out),
            Self::Query { decoded } => match query {
                None => return false,
                Some(query) if *decoded => push_visible(query, out),
                Some(query) => out.extend_from_slice(query),
            },
        }
        true
    }
}

impl Of {
    fn path<'f>(self, facts: &'f Facts<'_>) -> Option<&'f [u8]> {
        let original = || facts.request_field("x-envoy-original-path");
        match self {
            Self::Original => original(),
            Self::Either => original().or_else(|| facts.request_field(":path")),
            Self::Path => facts.request_field(":path"),
        }
    }
}

/// The value of the first parameter whose decoded name this is.
fn push_parameter(name: &str, query: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for pair in query.unwrap_or_default().split(|byte| *byte == b'&') {
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = pair.split_at(equals.unwrap_or(pair.len()));
        push_decoded(key, out);
        let same = &out[start..] == name.as_bytes();
        out.truncate(start);
        // What has neither name nor value is no parameter.
        if same && !pair.is_empty() {
            push_decoded(value.get(1..).unwrap_or_default(), out);
            return true;
        }
    }
    false
}

/// Decodes whatever is encoded; what is not stays.
fn push_decoded(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let code = coded(rest);
        out.push(code.unwrap_or(first));
        rest = code.map_or(after, |_| &rest[3..]);
    }
}

/// Decodes characters that can be seen, as Envoy does, which loses the sign of what is no code.
fn push_visible(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        match coded(rest) {
            Some(byte @ 0x21..0x7f) => {
                out.push(byte);
                rest = &rest[3..];
            }
            None if first == b'%' => rest = after,
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
}

/// The byte that a code at the start of `text` stands for.
fn coded(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: Path, text: &str) -> Option<Vec<u8>> {
        let request = |name: &str| (name == ":path").then_some(text.as_bytes());
        let facts = Facts {
            request: Some(&request),
            ..Facts::default()
        };
        let mut out = Vec::new();
        path.push(&facts, &mut out).then_some(out)
    }

    const CODED: &str = "/up?a=%00%01%1f%20%21%25%26%3d%7e%7f%80%c3%a9%zz%4+b";

    /// Recorded from Envoy.
    #[test]
    fn parameters_are_decoded() {
        let parameter = |path: &str| {
            let part = Part::Parameter("a".to_owned());
            written(Path { part, limit: 99 }, path)
        };
        let wanted = b"\0\x01\x1f !%&=~\x7f\x80\xc3\xa9%zz%4+b";
        assert_eq!(parameter(CODED).as_deref(), Some(&wanted[..]));
        for (path, wanted) in [
            ("/up?%61=1&a=2", Some("1")),
            ("/up?a=%2541&a=2=3?4", Some("%41")),
            ("/up?&&=x&a", Some("")),
            ("/up?A=1", None),
            ("/up?", None),
            ("/up", None),
        ] {
            assert_eq!(
                parameter(path).as_deref(),
                wanted.map(str::as_bytes),
                "{path}"
            );
        }
    }

    /// Recorded from Envoy.
    #[test]
    fn queries_are_decoded_as_far_as_they_can_be_seen() {
        let query = |path: &str| written(Path::of_query("DECODED", 99).expect("a path"), path);
        let wanted = b"a=%00%01%1f%20!%&=~%7f%80%c3%a9zz4+b";
        assert_eq!(query(CODED).as_deref(), Some(&wanted[..]));
        assert_eq!(query("/up?").as_deref(), Some(&b""[..]));
        assert_eq!(query("/up"), None);
        assert!(Path::of_query("X", 9).is_err() && Path::of_path("ORIG", 9).is_err());
    }
}
