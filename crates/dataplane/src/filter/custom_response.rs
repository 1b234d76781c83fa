// SPDX-License-Identifier: Apache-2.0
//! Answers in place of others (`envoy.filters.http.custom_response`).
//!
//! In: the settings of a route, and the head of a response. Out: what the client gets instead.

use crate::route::{Mutations, ValueMatch};

/// The rules of a route; the first one that holds counts.
#[derive(Debug, Default)]
pub(crate) struct CustomResponse {
    /// Conditions, with what follows.
    pub(crate) rules: Vec<(Condition, Replacement)>,
}

/// A condition on a response.
#[derive(Debug)]
pub(crate) enum Condition {
    /// All of these.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    /// A field; without it, nothing holds.
    Header(Box<str>, ValueMatch),
    /// `true` for an answer that was made here, `false` for one of the backend's.
    Local(ValueMatch),
    /// Not this.
    Not(Box<Self>),
    /// The status, in decimal digits.
    Status(ValueMatch),
}

/// What takes the place of a response.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// The status; else that of the response.
    pub(crate) status: Option<u16>,
    /// The body, which may be empty.
    pub(crate) body: Vec<u8>,
    /// Fields.
    pub(crate) fields: Mutations,
}

/// A response as conditions see it.
pub(crate) struct Seen<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// It was made here.
    pub(crate) local: bool,
    /// The value of a field, in lower case; several joined by a comma.
    pub(crate) field: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl CustomResponse {
    /// What takes the place of this response.
    pub(crate) fn find(&self, seen: &Seen<'_>) -> Option<&Replacement> {
        let mut rules = self.rules.iter();
        let found = rules.find(|(condition, _)| condition.holds(seen));
        found.map(|(_, replacement)| replacement)
    }

    /// Whether a value is made of the request's fields.
    pub(crate) fn reads_request(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|(_, replacement)| replacement.fields.reads_request())
    }
}

impl Condition {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.holds(seen)),
            Self::Any(any) => any.iter().any(|one| one.holds(seen)),
            Self::Header(name, value) => {
                (seen.field)(name).is_some_and(|found| value.matches(&found))
            }
            Self::Local(value) => value.matches(if seen.local { b"true" } else { b"false" }),
            Self::Not(inner) => !inner.holds(seen),
            Self::Status(value) => value.matches(seen.status.to_string().as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_combine() {
        let status =
            |text: &str| Condition::Status(ValueMatch::Exact(text.as_bytes().into(), false));
        let local = Condition::Local(ValueMatch::Exact(b"true".as_slice().into(), false));
        let kind = || {
            let value = ValueMatch::Prefix(b"text/".as_slice().into(), false);
            Condition::Header("content-type".into(), value)
        };
        let all = Condition::All(vec![
            Condition::Any(vec![status("404"), status("500")]),
            local,
            Condition::Not(Box::new(kind())),
        ]);
        for (code, local, content_type, holds) in [
            (404, true, None, true),
            (500, true, Some("image/png"), true),
            (500, true, Some("text/html"), false),
            (500, false, None, false),
            (501, true, None, false),
        ] {
            let field = |_: &str| content_type.map(|text: &str| text.as_bytes().to_vec());
            let seen = Seen {
                status: code,
                local,
                field: &field,
            };
            assert_eq!(all.holds(&seen), holds, "{code} {local} {content_type:?}");
        }
    }
}
