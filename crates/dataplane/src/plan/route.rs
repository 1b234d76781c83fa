// SPDX-License-Identifier: Apache-2.0
//! Compiling a route configuration.
//!
//! In: a RouteConfiguration. Out: a [`RouteTable`]. A route that cannot be compiled answers 500
//! itself, so that its traffic does not fall through to a less specific route.

#![expect(deprecated, reason = "control planes still send these fields")]

use std::{sync::Arc, time::Duration};

use sluicegate_xds::pb::envoy::{
    config::route::v3::{
        DirectResponseAction, RouteAction as ProtoAction, RouteConfiguration,
        RouteMatch as ProtoMatch, VirtualHost as ProtoHost, route, route_action,
        weighted_cluster::{ClusterWeight, RandomValueSpecifier, cluster_weight},
    },
    r#type::v3::{FractionalPercent, fractional_percent::DenominatorType},
};

use super::{
    Priority,
    compile::Names,
    filters, hash_policy, matcher,
    mutation::{Level, check_formats, merge},
    retry, rewrite, trace,
    transport::proxy_protocol as proxy_protocol_config,
    unsupported,
    value::{data, duration, flag, number, timeout},
};
use crate::route::{
    Action, Backend, BufferLimits, Choice, ConnectConfig, DirectResponse, GrpcTimeout, Mirror,
    Mutations, Route, RouteAction, RouteTable, Selector, VirtualHost,
};

/// Compiles a route configuration.
pub(crate) fn compile(
    config: &RouteConfiguration,
    names: &mut Names,
) -> Result<RouteTable, String> {
    check_formats(config)?;
    let mut table = RouteTable::default();
    table.ignore_port = config.ignore_port_in_host_matching;
    for host in &config.virtual_hosts {
        table.unsupported.extend(unsupported::of_virtual_host(host));
        let actions = host.routes.iter().filter_map(|route| match &route.action {
            Some(route::Action::Route(action)) => Some(action),
            _ => None,
        });
        table
            .unsupported
            .extend(actions.flat_map(unsupported::of_route));
        let routes = host.routes.iter();
        table
            .unsupported
            .extend(routes.flat_map(trace::unsupported_of_route));
        let (broken, unsupported) = (&mut table.broken, &mut table.unsupported);
        let routes = host
            .routes
            .iter()
            .map(|route| one_route(config, host, route, names, (broken, unsupported)))
            .collect();
        table.add(VirtualHost { routes }, &host.domains);
    }
    table.unsupported.sort_unstable();
    table.unsupported.dedup();
    Ok(table)
}

fn one_route(
    config: &RouteConfiguration,
    host: &ProtoHost,
    route: &sluicegate_xds::pb::envoy::config::route::v3::Route,
    names: &mut Names,
    (broken, unsupported): (&mut Vec<String>, &mut Vec<&'static str>),
) -> Route {
    let levels = Levels {
        config,
        host,
        route,
    };
    let conditions = route.r#match.clone().unwrap_or_default();
    let matcher = matcher::compile(&conditions);
    let action = match &route.action {
        Some(route::Action::Route(action)) => levels
            .route_action(action, &conditions, names)
            .map(|action| Action::Route(Box::new(action))),
        Some(route::Action::Redirect(redirect)) => {
            rewrite::redirect(redirect, &conditions).map(Action::Redirect)
        }
        Some(route::Action::DirectResponse(direct)) => compile_direct(direct).map(Action::Direct),
        _ => Err("this action is not implemented".to_owned()),
    };
    let filters = filters::of_route(&route.typed_per_filter_config, unsupported);
    let tracing = trace::of_route(route);
    let errors = [
        matcher.as_ref().err(),
        action.as_ref().err(),
        tracing.as_ref().err(),
    ];
    let error = errors.into_iter().flatten().next();
    let usable = error.is_none();
    if let Some(error) = error {
        tracing::warn!(
            route = route.name,
            host = host.name,
            error,
            "route answers 500"
        );
        let host = &host.name;
        broken.push(match route.name.as_str() {
            "" => format!("a route of virtual host {host}: {error}"),
            name => format!("route {name} of virtual host {host}: {error}"),
        });
    }
    Route {
        name: route.name.as_str().into(),
        matcher: matcher.unwrap_or_default(),
        action: match action {
            Ok(action) if usable => action,
            _ => Action::Direct(DirectResponse {
                status: 500,
                body: Vec::new(),
            }),
        },
        response_headers: Arc::new(levels.response_headers(None)),
        filters,
        tracing: tracing.unwrap_or_default().map(Arc::new),
    }
}

/// The levels that contribute header changes.
struct Levels<'a> {
    config: &'a RouteConfiguration,
    host: &'a ProtoHost,
    route: &'a sluicegate_xds::pb::envoy::config::route::v3::Route,
}

impl Levels<'_> {
    fn route_action(
        &self,
        action: &ProtoAction,
        conditions: &ProtoMatch,
        names: &mut Names,
    ) -> Result<RouteAction, String> {
        let host = match &action.host_rewrite_specifier {
            Some(route_action::HostRewriteSpecifier::HostRewriteLiteral(host)) => {
                Some(host.as_bytes().into())
            }
            Some(route_action::HostRewriteSpecifier::AutoHostRewrite(_)) | None => None,
            Some(_) => return Err("this host rewrite is not implemented".to_owned()),
        };
        let auto = &action.host_rewrite_specifier;
        let duration_limit = action.max_stream_duration.as_ref();
        let prefix = Some(&self.route.stat_prefix).filter(|prefix| !prefix.is_empty());
        Ok(RouteAction {
            stat_name: prefix
                .map(|prefix| format!("{}.route.{prefix}", self.host.name).into_boxed_str()),
            backends: self.backends(action, names)?,
            hash_policies: hash_policy::compile(&action.hash_policy)?,
            cluster_not_found: match action.cluster_not_found_response_code {
                1 => 404,
                2 => 500,
                _ => 503,
            },
            // Either set of limits is in force, never both.
            timeout: match duration_limit {
                Some(_) => None,
                None => timeout(action.timeout.as_ref(), Some(TIMEOUT)),
            },
            grpc_timeout: grpc_timeout(action),
            idle_timeout: action.idle_timeout.as_ref().map(duration),
            max_stream_duration: duration_limit
                .and_then(|limit| limit.max_stream_duration.as_ref())
                .map(duration),
            path: rewrite::path_rewrite(action, conditions)?,
            host,
            auto_host: matches!(
                auto,
                Some(route_action::HostRewriteSpecifier::AutoHostRewrite(on)) if on.value
            ),
            forwarded_host: action.append_x_forwarded_host,
            mirrors: self.mirrors(action, names),
            upgrades: action
                .upgrade_configs
                .iter()
                .map(|config| {
                    let kind = config.upgrade_type.to_ascii_lowercase().into_bytes();
                    (kind.into(), flag(config.enabled.as_ref(), true))
                })
                .collect(),
            connect: connect_config(action)?,
            priority: match action.priority {
                1 => Priority::High,
                _ => Priority::Default,
            },
            retry: action
                .retry_policy
                .as_ref()
                .or(self.host.retry_policy.as_ref())
                .map(retry::compile)
                .transpose()?,
            buffer: self.buffer(),
            count_attempts: self.host.include_request_attempt_count,
            tell_attempts: self.host.include_attempt_count_in_response,
        })
    }

    /// The route's limits, or the virtual host's.
    fn buffer(&self) -> BufferLimits {
        let Self { host, route, .. } = self;
        let body = route.request_body_buffer_limit.as_ref();
        let body = body.or(host.request_body_buffer_limit.as_ref());
        let request = route.per_request_buffer_limit_bytes.as_ref();
        let request = request.or(host.per_request_buffer_limit_bytes.as_ref());
        BufferLimits {
            request_body: body.map(|limit| usize::try_from(limit.value).unwrap_or(usize::MAX)),
            per_request: number(request).map(|limit| limit as usize),
        }
    }

    fn backends(&self, action: &ProtoAction, names: &mut Names) -> Result<Choice, String> {
        match &action.cluster_specifier {
            Some(route_action::ClusterSpecifier::Cluster(name)) => Ok(Choice {
                backends: vec![self.backend(&ClusterWeight::default(), name, 1, names)],
                total: 1,
                selector: Selector::Random,
            }),
            Some(route_action::ClusterSpecifier::ClusterHeader(header)) => Ok(Choice {
                // Which cluster it is, requests say.
                backends: vec![self.backend(&ClusterWeight::default(), "", 1, names)],
                total: 1,
                selector: Selector::ClusterHeader(header.as_str().into()),
            }),
            Some(route_action::ClusterSpecifier::WeightedClusters(weighted)) => {
                let backends: Vec<_> = weighted
                    .clusters
                    .iter()
                    .map(|one| {
                        let weight = number(one.weight.as_ref()).unwrap_or(0);
                        self.backend(one, &one.name, weight, names)
                    })
                    .collect();
                let total = backends
                    .iter()
                    .fold(0_u32, |sum, backend| sum.saturating_add(backend.weight));
                let selector = match &weighted.random_value_specifier {
                    Some(RandomValueSpecifier::HeaderName(name)) => {
                        Selector::Header(name.as_str().into())
                    }
                    Some(RandomValueSpecifier::UseHashPolicy(on)) if on.value => Selector::Hash,
                    _ => Selector::Random,
                };
                Ok(Choice {
                    backends,
                    total,
                    selector,
                })
            }
            _ => Err("this cluster specifier is not implemented".to_owned()),
        }
    }

    fn backend(
        &self,
        weighted: &ClusterWeight,
        name: &str,
        weight: u32,
        names: &mut Names,
    ) -> Backend {
        Backend {
            cluster: names.id(name),
            weight,
            host: weighted.host_rewrite_specifier.as_ref().map(|rewrite| {
                let cluster_weight::HostRewriteSpecifier::HostRewriteLiteral(host) = rewrite;
                host.as_bytes().into()
            }),
            request_headers: self.request_headers(weighted),
            response_headers: Arc::new(self.response_headers(Some(weighted))),
        }
    }

    /// Most specific first, which is how Envoy applies them by default.
    fn request_headers(&self, weighted: &ClusterWeight) -> Mutations {
        let Self {
            config,
            host,
            route,
        } = self;
        merge(
            &route.name,
            [
                (
                    &weighted.request_headers_to_remove,
                    &weighted.request_headers_to_add,
                ),
                (
                    &route.request_headers_to_remove,
                    &route.request_headers_to_add,
                ),
                (
                    &host.request_headers_to_remove,
                    &host.request_headers_to_add,
                ),
                (
                    &config.request_headers_to_remove,
                    &config.request_headers_to_add,
                ),
            ],
        )
    }

    fn response_headers(&self, weighted: Option<&ClusterWeight>) -> Mutations {
        let Self {
            config,
            host,
            route,
        } = self;
        let first: Level<'_> = weighted.map_or((&[], &[]), |one| {
            (
                &one.response_headers_to_remove,
                &one.response_headers_to_add,
            )
        });
        merge(
            &route.name,
            [
                first,
                (
                    &route.response_headers_to_remove,
                    &route.response_headers_to_add,
                ),
                (
                    &host.response_headers_to_remove,
                    &host.response_headers_to_add,
                ),
                (
                    &config.response_headers_to_remove,
                    &config.response_headers_to_add,
                ),
            ],
        )
    }

    /// The most specific list of mirrors wins as a whole.
    fn mirrors(&self, action: &ProtoAction, names: &mut Names) -> Vec<Mirror> {
        let lists = [
            &action.request_mirror_policies,
            &self.host.request_mirror_policies,
            &self.config.request_mirror_policies,
        ];
        lists
            .into_iter()
            .find(|list| !list.is_empty())
            .into_iter()
            .flatten()
            .map(|policy| Mirror {
                cluster: names.id(&policy.cluster),
                share: policy
                    .runtime_fraction
                    .as_ref()
                    .and_then(|fraction| fraction.default_value.as_ref())
                    .map_or(1_000_000, millionths),
            })
            .collect()
    }
}

/// The one of CONNECT; other upgrades have none.
fn connect_config(action: &ProtoAction) -> Result<Option<ConnectConfig>, String> {
    let mut found = None;
    for upgrade in &action.upgrade_configs {
        let Some(config) = &upgrade.connect_config else {
            continue;
        };
        let kind = &upgrade.upgrade_type;
        if !kind.eq_ignore_ascii_case("CONNECT") {
            return Err(format!("connect_config of upgrade type {kind}"));
        }
        let proxy_protocol = config.proxy_protocol_config.as_ref();
        found = Some(ConnectConfig {
            proxy_protocol: proxy_protocol.map(proxy_protocol_config).transpose()?,
        });
    }
    Ok(found)
}

fn grpc_timeout(action: &ProtoAction) -> Option<GrpcTimeout> {
    let or_zero = |field: Option<&_>| field.map(duration).unwrap_or_default();
    match &action.max_stream_duration {
        Some(limits) => limits
            .grpc_timeout_header_max
            .as_ref()
            .map(|max| GrpcTimeout::Stream {
                max: duration(max),
                offset: or_zero(limits.grpc_timeout_header_offset.as_ref()),
            }),
        None => action
            .max_grpc_timeout
            .as_ref()
            .map(|max| GrpcTimeout::Route {
                max: duration(max),
                offset: or_zero(action.grpc_timeout_offset.as_ref()),
            }),
    }
}

fn compile_direct(direct: &DirectResponseAction) -> Result<DirectResponse, String> {
    Ok(DirectResponse {
        status: u16::try_from(direct.status).map_err(|_| "status is too large".to_owned())?,
        body: data(direct.body.as_ref())?,
    })
}

/// A fraction in millionths.
pub(super) fn millionths(fraction: &FractionalPercent) -> u32 {
    let scale = match fraction.denominator() {
        DenominatorType::Hundred => 10_000,
        DenominatorType::TenThousand => 100,
        DenominatorType::Million => 1,
    };
    fraction.numerator.saturating_mul(scale).min(1_000_000)
}

/// Envoy default.
const TIMEOUT: Duration = Duration::from_secs(15);
