// SPDX-License-Identifier: Apache-2.0
//! What a rate limit makes of a request.
//!
//! In: a request and its client. Out: entries of descriptors.

use std::net::IpAddr;

use crate::{
    http::Span,
    route::{HeaderMatch, QueryMatch, RequestView},
};

/// What makes an entry.
#[derive(Debug)]
pub(crate) enum Action {
    /// `remote_address`.
    Client,
    /// `generic_key`: key and value.
    Fixed(Box<str>, Box<[u8]>),
    /// `request_headers`: the value of a field.
    Header {
        /// The key.
        key: Box<str>,
        /// Name of the field, in lower case.
        name: Box<[u8]>,
        /// Without it, only the entry is missing.
        skip: bool,
    },
    /// `header_value_match`.
    Headers {
        /// The key.
        key: Box<str>,
        /// The value.
        value: Box<[u8]>,
        /// Whether the conditions must hold, or must not.
        expect: bool,
        /// All of these.
        headers: Vec<HeaderMatch>,
    },
    /// `masked_remote_address`: bits that count of each kind.
    Masked(u8, u8),
    /// `query_parameters`: the value of a parameter.
    Parameter {
        /// The key.
        key: Box<str>,
        /// Its name.
        name: Box<[u8]>,
        /// Without it, only the entry is missing.
        skip: bool,
    },
    /// `query_parameter_value_match`.
    Parameters {
        /// The key.
        key: Box<str>,
        /// The value.
        value: Box<[u8]>,
        /// Whether the conditions must hold, or must not.
        expect: bool,
        /// All of these.
        parameters: Vec<QueryMatch>,
    },
    /// `remote_address_match`.
    Range {
        /// The key.
        key: Box<str>,
        /// The value.
        value: Box<[u8]>,
        /// One of these.
        ranges: Vec<Cidr>,
        /// None of these.
        invert: bool,
    },
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    /// Some address of it.
    pub(crate) address: IpAddr,
    /// How many bits count.
    pub(crate) length: u8,
}

impl Action {
    /// The entry, which may be left out; `None` where there can be no descriptor without it.
    pub(super) fn entry<'a>(
        &'a self,
        request: &RequestView<'_>,
        client: IpAddr,
    ) -> Option<Option<(&'a str, Vec<u8>)>> {
        match self {
            Self::Client => Some(Some(("remote_address", client.to_string().into_bytes()))),
            Self::Fixed(key, value) => Some(Some((key, value.to_vec()))),
            Self::Header { key, name, skip } => {
                let found = header(request, name);
                entry(key, found, *skip)
            }
            Self::Headers {
                key,
                value,
                expect,
                headers,
            } => {
                let holds = headers.iter().all(|it| it.matches(request));
                (holds == *expect).then(|| Some((&**key, value.to_vec())))
            }
            Self::Masked(v4, v6) => {
                let length = if client.is_ipv4() { *v4 } else { *v6 };
                let range = Cidr {
                    address: client,
                    length,
                };
                let text = format!("{}/{length}", range.first());
                Some(Some(("masked_remote_address", text.into_bytes())))
            }
            Self::Parameter { key, name, skip } => entry(key, parameter(request, name), *skip),
            Self::Parameters {
                key,
                value,
                expect,
                parameters,
            } => {
                let holds = parameters.iter().all(|it| it.matches(request.query));
                (holds == *expect).then(|| Some((&**key, value.to_vec())))
            }
            Self::Range {
                key,
                value,
                ranges,
                invert,
            } => {
                let within = ranges.iter().any(|range| range.contains(client));
                (within != *invert).then(|| Some((&**key, value.to_vec())))
            }
        }
    }
}

/// An entry for a value that may not be there.
fn entry(key: &str, value: Option<Vec<u8>>, skip: bool) -> Option<Option<(&str, Vec<u8>)>> {
    match value {
        Some(value) => Some(Some((key, value))),
        None => skip.then_some(None),
    }
}

fn header(request: &RequestView<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let value = match name {
        b":method" => request.head.method.of(request.bytes),
        b":path" => request.target,
        b":authority" | b"host" => request.authority,
        b":scheme" => request.scheme,
        name => {
            let mut fields = request.head.message.fields.iter();
            let same = |found: &[u8]| found.eq_ignore_ascii_case(name);
            let field = fields.find(|field| same(field.name.of(request.bytes)))?;
            Span::of(&field.value, request.bytes)
        }
    };
    Some(value.to_vec())
}

fn parameter(request: &RequestView<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let mut pairs = request.query.split(|byte| *byte == b'&');
    pairs.find_map(|pair| {
        let value = pair.strip_prefix(name)?;
        let value = value.strip_prefix(b"=");
        (value.is_some() || pair.len() == name.len()).then(|| value.unwrap_or_default().to_vec())
    })
}

impl Cidr {
    fn contains(&self, address: IpAddr) -> bool {
        let other = Self { address, ..*self };
        address.is_ipv4() == self.address.is_ipv4() && other.first() == self.first()
    }

    /// The first address.
    fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length.min(32)));
                IpAddr::V4((address.to_bits() & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length.min(128)));
                IpAddr::V6((address.to_bits() & mask.unwrap_or(0)).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses() {
        for (range, length, address, holds) in [
            ("10.0.0.0", 8, "10.255.3.4", true),
            ("10.0.0.0", 8, "11.0.0.0", false),
            ("1.2.3.4", 32, "1.2.3.4", true),
            ("0.0.0.0", 0, "9.9.9.9", true),
            ("0.0.0.0", 0, "::1", false),
            ("2001:db8::", 32, "2001:db8::7", true),
            ("2001:db8::", 32, "2001:db9::7", false),
        ] {
            let range = Cidr {
                address: range.parse().unwrap(),
                length,
            };
            assert_eq!(range.contains(address.parse().unwrap()), holds, "{address}");
        }
    }
}
