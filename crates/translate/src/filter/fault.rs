// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.fault.v3.HTTPFault`.
//!
//! In: `faultInjection`. Out: the filter.

use sluicegate_attach::TrafficPolicy;
use sluicegate_resource::envoygateway::backend_traffic_policy::{Abort, AbortStatus, Delay};
use sluicegate_xds::{
    any,
    pb::{
        envoy::extensions::filters::{
            common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
            http::fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
        },
        google::protobuf::Any,
    },
};

use super::{Filter, share};
use crate::pb;

pub(super) const FILTER: Filter = Filter {
    name: "envoy.filters.http.fault",
    base: || any::pack(&HttpFault::default()),
    on_route,
};

fn on_route(policy: &TrafficPolicy) -> Option<Any> {
    let fault = &policy.spec.fault_injection.as_ref()?.value;
    Some(any::pack(&HttpFault {
        delay: fault.delay.as_ref().map(delay),
        abort: fault.abort.as_ref().map(abort),
        // They would be named by a header of the client's.
        disable_downstream_cluster_stats: true,
        ..HttpFault::default()
    }))
}

fn delay(delay: &Delay) -> FaultDelay {
    FaultDelay {
        fault_delay_secifier: pb::duration(delay.fixed_delay).map(FaultDelaySecifier::FixedDelay),
        percentage: Some(share(delay.percentage)),
    }
}

fn abort(abort: &Abort) -> FaultAbort {
    FaultAbort {
        error_type: Some(match abort.status {
            AbortStatus::Grpc(status) => ErrorType::GrpcStatus(u32::from(status)),
            AbortStatus::Http(status) => ErrorType::HttpStatus(u32::from(status)),
        }),
        percentage: Some(share(abort.percentage)),
        ..FaultAbort::default()
    }
}
