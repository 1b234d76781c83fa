// SPDX-License-Identifier: Apache-2.0
//! Values with formatters (`%REQ(x-a)%`), as Envoy writes them into header fields.
//!
//! In: the text of a value, when a plan is compiled; what is known of a request. Out: the value. A
//! formatter that knows nothing writes nothing.

#[cfg(test)]
mod tests;
mod time;

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::push_time;

/// A compiled value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format(Vec<Part>);

/// What formatters can tell. Fields are `None` as long as they are not known.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    /// The first value of a request field, or pseudo field, in lower case.
    pub(crate) request: Option<&'a Find<'a>>,
    /// The same of the response.
    pub(crate) response: Option<&'a Find<'a>>,
    /// The trusted address of the client.
    pub(crate) client: Option<SocketAddr>,
    /// The other end of the client's connection.
    pub(crate) peer: Option<SocketAddr>,
    /// Our end of it.
    pub(crate) local: Option<SocketAddr>,
    /// The client speaks HTTP/2.
    pub(crate) http2: bool,
    /// Age of the request.
    pub(crate) age: Duration,
    /// The name of the cluster.
    pub(crate) cluster: Option<&'a str>,
    /// The address of the host that was picked.
    pub(crate) host: Option<SocketAddr>,
    /// The upstream's status.
    pub(crate) status: u16,
    /// `%RESPONSE_FLAGS%`.
    pub(crate) flags: &'a str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: &'a str,
}

/// Finds a field by its name.
pub(crate) type Find<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Address(Address, Piece),
    Cluster,
    Details,
    Field {
        of_response: bool,
        names: Vec<String>,
        limit: usize,
    },
    Flags,
    Protocol,
    Status,
    Text(Vec<u8>),
    Time(Option<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    Client,
    Host,
    Local,
    Peer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Ip,
    Port,
    Whole,
}

/// One formatter as it is written.
struct Command<'a> {
    name: &'a str,
    parameter: Option<&'a str>,
    limit: Option<usize>,
}

impl Format {
    /// Compiles a value. `route` is what `%ROUTE_NAME%` stands for.
    pub(crate) fn compile(text: &str, route: &str) -> Result<Self, String> {
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
            match command.compile(route)? {
                Part::Text(constant) => plain.extend(constant),
                part => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                }
            }
            rest = &rest[length..];
        }
        plain.extend_from_slice(rest.as_bytes());
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// Plain bytes.
    pub(crate) fn plain(bytes: &[u8]) -> Self {
        Self(vec![Part::Text(bytes.to_vec())])
    }

    /// The value, when it is the same for all requests.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it looks at the request's fields.
    pub(crate) fn reads_request(&self) -> bool {
        let reads = |part: &Part| matches!(part, Part::Field { of_response, .. } if !of_response);
        self.0.iter().any(reads)
    }

    /// Writes the value.
    pub(crate) fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            part.push(facts, out);
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

    fn compile(&self, route: &str) -> Result<Part, String> {
        let name = self.name;
        match name {
            "REQ" => return self.field(false),
            "RESP" => return self.field(true),
            "START_TIME" if self.limit.is_some() => {
                return Err("START_TIME does not allow length to be specified.".to_owned());
            }
            "START_TIME" => {
                let format = self.parameter.filter(|format| !format.is_empty());
                return Ok(Part::Time(format.map(str::to_owned)));
            }
            "ENVIRONMENT" => {
                let variable = self.parameter.filter(|name| !name.is_empty());
                let variable = variable.ok_or("ENVIRONMENT requires parameters")?;
                let value = std::env::var(variable).unwrap_or_else(|_| "-".to_owned());
                let limit = self.limit.unwrap_or(usize::MAX).min(value.len());
                return Ok(Part::Text(value.as_bytes()[..limit].to_vec()));
            }
            _ => {}
        }
        let part = plain(name, route)?;
        // Envoy overlooks a parameter here, for no reason that we could find.
        if (self.parameter.is_some() || self.limit.is_some()) && name != "RESPONSE_CODE_DETAILS" {
            return Err(format!("{name} does not take any parameters or length"));
        }
        Ok(part)
    }

    fn field(&self, of_response: bool) -> Result<Part, String> {
        let parameter = self.parameter.filter(|names| !names.is_empty());
        let parameter = parameter.ok_or_else(|| format!("{} requires parameters", self.name))?;
        let names: Vec<_> = parameter.split('?').map(str::to_ascii_lowercase).collect();
        if names.len() > 2 {
            return Err(format!(
                "More than 1 alternative header specified in token: {parameter}"
            ));
        }
        let valid = |name: &String| {
            let name = name.strip_prefix(':').unwrap_or(name);
            http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        };
        if !names.iter().all(valid) {
            return Err(
                "Invalid header configuration. Format string contains invalid characters."
                    .to_owned(),
            );
        }
        Ok(Part::Field {
            of_response,
            names,
            limit: self.limit.unwrap_or(usize::MAX),
        })
    }
}

/// Formatters without parameters.
fn plain(name: &str, route: &str) -> Result<Part, String> {
    let addresses = [
        ("DOWNSTREAM_REMOTE", Address::Client),
        ("DOWNSTREAM_DIRECT_REMOTE", Address::Peer),
        ("DOWNSTREAM_LOCAL", Address::Local),
        ("DOWNSTREAM_DIRECT_LOCAL", Address::Local),
        ("UPSTREAM_REMOTE", Address::Host),
    ];
    for (prefix, address) in addresses {
        match name.strip_prefix(prefix) {
            Some("_ADDRESS") => return Ok(Part::Address(address, Piece::Whole)),
            Some("_ADDRESS_WITHOUT_PORT") => return Ok(Part::Address(address, Piece::Ip)),
            Some("_PORT") => return Ok(Part::Address(address, Piece::Port)),
            _ => {}
        }
    }
    Ok(match name {
        "HOSTNAME" => Part::Text(hostname()),
        "PROTOCOL" => Part::Protocol,
        "RESPONSE_CODE" => Part::Status,
        "RESPONSE_CODE_DETAILS" => Part::Details,
        "RESPONSE_FLAGS" => Part::Flags,
        "ROUTE_NAME" => Part::Text(route.as_bytes().to_vec()),
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Part::Cluster,
        "UPSTREAM_HOST" => Part::Address(Address::Host, Piece::Whole),
        other => return Err(format!("Not supported field in StreamInfo: {other}")),
    })
}

fn hostname() -> Vec<u8> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| b"-".to_vec(), |name| name.trim().into())
}

impl Part {
    fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Address(which, piece) => {
                let address = match which {
                    Address::Client => facts.client,
                    Address::Host => facts.host,
                    Address::Local => facts.local,
                    Address::Peer => facts.peer,
                };
                if let Some(address) = address {
                    let ip = address.ip().to_canonical();
                    let text = match piece {
                        Piece::Ip => ip.to_string(),
                        Piece::Port => address.port().to_string(),
                        Piece::Whole => SocketAddr::new(ip, address.port()).to_string(),
                    };
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Self::Cluster => out.extend_from_slice(facts.cluster.unwrap_or_default().as_bytes()),
            Self::Details => out.extend_from_slice(facts.details.as_bytes()),
            Self::Field {
                of_response,
                names,
                limit,
            } => {
                let message = if *of_response {
                    facts.response
                } else {
                    facts.request
                };
                let value = message.and_then(|find| names.iter().find_map(|name| find(name)));
                if let Some(value) = value {
                    out.extend_from_slice(&value[..value.len().min(*limit)]);
                }
            }
            Self::Flags if facts.flags.is_empty() => out.push(b'-'),
            Self::Flags => out.extend_from_slice(facts.flags.as_bytes()),
            Self::Protocol if facts.http2 => out.extend_from_slice(b"HTTP/2"),
            Self::Protocol => out.extend_from_slice(b"HTTP/1.1"),
            Self::Status => out.extend_from_slice(facts.status.to_string().as_bytes()),
            Self::Text(text) => out.extend_from_slice(text),
            Self::Time(format) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let started = now.unwrap_or_default().saturating_sub(facts.age);
                let format = format.as_deref().unwrap_or("%Y-%m-%dT%H:%M:%E3SZ");
                push_time(format, started, out);
            }
        }
    }
}
