// SPDX-License-Identifier: Apache-2.0
//! Small protobuf values.
//!
//! In: wrappers, durations, addresses. Out: Rust values.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use sluicegate_xds::pb::{
    envoy::config::core::v3::{Address, DataSource, address, data_source, socket_address},
    google::protobuf,
};

/// A duration; negative ones count as zero.
pub(super) fn duration(value: &protobuf::Duration) -> Duration {
    let seconds = u64::try_from(value.seconds).unwrap_or(0);
    let nanos = u32::try_from(value.nanos).unwrap_or(0);
    Duration::new(seconds, nanos.min(999_999_999))
}

/// An optional duration where unset means `default` and zero means off.
pub(super) fn timeout(
    value: Option<&protobuf::Duration>,
    default: Option<Duration>,
) -> Option<Duration> {
    match value {
        None => default,
        Some(value) => Some(duration(value)).filter(|value| !value.is_zero()),
    }
}

/// An optional unsigned wrapper.
pub(super) fn number(value: Option<&protobuf::UInt32Value>) -> Option<u32> {
    value.map(|value| value.value)
}

/// An optional boolean wrapper.
pub(super) fn flag(value: Option<&protobuf::BoolValue>, default: bool) -> bool {
    value.map_or(default, |value| value.value)
}

/// Host text and port of a socket address.
pub(super) fn host_and_port(address: Option<&Address>) -> Result<(&str, u16), String> {
    match address.and_then(|address| address.address.as_ref()) {
        Some(address::Address::SocketAddress(socket)) => match &socket.port_specifier {
            Some(socket_address::PortSpecifier::PortValue(port)) => Ok((
                &socket.address,
                u16::try_from(*port).map_err(|_| format!("port {port} is out of range"))?,
            )),
            _ => Err("an address without a port number".to_owned()),
        },
        Some(_) => Err("an address that is not a socket address".to_owned()),
        None => Err("no address".to_owned()),
    }
}

/// A numeric socket address.
pub(super) fn socket_address(address: Option<&Address>) -> Result<SocketAddr, String> {
    let (host, port) = host_and_port(address)?;
    let ip: IpAddr = host
        .parse()
        .map_err(|_| format!("`{host}` is not an IP address"))?;
    Ok(SocketAddr::new(ip, port))
}

/// The bytes of an inline data source.
pub(crate) fn data(source: Option<&DataSource>) -> Result<Vec<u8>, String> {
    match source.and_then(|source| source.specifier.as_ref()) {
        None => Ok(Vec::new()),
        Some(data_source::Specifier::InlineBytes(bytes)) => Ok(bytes.clone()),
        Some(data_source::Specifier::InlineString(text)) => Ok(text.clone().into_bytes()),
        Some(data_source::Specifier::Filename(path)) => {
            std::fs::read(path).map_err(|error| format!("reading {path}: {error}"))
        }
        Some(data_source::Specifier::EnvironmentVariable(name)) => std::env::var(name)
            .map(String::into_bytes)
            .map_err(|_| format!("environment variable {name} is not set")),
    }
}
