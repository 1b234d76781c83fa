// SPDX-License-Identifier: Apache-2.0
//! The two variants of the protocol as messages.
//!
//! In: requests as gRPC has them. Out: calls to the [`Session`], and its replies as messages.

use sluicegate_snapshot::{Resource, ResourceType};
use sluicegate_xds::pb::{
    envoy::{
        config::core::v3::{ControlPlane, Node},
        service::discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
            Resource as DeltaResource,
        },
    },
    google::{protobuf::Any, rpc::Status},
};

use crate::session::{Answer, DeltaRequest, Reply, Session, Variant, WorldRequest};

/// A request of either variant.
pub(crate) trait Request: Send + 'static {
    type Response: Send + 'static;
    const VARIANT: Variant;

    fn node(&self) -> Option<&Node>;
    fn type_url(&self) -> &str;
    /// The client's words, when it refuses a response.
    fn refusal(&self) -> Option<&str>;
    fn apply(&self, resource_type: ResourceType, session: &mut Session) -> Option<Answer>;
    fn response(reply: Reply) -> Self::Response;
}

impl Request for DeltaDiscoveryRequest {
    type Response = DeltaDiscoveryResponse;
    const VARIANT: Variant = Variant::Delta;

    fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn refusal(&self) -> Option<&str> {
        words(self.error_detail.as_ref())
    }

    fn apply(&self, resource_type: ResourceType, session: &mut Session) -> Option<Answer> {
        let request = DeltaRequest {
            subscribe: &self.resource_names_subscribe,
            unsubscribe: &self.resource_names_unsubscribe,
            initial_versions: &self.initial_resource_versions,
            nonce: &self.response_nonce,
            refusal: self.refusal(),
        };
        session.delta_request(resource_type, &request)
    }

    fn response(reply: Reply) -> Self::Response {
        let resources = reply.resources.iter().map(|resource| DeltaResource {
            name: resource.name.to_string(),
            version: resource.version.to_string(),
            resource: Some(packed(resource)),
            ..DeltaResource::default()
        });
        let removed = reply.removed.iter().map(ToString::to_string);
        DeltaDiscoveryResponse {
            system_version_info: reply.version.to_string(),
            resources: resources.collect(),
            type_url: reply.resource_type.type_url(),
            removed_resources: removed.collect(),
            nonce: reply.nonce.to_string(),
            control_plane: Some(control_plane()),
            ..DeltaDiscoveryResponse::default()
        }
    }
}

impl Request for DiscoveryRequest {
    type Response = DiscoveryResponse;
    const VARIANT: Variant = Variant::StateOfTheWorld;

    fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    fn type_url(&self) -> &str {
        &self.type_url
    }

    fn refusal(&self) -> Option<&str> {
        words(self.error_detail.as_ref())
    }

    fn apply(&self, resource_type: ResourceType, session: &mut Session) -> Option<Answer> {
        let request = WorldRequest {
            names: &self.resource_names,
            version_info: &self.version_info,
            nonce: &self.response_nonce,
            refusal: self.refusal(),
        };
        session.world_request(resource_type, &request)
    }

    fn response(reply: Reply) -> Self::Response {
        DiscoveryResponse {
            version_info: reply.version.to_string(),
            resources: reply.resources.iter().map(|it| packed(it)).collect(),
            type_url: reply.resource_type.type_url(),
            nonce: reply.nonce.to_string(),
            control_plane: Some(control_plane()),
            ..DiscoveryResponse::default()
        }
    }
}

fn words(status: Option<&Status>) -> Option<&str> {
    status.map(|status| status.message.as_str())
}

fn packed(resource: &Resource) -> Any {
    Any {
        type_url: resource.resource_type.type_url(),
        value: resource.body.to_vec(),
    }
}

fn control_plane() -> ControlPlane {
    ControlPlane {
        identifier: concat!("sluicegate ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
