// SPDX-License-Identifier: Apache-2.0
//! Header changes of routes (`request_headers_to_add` and its kin).
//!
//! In: removals and additions of the levels of a route. Out: [`Mutations`], with values compiled.

#![expect(deprecated, reason = "control planes still send these fields")]

use sluicegate_xds::pb::envoy::config::{
    core::v3::{HeaderValueOption, header_value_option::HeaderAppendAction},
    route::v3::{
        RouteAction, RouteConfiguration, route, route_action, weighted_cluster::ClusterWeight,
    },
};

use crate::route::{Format, Mutations};

/// Removals and additions of one level.
pub(super) type Level<'a> = (&'a [String], &'a [HeaderValueOption]);

/// Refuses a configuration whose header values hold something that is not a formatter.
pub(super) fn check_formats(config: &RouteConfiguration) -> Result<(), String> {
    let hosts = config.virtual_hosts.iter();
    let routes = config.virtual_hosts.iter().flat_map(|host| &host.routes);
    let weighted = routes.clone().flat_map(weighted_clusters);
    let lists = [
        &config.request_headers_to_add,
        &config.response_headers_to_add,
    ]
    .into_iter()
    .chain(hosts.flat_map(|one| [&one.request_headers_to_add, &one.response_headers_to_add]))
    .chain(routes.flat_map(|one| [&one.request_headers_to_add, &one.response_headers_to_add]))
    .chain(weighted.flat_map(|one| [&one.request_headers_to_add, &one.response_headers_to_add]));
    for header in lists.flatten().filter_map(|option| option.header.as_ref()) {
        Format::for_route(&header.value, "")?;
    }
    Ok(())
}

fn weighted_clusters(
    route: &sluicegate_xds::pb::envoy::config::route::v3::Route,
) -> &[ClusterWeight] {
    match &route.action {
        Some(route::Action::Route(RouteAction {
            cluster_specifier: Some(route_action::ClusterSpecifier::WeightedClusters(all)),
            ..
        })) => &all.clusters,
        _ => &[],
    }
}

/// Merges the changes of all levels, the most specific first, which is how Envoy applies them by
/// default. `route` is the route's name.
pub(super) fn merge(route: &str, levels: [Level<'_>; 4]) -> Mutations {
    let mut merged = Mutations::default();
    for (remove, add) in levels {
        for name in remove {
            merged.remove(name);
        }
        // Envoy adds when it has overwritten.
        let (first, then): (Vec<_>, Vec<_>) = add.iter().partition(|option| overwrites(option));
        for option in first.into_iter().chain(then) {
            let Some(header) = &option.header else {
                continue;
            };
            let Ok(format) = Format::for_route(&header.value, route) else {
                // The whole configuration was refused.
                continue;
            };
            let value = match header.raw_value.as_slice() {
                [] => format,
                raw => Format::plain(raw),
            };
            if value.constant() == Some(b"") && !option.keep_empty_value {
                continue;
            }
            match option.append_action() {
                HeaderAppendAction::OverwriteIfExists => {
                    merged.overwrite_if_exists(&header.key, &value);
                }
                _ if overwrites(option) => merged.overwrite(&header.key, &value),
                HeaderAppendAction::AddIfAbsent => merged.add_if_absent(&header.key, &value),
                _ => merged.append(&header.key, &value),
            }
        }
    }
    merged
}

fn overwrites(option: &HeaderValueOption) -> bool {
    match option.append_action() {
        HeaderAppendAction::OverwriteIfExists | HeaderAppendAction::OverwriteIfExistsOrAdd => true,
        HeaderAppendAction::AppendIfExistsOrAdd => {
            option.append.as_ref().is_some_and(|append| !append.value)
        }
        HeaderAppendAction::AddIfAbsent => false,
    }
}
