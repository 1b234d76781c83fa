// SPDX-License-Identifier: Apache-2.0
//! HTTP filters beside the router, from what BackendTrafficPolicies set.
//!
//! In: the policy in force for a rule. Out: `typed_per_filter_config` of its routes, and the filters
//! of connection managers whose routes use them: disabled there, so that other routes do not meet
//! them. One file per filter.

mod bandwidth_limit;
mod compressor;
mod custom_response;
mod fault;
mod rate_limit;
mod request_buffer;

use std::collections::HashMap;

use sluicegate_attach::{Listener, TrafficPolicy};
use sluicegate_xds::pb::{
    envoy::{
        extensions::filters::network::http_connection_manager::v3::{HttpFilter, http_filter},
        r#type::v3::{FractionalPercent, fractional_percent::DenominatorType},
    },
    google::protobuf::Any,
};

/// A filter.
struct Filter {
    /// Its name in connection managers and on routes.
    name: &'static str,
    /// What connection managers have.
    base: fn() -> Any,
    /// What a route has; `None` where the policy asks for nothing.
    on_route: fn(&TrafficPolicy, On) -> Option<Any>,
}

/// Where a route is.
#[derive(Clone, Copy)]
pub(crate) struct On {
    /// Behind TLS.
    pub(crate) https: bool,
}

/// Filters of which a connection manager has one at most, in the order in which requests meet them, which is Envoy Gateway's;
/// compressors come behind them.
const FILTERS: [Filter; 6] = [
    custom_response::FILTER,
    fault::FILTER,
    request_buffer::FILTER,
    rate_limit::FILTER,
    bandwidth_limit::REQUEST,
    bandwidth_limit::RESPONSE,
];

/// What the routes of a rule set.
pub(crate) fn typed_per_filter_config(policy: &TrafficPolicy, on: On) -> HashMap<String, Any> {
    let configs = FILTERS.iter().filter_map(|filter| {
        let config = (filter.on_route)(policy, on)?;
        Some((filter.name.to_owned(), config))
    });
    configs.chain(compressor::on_route(policy)).collect()
}

/// The filters that routes of these listeners use.
pub(crate) fn http_filters(listeners: &[&Listener]) -> Vec<HttpFilter> {
    let routes = listeners.iter().flat_map(|listener| &listener.routes);
    let policies: Vec<&TrafficPolicy> = routes
        .flat_map(|route| route.traffic.iter().flatten())
        .map(|traffic| &*traffic.policy)
        .collect();
    let used = FILTERS.iter().filter(|filter| {
        let mut policies = policies.iter();
        policies.any(|policy| (filter.on_route)(policy, On { https: false }).is_some())
    });
    let used = used.map(|filter| (filter.name.to_owned(), (filter.base)()));
    let used = used.chain(compressor::filters(&policies));
    used.map(|(name, config)| HttpFilter {
        name,
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        disabled: true,
        ..HttpFilter::default()
    })
    .collect()
}

/// A share of requests, exact to a millionth. Absent: all of them (Envoy Gateway default).
pub(crate) fn share(percentage: Option<f64>) -> FractionalPercent {
    let millionths = (percentage.unwrap_or(100.0) * 10_000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentage is between 0 and 100"
    )]
    let numerator = millionths as u32;
    FractionalPercent {
        numerator,
        denominator: DenominatorType::Million as i32,
    }
}
