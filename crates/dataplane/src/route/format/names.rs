// SPDX-License-Identifier: Apache-2.0
//! The names of operators.
//!
//! In: an operator as it is written. Out: the operator, or why there is none; names, parameters and
//! refusals are Envoy's.

use super::{
    Command, Operator, grpc,
    operator::{Address, Day, Message, Moment, Piece, Plain, Unit},
    path::{Part, Path},
};

impl Command<'_> {
    /// Looks the operator up.
    pub(super) fn compile(&self) -> Result<Operator, String> {
        let name = self.name;
        match name {
            "REQ" | "REQUEST_HEADER" => return self.field(Message::Request),
            "RESP" | "RESPONSE_HEADER" => return self.field(Message::Response),
            "TRAILER" | "RESPONSE_TRAILER" => return self.field(Message::Trailers),
            "START_TIME" => return self.time(Day::Start),
            "EMIT_TIME" => return self.time(Day::Emit),
            "COMMON_DURATION" => return Ok(self.span()),
            "ENVIRONMENT" => return self.environment(),
            "PATH" | "QUERY_PARAM" | "QUERY_PARAMS" => return self.path(),
            "GRPC_STATUS" => {
                let style = grpc::Style::of(self.parameter.unwrap_or_default())?;
                return Ok(Operator::Grpc(style));
            }
            _ => {}
        }
        if let Some((_, told)) = UNFILLED.iter().find(|(known, _)| *known == name) {
            return Ok(Operator::Unfilled(told));
        }
        let operator =
            plain(name).ok_or_else(|| format!("Not supported field in StreamInfo: {name}"))?;
        // Envoy overlooks a parameter here, for no reason that we could find.
        if (self.parameter.is_some() || self.limit.is_some()) && name != "RESPONSE_CODE_DETAILS" {
            return Err(format!("{name} does not take any parameters or length"));
        }
        Ok(operator)
    }

    fn field(&self, message: Message) -> Result<Operator, String> {
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
        Ok(Operator::Field {
            message,
            names,
            limit: self.limit.unwrap_or(usize::MAX),
        })
    }

    fn path(&self) -> Result<Operator, String> {
        let parameter = self.parameter.unwrap_or_default();
        let limit = self.limit.unwrap_or(usize::MAX);
        Ok(Operator::Path(match self.name {
            "PATH" => Path::of_path(parameter, limit)?,
            "QUERY_PARAMS" => Path::of_query(parameter, limit)?,
            _ if parameter.is_empty() => return Err("QUERY_PARAM requires parameters".to_owned()),
            _ => Path {
                part: Part::Parameter(parameter.to_owned()),
                limit,
            },
        }))
    }

    fn time(&self, day: Day) -> Result<Operator, String> {
        if self.limit.is_some() {
            let name = self.name;
            return Err(format!("{name} does not allow length to be specified."));
        }
        let format = self.parameter.filter(|format| !format.is_empty());
        Ok(Operator::Time(day, format.map(str::to_owned)))
    }

    /// `START:END:PRECISION`; Envoy takes names that it does not know, and knows no such time.
    fn span(&self) -> Operator {
        let mut parts = self.parameter.unwrap_or_default().split(':');
        let mut moment = || parts.next().map_or(Moment::Never, Moment::of);
        let (from, to) = (moment(), moment());
        let unit = match parts.next() {
            Some("us") => Unit::Micro,
            Some("ns") => Unit::Nano,
            _ => Unit::Milli,
        };
        Operator::Span(from, to, unit)
    }

    fn environment(&self) -> Result<Operator, String> {
        let variable = self.parameter.filter(|name| !name.is_empty());
        let variable = variable.ok_or("ENVIRONMENT requires parameters")?;
        let value = std::env::var(variable).unwrap_or_else(|_| "-".to_owned());
        let limit = self.limit.unwrap_or(usize::MAX).min(value.len());
        Ok(Operator::Text(value.as_bytes()[..limit].to_vec()))
    }
}

impl Moment {
    /// By its name in `%COMMON_DURATION%`.
    fn of(name: &str) -> Self {
        match name {
            "DS_RX_BEG" => Self::Begin,
            "DS_RX_END" => Self::Received,
            "US_TX_END" => Self::Forwarded,
            "US_RX_BEG" => Self::Answered,
            "DS_TX_END" => Self::Responded,
            _ => Self::Never,
        }
    }
}

/// Operators without parameters.
fn plain(name: &str) -> Option<Operator> {
    let addresses = [
        ("DOWNSTREAM_REMOTE", Address::Client),
        ("DOWNSTREAM_DIRECT_REMOTE", Address::Peer),
        ("DOWNSTREAM_LOCAL", Address::Local),
        ("DOWNSTREAM_DIRECT_LOCAL", Address::Local),
        ("UPSTREAM_LOCAL", Address::Source),
        ("UPSTREAM_REMOTE", Address::Upstream),
    ];
    for (prefix, address) in addresses {
        let piece = match name.strip_prefix(prefix) {
            Some("_ADDRESS") => Piece::Whole,
            Some("_ADDRESS_WITHOUT_PORT") => Piece::Ip,
            Some("_PORT") => Piece::Port,
            _ => continue,
        };
        return Some(Operator::Address(address, piece));
    }
    let span = |from, to| Operator::Span(from, to, Unit::Milli);
    Some(match name {
        "ACCESS_LOG_TYPE" => Operator::Plain(Plain::Kind),
        "BYTES_RECEIVED" => Operator::Plain(Plain::Received),
        "BYTES_SENT" => Operator::Plain(Plain::Sent),
        "CONNECTION_ID" => Operator::Plain(Plain::Connection),
        "CONNECTION_TERMINATION_DETAILS" => Operator::Plain(Plain::Termination),
        "DOWNSTREAM_TLS_VERSION" => Operator::Plain(Plain::TlsVersion),
        "DOWNSTREAM_TRANSPORT_FAILURE_REASON" => Operator::Plain(Plain::TlsFailure),
        "DOWNSTREAM_WIRE_BYTES_RECEIVED" => Operator::Plain(Plain::DownstreamReceived),
        "DOWNSTREAM_WIRE_BYTES_SENT" => Operator::Plain(Plain::DownstreamSent),
        "DURATION" => span(Moment::Begin, Moment::End),
        "GRPC_STATUS_NUMBER" => Operator::Grpc(grpc::Style::Number),
        "HOSTNAME" => Operator::Text(hostname()),
        "LOCAL_REPLY_BODY" => Operator::Plain(Plain::LocalReplyBody),
        "PROTOCOL" => Operator::Plain(Plain::Protocol),
        "REQUESTED_SERVER_NAME" => Operator::Plain(Plain::ServerName),
        "REQUEST_DURATION" => span(Moment::Begin, Moment::Received),
        "REQUEST_TX_DURATION" => span(Moment::Begin, Moment::Forwarded),
        "RESPONSE_CODE" => Operator::Plain(Plain::Status),
        "RESPONSE_CODE_DETAILS" => Operator::Plain(Plain::Details),
        "RESPONSE_DURATION" => span(Moment::Begin, Moment::Answered),
        "RESPONSE_FLAGS" => Operator::Plain(Plain::Flags),
        "RESPONSE_FLAGS_LONG" => Operator::Plain(Plain::FlagsLong),
        "RESPONSE_TX_DURATION" => span(Moment::Answered, Moment::Responded),
        "ROUTE_NAME" => Operator::Plain(Plain::Route),
        "SPAN_ID" => Operator::Plain(Plain::SpanId),
        // The id that Envoy's extension for it reads off the request.
        "STREAM_ID" => Operator::Field {
            message: Message::Request,
            names: vec!["x-request-id".to_owned()],
            limit: usize::MAX,
        },
        "TRACE_ID" => Operator::Plain(Plain::TraceId),
        "UNIQUE_ID" => Operator::Plain(Plain::UniqueId),
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Operator::Plain(Plain::Cluster),
        "UPSTREAM_HOST" => Operator::Address(Address::Host, Piece::Whole),
        "UPSTREAM_HOST_NAME" => Operator::Plain(Plain::HostName),
        "UPSTREAM_PROTOCOL" => Operator::Plain(Plain::UpstreamProtocol),
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Operator::Plain(Plain::Attempts),
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => Operator::Plain(Plain::TransportFailure),
        "UPSTREAM_WIRE_BYTES_RECEIVED" => Operator::Plain(Plain::UpstreamReceived),
        "UPSTREAM_WIRE_BYTES_SENT" => Operator::Plain(Plain::UpstreamSent),
        _ => return None,
    })
}

fn hostname() -> Vec<u8> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| b"-".to_vec(), |name| name.trim().into())
}

/// Names, with the words in which they are told.
macro_rules! unfilled {
    ($($name:literal)*) => {
        &[$(($name, concat!("the operator %", $name, "%"))),*]
    };
}

/// Known to Envoy, and empty here.
const UNFILLED: &[(&str, &str)] = unfilled!(
    "BYTES_RETRANSMITTED"
    "CEL"
    "CLUSTER_METADATA"
    "DOWNSTREAM_DETECTED_CLOSE_TYPE"
    "DOWNSTREAM_HANDSHAKE_DURATION"
    "DOWNSTREAM_HEADER_BYTES_RECEIVED"
    "DOWNSTREAM_HEADER_BYTES_SENT"
    "DOWNSTREAM_LOCAL_CLOSE_REASON"
    "DOWNSTREAM_LOCAL_DNS_SAN"
    "DOWNSTREAM_LOCAL_EMAIL_SAN"
    "DOWNSTREAM_LOCAL_IP_SAN"
    "DOWNSTREAM_LOCAL_SUBJECT"
    "DOWNSTREAM_LOCAL_URI_SAN"
    "DOWNSTREAM_PEER_CERT"
    "DOWNSTREAM_PEER_CERT_V_END"
    "DOWNSTREAM_PEER_CERT_V_START"
    "DOWNSTREAM_PEER_DNS_SAN"
    "DOWNSTREAM_PEER_FINGERPRINT_1"
    "DOWNSTREAM_PEER_FINGERPRINT_256"
    "DOWNSTREAM_PEER_ISSUER"
    "DOWNSTREAM_PEER_SERIAL"
    "DOWNSTREAM_PEER_SUBJECT"
    "DOWNSTREAM_PEER_URI_SAN"
    "DOWNSTREAM_TLS_CIPHER"
    "DOWNSTREAM_TLS_SESSION_ID"
    "DYNAMIC_METADATA"
    "EMIT_TIME_LOCAL"
    "FILTER_CHAIN_NAME"
    "FILTER_STATE"
    "METADATA"
    "PACKETS_RETRANSMITTED"
    "REQUEST_HEADERS_BYTES"
    "RESPONSE_HEADERS_BYTES"
    "RESPONSE_TRAILERS_BYTES"
    "ROUNDTRIP_DURATION"
    "START_TIME_LOCAL"
    "TLS_JA3_FINGERPRINT"
    "TLS_JA4_FINGERPRINT"
    "UPSTREAM_CONNECTION_ID"
    "UPSTREAM_CONNECTION_IDS_ATTEMPTED"
    "UPSTREAM_CONNECTION_POOL_READY_DURATION"
    "UPSTREAM_DETECTED_CLOSE_TYPE"
    "UPSTREAM_FILTER_STATE"
    "UPSTREAM_HEADER_BYTES_RECEIVED"
    "UPSTREAM_HEADER_BYTES_SENT"
    "UPSTREAM_HOSTS_ATTEMPTED"
    "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT"
    "UPSTREAM_HOST_NAME_WITHOUT_PORT"
    "UPSTREAM_LOCAL_CLOSE_REASON"
    "UPSTREAM_METADATA"
    "UPSTREAM_TLS_CIPHER"
    "UPSTREAM_TLS_VERSION"
    "VIRTUAL_CLUSTER_NAME"
);
