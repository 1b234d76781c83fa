// SPDX-License-Identifier: Apache-2.0
//! The two variants of the protocol as messages.
//!
//! In: what the session wants to say. Out: requests as gRPC has them; and responses as the session
//! reads them.

use prost::{Message, bytes::Bytes};
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::pb::{
    envoy::{
        config::core::v3::Node,
        service::discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            Resource as Wrapped,
        },
    },
    google::{protobuf::Any, rpc},
};

use crate::session::{Received, Request, Response};

/// A variant of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Only changes are sent.
    Delta,
    /// Each response holds everything of its type that was asked for.
    StateOfTheWorld,
}

/// gRPC's number of an argument that is not valid: Envoy refuses with it.
const INVALID_ARGUMENT: i32 = 3;

/// A request of the state of the world.
pub(crate) fn world_request(request: Request, node: Option<Node>) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: request.version,
        node,
        resource_names: request.names,
        type_url: request.resource_type.type_url(),
        response_nonce: request.nonce,
        error_detail: request.refusal.map(refusal),
        ..DiscoveryRequest::default()
    }
}

/// A delta request.
pub(crate) fn delta_request(request: Request, node: Option<Node>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node,
        type_url: request.resource_type.type_url(),
        resource_names_subscribe: request.subscribe,
        resource_names_unsubscribe: request.unsubscribe,
        initial_resource_versions: request.initial_versions.into_iter().collect(),
        response_nonce: request.nonce,
        error_detail: request.refusal.map(refusal),
        ..DeltaDiscoveryRequest::default()
    }
}

/// A response of the state of the world; `None` for types that nobody asked for.
pub(crate) fn world_response(response: DiscoveryResponse) -> Option<Response> {
    let resource_type = ResourceType::of_type_url(&response.type_url)?;
    let resources = response.resources.into_iter().map(|packed| {
        if packed.type_url.ends_with(WRAPPED) {
            return match Wrapped::decode(packed.value.as_slice()) {
                Ok(wrapped) => unwrapped(wrapped, resource_type),
                Err(error) => received(String::new(), Err(format!("does not decode: {error}"))),
            };
        }
        let body = body(packed, resource_type);
        received(name_of(&body), body)
    });
    Some(Response {
        resource_type,
        resources: resources.collect(),
        version: response.version_info,
        nonce: response.nonce,
        removed: Vec::new(),
    })
}

/// A delta response; `None` for types that nobody asked for.
pub(crate) fn delta_response(response: DeltaDiscoveryResponse) -> Option<Response> {
    let resource_type = ResourceType::of_type_url(&response.type_url)?;
    let resources = response.resources.into_iter();
    // Without a body there is only news about a lifetime, which nothing here has.
    let resources = resources.filter(|wrapped| wrapped.resource.is_some());
    Some(Response {
        resource_type,
        resources: resources
            .map(|wrapped| unwrapped(wrapped, resource_type))
            .collect(),
        version: response.system_version_info,
        nonce: response.nonce,
        removed: response.removed_resources,
    })
}

fn unwrapped(wrapped: Wrapped, resource_type: ResourceType) -> Received {
    let body = match (wrapped.ttl, wrapped.resource) {
        (Some(_), _) => Err("ttl is not implemented".to_owned()),
        (None, Some(packed)) => body(packed, resource_type),
        (None, None) => Err("there is no resource in it".to_owned()),
    };
    let name = match wrapped.name {
        name if name.is_empty() => name_of(&body),
        name => name,
    };
    Received {
        version: wrapped.version,
        ..received(name, body)
    }
}

fn received(name: String, body: Result<Bytes, String>) -> Received {
    Received {
        name,
        version: String::new(),
        body,
    }
}

fn body(packed: Any, wanted: ResourceType) -> Result<Bytes, String> {
    if ResourceType::of_type_url(&packed.type_url) == Some(wanted) {
        Ok(packed.value.into())
    } else {
        Err(format!("{} in a response of another type", packed.type_url))
    }
}

/// All five types have their name in the first field.
fn name_of(body: &Result<Bytes, String>) -> String {
    #[derive(Clone, PartialEq, Message)]
    struct Named {
        #[prost(string, tag = "1")]
        name: String,
    }
    let named = body.as_ref().ok().map(|body| Named::decode(body.clone()));
    named.and_then(Result::ok).unwrap_or_default().name
}

fn refusal(message: String) -> rpc::Status {
    rpc::Status {
        code: INVALID_ARGUMENT,
        message,
        details: Vec::new(),
    }
}

const WRAPPED: &str = "/envoy.service.discovery.v3.Resource";
