// SPDX-License-Identifier: Apache-2.0
//! Hash policies of a route: which parts of a request choose the host.
//!
//! In: the policies, and the request through [`HashInput`]. Out: the hash, if any policy produced
//! one, and the cookies that the response must set. Nothing is allocated unless a header has
//! several values, a rewrite applies, or a cookie is made.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use regex::bytes::Regex;

use super::{xx_hash_64, xx_hash_64_chained};

/// What hashing needs to know about a request.
pub(crate) trait HashInput {
    /// Values of a request header, in order.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;

    /// The path with its query.
    fn path(&self) -> &[u8];

    /// The client: what `source_ip` hashes, an address from `x-forwarded-for` where that is trusted.
    fn client(&self) -> SocketAddr;

    /// Both ends of the connection: client, listener. Cookie values are made of them.
    fn connection(&self) -> (SocketAddr, SocketAddr);
}

/// One `hash_policy`.
#[derive(Debug)]
pub(crate) struct HashPolicy {
    /// What is hashed.
    pub(crate) method: HashMethod,
    /// The policies after this one are skipped if there is a hash.
    pub(crate) terminal: bool,
}

/// What is hashed.
#[derive(Debug)]
pub(crate) enum HashMethod {
    /// A cookie.
    Cookie(CookieMethod),
    /// A header.
    Header(HeaderMethod),
    /// The first query parameter of this name.
    QueryParameter(String),
    /// The client's address without the port.
    SourceIp,
}

/// A header to hash.
#[derive(Debug)]
pub(crate) struct HeaderMethod {
    /// Its name.
    pub(crate) name: String,
    /// `regex_rewrite`: pattern, and substitution in the syntax of the regex crate.
    pub(crate) rewrite: Option<(Regex, Vec<u8>)>,
}

/// A cookie to hash.
#[derive(Debug)]
pub(crate) struct CookieMethod {
    /// Its name.
    pub(crate) name: String,
    /// Clients without the cookie are given one; zero is a session cookie.
    pub(crate) ttl: Option<Duration>,
    /// `Path` of the cookie that is given; may be empty.
    pub(crate) path: String,
    /// Further attributes of it.
    pub(crate) attributes: Vec<(String, String)>,
}

/// What came of the policies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hashed {
    /// The hash; without one, the balancer draws at random.
    pub(crate) hash: Option<u64>,
    /// Values of `set-cookie` fields for the response.
    pub(crate) set_cookies: Vec<String>,
}

/// Runs the policies over a request.
pub(crate) fn hash_request(policies: &[HashPolicy], request: &impl HashInput) -> Hashed {
    let mut hashed = Hashed::default();
    for policy in policies {
        let new = policy.method.hash(request, &mut hashed.set_cookies);
        if let Some(new) = new {
            // The rotation keeps two equal policies from cancelling each other out.
            hashed.hash = Some(hashed.hash.map_or(0, |old| old.rotate_left(1)) ^ new);
        }
        if policy.terminal && hashed.hash.is_some() {
            break;
        }
    }
    hashed
}

impl HashMethod {
    fn hash(&self, request: &impl HashInput, set_cookies: &mut Vec<String>) -> Option<u64> {
        match self {
            Self::Cookie(cookie) => cookie.hash(request, set_cookies),
            Self::Header(header) => header.hash(request),
            Self::QueryParameter(name) => {
                query_parameter(request.path(), name.as_bytes()).map(|value| xx_hash_64(value, 0))
            }
            Self::SourceIp => Some(hash_source(request.client())),
        }
    }
}

/// The hash of a client's address, without the port.
pub(crate) fn hash_source(client: SocketAddr) -> u64 {
    xx_hash_64(client.ip().to_string().as_bytes(), 0)
}

impl HeaderMethod {
    fn hash(&self, request: &impl HashInput) -> Option<u64> {
        let mut values = request.values(&self.name);
        let first = self.rewritten(values.next()?);
        let Some(second) = values.next() else {
            return Some(xx_hash_64(&first, 0));
        };
        let mut all = vec![first, self.rewritten(second)];
        all.extend(values.map(|value| self.rewritten(value)));
        all.sort_unstable();
        Some(xx_hash_64_chained(all.iter().map(AsRef::as_ref)))
    }

    fn rewritten<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.rewrite {
            Some((pattern, with)) => pattern.replace_all(value, with.as_slice()),
            None => Cow::Borrowed(value),
        }
    }
}

impl CookieMethod {
    fn hash(&self, request: &impl HashInput, set_cookies: &mut Vec<String>) -> Option<u64> {
        let value = request
            .values("cookie")
            .find_map(|field| cookie_value(field, self.name.as_bytes()))
            .filter(|value| !value.is_empty());
        if let Some(value) = value {
            return Some(xx_hash_64(value, 0));
        }
        let ttl = self.ttl?;
        // The same for all requests of a connection, so that concurrent first requests agree.
        let (client, listener) = request.connection();
        let ends = format!("{client}{listener}");
        let value = format!("{:016x}", xx_hash_64(ends.as_bytes(), 0));
        set_cookies.push(self.set_cookie(&value, ttl));
        Some(xx_hash_64(value.as_bytes(), 0))
    }

    fn set_cookie(&self, value: &str, ttl: Duration) -> String {
        let mut text = format!("{}=\"{value}\"", self.name);
        let mut attribute = |name: &str, value: &str| {
            text.push_str("; ");
            text.push_str(name);
            if !value.is_empty() {
                text.push('=');
                text.push_str(value);
            }
        };
        if ttl.as_secs() > 0 {
            attribute("Max-Age", &ttl.as_secs().to_string());
        }
        if !self.path.is_empty() {
            attribute("Path", &self.path);
        }
        for (name, value) in &self.attributes {
            attribute(name, value);
        }
        attribute("HttpOnly", "");
        text
    }
}

/// A cookie's value in one `cookie` field, without quotes.
fn cookie_value<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|byte| *byte == b';').find_map(|pair| {
        let (key, value) = split_at_byte(pair, b'=')?;
        let start = key.iter().take_while(|byte| **byte == b' ').count();
        if &key[start..] != name {
            return None;
        }
        match value {
            [b'"', inner @ .., b'"'] => Some(inner),
            _ => Some(value),
        }
    })
}

/// A query parameter's value as it is written; a name without `=` has an empty one.
fn query_parameter<'a>(path: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, query) = split_at_byte(path, b'?')?;
    query
        .split(|byte| *byte == b'&')
        .map(|pair| split_at_byte(pair, b'=').unwrap_or((pair, b"")))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|each| *each == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests;
