// SPDX-License-Identifier: Apache-2.0
//! Texts with operators (`%REQ(x-a)%`), as Envoy writes them into header fields and access logs.
//!
//! In: the text, when a plan is compiled; what is known of a request. Out: the value. What an
//! operator that knows nothing leaves in its place is for the caller to say.

#[cfg(test)]
mod tests;

mod facts;
mod grpc;
mod names;
mod operator;
mod path;
mod time;

pub(crate) use facts::{Facts, Moments, Protocol, Upstream, Wire};
pub(crate) use operator::Operator;
use operator::{Address, Message, Plain};

/// A compiled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format(Vec<Operator>);

/// One operator as it is written.
struct Command<'a> {
    name: &'a str,
    parameter: Option<&'a str>,
    limit: Option<usize>,
}

impl Format {
    /// Compiles a text for the requests of one route, whose name is known.
    pub(crate) fn for_route(text: &str, route: &str) -> Result<Self, String> {
        let mut parts = Self::compile(text)?.0;
        for part in &mut parts {
            match part {
                Operator::Plain(Plain::Route) => *part = Operator::Text(route.as_bytes().to_vec()),
                Operator::Plain(Plain::LocalReplyBody) => {
                    return Err("the operator %LOCAL_REPLY_BODY% is not implemented".to_owned());
                }
                Operator::Plain(plain) if plain.is_known_at_the_end() => {
                    return Err(format!(
                        "an operator for the end of a request ({plain:?}) is not implemented"
                    ));
                }
                Operator::Unfilled(told) => return Err(format!("{told} is not implemented")),
                _ => {}
            }
        }
        Ok(Self::joined(parts))
    }

    /// Compiles a text.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                plain.push(b'%');
                rest = after;
                continue;
            }
            let (command, length) = Command::parse(rest).ok_or_else(|| {
                let at = text.len() - rest.len();
                format!(
                    "Incorrect configuration: {text}. Couldn't find valid command at position {at}"
                )
            })?;
            parts.push(Operator::Text(std::mem::take(&mut plain)));
            parts.push(command.compile()?);
            rest = &rest[length..];
        }
        plain.extend_from_slice(rest.as_bytes());
        parts.push(Operator::Text(plain));
        Ok(Self::joined(parts))
    }

    /// Plain bytes.
    pub(crate) fn plain(bytes: &[u8]) -> Self {
        Self(vec![Operator::Text(bytes.to_vec())])
    }

    /// With neighbouring constants as one, and without empty ones.
    fn joined(parts: Vec<Operator>) -> Self {
        let mut joined: Vec<Operator> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Operator::Text(more)) if more.is_empty() => {}
                (Some(Operator::Text(text)), Operator::Text(more)) => text.extend(more),
                (_, part) => joined.push(part),
            }
        }
        Self(joined)
    }

    /// The value, when it is the same for all requests.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [Operator::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The operator, when the text is nothing else.
    pub(crate) fn single(&self) -> Option<&Operator> {
        match self.0.as_slice() {
            [operator] => Some(operator),
            _ => None,
        }
    }

    /// Whether it looks at the request's fields.
    pub(crate) fn reads_request(&self) -> bool {
        let reads = |part: &Operator| {
            matches!(
                part,
                Operator::Path(_)
                    | Operator::Field {
                        message: Message::Request,
                        ..
                    }
            )
        };
        self.0.iter().any(reads)
    }

    /// Whether it asks for our end of the connection to the client, or to the host: each costs a
    /// system call.
    pub(crate) fn reads_ends(&self) -> [bool; 2] {
        [Address::Local, Address::Source].map(|end| {
            let asks =
                |part: &Operator| matches!(part, Operator::Address(which, _) if *which == end);
            self.0.iter().any(asks)
        })
    }

    /// Operators that are never filled in, in words.
    pub(crate) fn unfilled(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|part| match part {
            Operator::Unfilled(told) => Some(*told),
            _ => None,
        })
    }

    /// The value as text, without what is not known.
    pub(crate) fn text(&self, facts: &Facts<'_>) -> String {
        let mut value = Vec::new();
        self.push(facts, b"", &mut value);
        String::from_utf8_lossy(&value).into_owned()
    }

    /// Writes the value, with `missing` in the place of what is not known.
    pub(crate) fn push(&self, facts: &Facts<'_>, missing: &[u8], out: &mut Vec<u8>) {
        for part in &self.0 {
            if !part.push(facts, out) {
                out.extend_from_slice(missing);
            }
        }
    }
}

impl<'a> Command<'a> {
    /// Parses `%NAME(parameter):limit%` at the start of `text`; says how long it is.
    fn parse(text: &'a str) -> Option<(Self, usize)> {
        let body = text.strip_prefix('%')?;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = body.find(|c| !is_name(c))?;
        let (name, mut rest) = body.split_at(end);
        let mut parameter = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let close = inner.find(')')?;
            parameter = Some(&inner[..close]);
            rest = &inner[close + 1..];
        }
        let mut limit = None;
        if let Some(digits) = rest.strip_prefix(':') {
            let end = digits.find(|c: char| !c.is_ascii_digit())?;
            limit = Some(digits[..end].parse().ok()?);
            rest = &digits[end..];
        }
        let rest = rest.strip_prefix('%').filter(|_| !name.is_empty())?;
        let command = Self {
            name,
            parameter,
            limit,
        };
        Some((command, text.len() - rest.len()))
    }
}
