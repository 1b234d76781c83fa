// SPDX-License-Identifier: Apache-2.0
//! What a route does with a request.
//!
//! In: a resolved rule and one of its matches. Out: an Envoy route: to clusters, a redirect, or a
//! fixed 500 where the rule cannot be honoured.

use sluicegate_attach::{Graph, ResolvedBackend, ResolvedMirror, ResolvedRule, TrafficPolicy};
use sluicegate_resource::gateway::{Filter, Fraction, PathMatch, RouteMatch, UrlRewrite};
use sluicegate_xds::pb::envoy::{
    config::{
        core::v3::RuntimeFractionalPercent,
        route::v3::{
            DirectResponseAction, Route, RouteAction, WeightedCluster,
            route::Action,
            route_action::{ClusterNotFoundResponseCode, ClusterSpecifier, RequestMirrorPolicy},
            route_match::{ConnectMatcher, PathSpecifier},
            weighted_cluster::{ClusterWeight, cluster_weight::HostRewriteSpecifier},
        },
    },
    r#type::v3::{FractionalPercent, fractional_percent::DenominatorType},
};

use super::{
    filters::{self, headers},
    matches::route_match,
    retry, traffic,
};
use crate::{filter, names, pb, variant::Variants};

/// Where a route is translated for.
pub(super) struct Context<'a> {
    pub(super) graph: &'a Graph,
    pub(super) variants: &'a Variants,
    /// The port that clients know.
    pub(super) port: u16,
    pub(super) https: bool,
}

/// A rule with the BackendTrafficPolicy in force for it.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) rule: &'a ResolvedRule,
    pub(super) traffic: Option<&'a TrafficPolicy>,
}

pub(super) fn route(
    name: String,
    rule: &Rule<'_>,
    one: &RouteMatch,
    context: &Context<'_>,
) -> Route {
    let single = single_backend(rule.rule);
    let mut all_filters = rule.rule.rule.filters.clone();
    // The filters of an only backend are as good as the rule's.
    all_filters.extend(
        single
            .into_iter()
            .flat_map(|backend| backend.filters.clone()),
    );
    let (request, response) = headers(&all_filters);
    let action = action(rule, one, &all_filters, context);
    let refused = matches!(action, Action::DirectResponse(_));
    let policy = rule.traffic.filter(|_| !refused);
    let on = filter::On {
        https: context.https,
    };
    Route {
        name,
        r#match: Some(route_match(one)),
        action: Some(action),
        typed_per_filter_config: policy
            .map(|policy| filter::typed_per_filter_config(policy, on))
            .unwrap_or_default(),
        request_headers_to_add: request.add,
        request_headers_to_remove: request.remove,
        response_headers_to_add: response.add,
        response_headers_to_remove: response.remove,
        ..Route::default()
    }
}

/// The same for CONNECT, which has no path to match or to rewrite; `None` where nothing is forwarded.
pub(super) fn for_tunnels(route: &Route) -> Option<Route> {
    let Some(Action::Route(action)) = &route.action else {
        return None;
    };
    let mut action = action.clone();
    action.prefix_rewrite.clear();
    action.regex_rewrite = None;
    let mut conditions = route.r#match.clone()?;
    conditions.path_specifier = Some(PathSpecifier::ConnectMatcher(ConnectMatcher::default()));
    Some(Route {
        name: format!("{}/connect", route.name),
        r#match: Some(conditions),
        action: Some(Action::Route(action)),
        ..route.clone()
    })
}

fn single_backend(rule: &ResolvedRule) -> Option<&ResolvedBackend> {
    match rule.backends.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn action(
    whole: &Rule<'_>,
    one: &RouteMatch,
    all_filters: &[Filter],
    context: &Context<'_>,
) -> Action {
    let Rule { rule, traffic } = *whole;
    if rule.broken.is_some() {
        return refusal(one);
    }
    let redirect = all_filters.iter().find_map(|filter| match filter {
        Filter::RequestRedirect(redirect) => Some(redirect),
        _ => None,
    });
    if let Some(redirect) = redirect {
        return Action::Redirect(filters::redirect(redirect, &one.path, context));
    }
    if traffic.is_some_and(|policy| policy.closed.is_some()) {
        return refusal(one);
    }
    let Some(specifier) = cluster_specifier(whole, context) else {
        return refusal(one);
    };
    let mut action = RouteAction {
        cluster_specifier: Some(specifier),
        cluster_not_found_response_code: match one.path {
            PathMatch::Grpc(_) => ClusterNotFoundResponseCode::ServiceUnavailable,
            _ => ClusterNotFoundResponseCode::InternalServerError,
        } as i32,
        timeout: retry::timeout(&rule.rule).and_then(pb::duration),
        retry_policy: retry::retry_policy(&rule.rule),
        request_mirror_policies: rule.mirrors.iter().map(mirror).collect(),
        ..RouteAction::default()
    };
    if let Some(policy) = traffic {
        traffic::apply(&mut action, policy, rule, context.graph);
    }
    for filter in all_filters {
        if let Filter::UrlRewrite(rewrite) = filter {
            filters::rewrite(&mut action, rewrite, &one.path);
        }
    }
    Action::Route(action)
}

/// Gateway API's answer for a rule that cannot be honoured: 500, and for gRPC `UNAVAILABLE`, which
/// is what Envoy makes of 503.
fn refusal(one: &RouteMatch) -> Action {
    let grpc = matches!(one.path, PathMatch::Grpc(_));
    Action::DirectResponse(DirectResponseAction {
        status: if grpc { 503 } else { 500 },
        ..DirectResponseAction::default()
    })
}

/// The clusters of a rule; `None` when nothing has a weight. A broken backend keeps its share and
/// answers 500, because its cluster does not exist.
fn cluster_specifier(
    Rule { rule, traffic }: &Rule<'_>,
    context: &Context<'_>,
) -> Option<ClusterSpecifier> {
    let weighted: Vec<&ResolvedBackend> = rule
        .backends
        .iter()
        .filter(|backend| backend.weight > 0)
        .collect();
    let Context {
        graph, variants, ..
    } = context;
    let name = |backend: &ResolvedBackend| variants.destination(backend, *traffic, graph);
    match (weighted.as_slice(), rule.backends.len()) {
        ([], _) => None,
        ([only], 1) => Some(ClusterSpecifier::Cluster(name(only))),
        (several, _) => {
            let clusters = several
                .iter()
                .map(|backend| cluster_weight(backend, name(backend)))
                .collect();
            let weighted = WeightedCluster {
                clusters,
                ..WeightedCluster::default()
            };
            Some(ClusterSpecifier::WeightedClusters(weighted))
        }
    }
}

fn cluster_weight(backend: &ResolvedBackend, cluster: String) -> ClusterWeight {
    let (request, response) = headers(&backend.filters);
    let rewrite = backend.filters.iter().find_map(|filter| match filter {
        Filter::UrlRewrite(rewrite) => Some(rewrite),
        _ => None,
    });
    // Envoy has no path rewrite and no redirect per weighted cluster.
    let impossible = rewrite.is_some_and(|rewrite| rewrite.path.is_some())
        || backend
            .filters
            .iter()
            .any(|filter| matches!(filter, Filter::RequestRedirect(_)));
    let name = if impossible {
        names::BLACKHOLE.to_owned()
    } else {
        cluster
    };
    ClusterWeight {
        name,
        weight: pb::u32(backend.weight),
        request_headers_to_add: request.add,
        request_headers_to_remove: request.remove,
        response_headers_to_add: response.add,
        response_headers_to_remove: response.remove,
        host_rewrite_specifier: rewrite
            .and_then(|rewrite: &UrlRewrite| rewrite.hostname.clone())
            .map(HostRewriteSpecifier::HostRewriteLiteral),
        ..ClusterWeight::default()
    }
}

fn mirror(mirror: &ResolvedMirror) -> RequestMirrorPolicy {
    RequestMirrorPolicy {
        cluster: names::cluster(&mirror.key),
        runtime_fraction: mirror.fraction.map(runtime_fraction),
        ..RequestMirrorPolicy::default()
    }
}

/// A share in the smallest of Envoy's denominators that expresses it exactly, else in millionths.
fn runtime_fraction(fraction: Fraction) -> RuntimeFractionalPercent {
    let Fraction {
        numerator,
        denominator,
    } = fraction;
    let denominators = [
        (100, DenominatorType::Hundred),
        (10_000, DenominatorType::TenThousand),
        (1_000_000, DenominatorType::Million),
    ];
    let wanted = u64::from(denominator.max(1));
    let (parts, denominator) = denominators
        .into_iter()
        .find(|(parts, _)| (u64::from(numerator) * parts).is_multiple_of(wanted))
        .unwrap_or((1_000_000, DenominatorType::Million));
    let numerator = u64::from(numerator) * parts / wanted;
    RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator: u32::try_from(numerator).unwrap_or(u32::MAX),
            denominator: denominator as i32,
        }),
        ..RuntimeFractionalPercent::default()
    }
}
