// SPDX-License-Identifier: Apache-2.0
//! The gRPC service.
//!
//! In: calls of either variant. Out: a [`Responses`] for each.

use std::sync::Arc;

use sluicegate_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DiscoveryRequest,
    aggregated_discovery_service_server::AggregatedDiscoveryService,
};
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::{
    gateways::Subscriber,
    stream::{NewStream, Responses, Shared},
};

pub(crate) struct Service {
    pub(crate) shared: Arc<Shared>,
    pub(crate) gateways: Subscriber,
}

impl Service {
    fn responses<R: crate::variant::Request>(
        &self,
        request: Request<Streaming<R>>,
    ) -> Response<Responses<R>> {
        let peer = request.remote_addr();
        Response::new(Responses::new(NewStream {
            shared: self.shared.clone(),
            gateways: self.gateways.clone(),
            requests: request.into_inner(),
            peer,
        }))
    }
}

#[async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Responses<DiscoveryRequest>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryRequest>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(self.responses(request))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(self.responses(request))
    }
}
