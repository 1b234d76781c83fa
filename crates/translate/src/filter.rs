// SPDX-License-Identifier: Apache-2.0
//! HTTP filters beside the router, from what BackendTrafficPolicies set.
//!
//! In: the policy in force for a rule. Out: `typed_per_filter_config` of its routes, and the filters
//! of connection managers whose routes use them: disabled there, so that other routes do not meet
//! them. One file per filter.

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
    on_route: fn(&TrafficPolicy) -> Option<Any>,
}

/// Every filter, in the order in which requests meet them, which is Envoy Gateway's.
const FILTERS: [Filter; 3] = [fault::FILTER, request_buffer::FILTER, rate_limit::FILTER];

/// What the routes of a rule set.
pub(crate) fn typed_per_filter_config(policy: &TrafficPolicy) -> HashMap<String, Any> {
    let configs = FILTERS.iter().filter_map(|filter| {
        let config = (filter.on_route)(policy)?;
        Some((filter.name.to_owned(), config))
    });
    configs.collect()
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
        policies.any(|policy| (filter.on_route)(policy).is_some())
    });
    used.map(|filter| HttpFilter {
        name: filter.name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig((filter.base)())),
        disabled: true,
        ..HttpFilter::default()
    })
    .collect()
}

/// A share of requests, exact to a millionth. Absent: all of them (Envoy Gateway default).
fn share(percentage: Option<f64>) -> FractionalPercent {
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
