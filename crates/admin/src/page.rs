// SPDX-License-Identifier: Apache-2.0
//! The pages, but for `/config_dump`.
//!
//! In: the views and a request. Out: answers.

pub(crate) mod action;
pub(crate) mod clusters;
pub(crate) mod home;
pub(crate) mod listeners;
pub(crate) mod logging;
pub(crate) mod process;
pub(crate) mod stats;

use sluicegate_xds::json;

use crate::Answer;

/// A message as a JSON page.
fn message<M>(message: &M) -> Answer
where
    M: sluicegate_xds::prost::Message + sluicegate_xds::prost::Name,
{
    match json::to_value(message) {
        Ok(value) => Answer::json(json::to_string(&value)),
        Err(error) => Answer::failure(
            hyper::StatusCode::INTERNAL_SERVER_ERROR,
            format!("{error}\n"),
        ),
    }
}

/// `address:port`, as Envoy prints addresses.
fn address(address: Option<&sluicegate_xds::pb::envoy::config::core::v3::Address>) -> String {
    use sluicegate_xds::pb::envoy::config::core::v3::{
        address::Address, socket_address::PortSpecifier,
    };
    match address.and_then(|address| address.address.as_ref()) {
        Some(Address::SocketAddress(socket)) => {
            let port = match &socket.port_specifier {
                Some(PortSpecifier::PortValue(port)) => port.to_string(),
                Some(PortSpecifier::NamedPort(name)) => name.clone(),
                None => "0".to_owned(),
            };
            if socket.address.contains(':') {
                format!("[{}]:{port}", socket.address)
            } else {
                format!("{}:{port}", socket.address)
            }
        }
        Some(Address::Pipe(pipe)) => pipe.path.clone(),
        Some(Address::EnvoyInternalAddress(_)) | None => String::new(),
    }
}
