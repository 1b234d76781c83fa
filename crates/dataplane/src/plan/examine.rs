// SPDX-License-Identifier: Apache-2.0
//! What becomes of one resource, before anything is asked of it.
//!
//! In: a resource. Out: why it cannot be used, or which of its settings would not be enforced. For
//! whoever takes resources from others and must refuse by name what this data plane does not do.

use std::collections::{BTreeSet, HashMap};

use sluicegate_snapshot::{Resource, ResourceType};
use sluicegate_xds::pb::envoy::{
    config::{
        endpoint::v3::ClusterLoadAssignment, listener::v3::Listener, route::v3::RouteConfiguration,
    },
    extensions::transport_sockets::tls::v3::Secret,
};

use super::{
    Endpoints, ListenerPlan, NEEDS_ZONE,
    compile::{Names, build_cluster, decode},
    reads, route,
};
use crate::{route::RouteTable, tls::Certificate};

/// What [`examine`] found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Why the resource, or a part of it, cannot be used. Empty if it can.
    pub refused: Vec<String>,
    /// Settings that are understood but would not be enforced.
    pub unenforced: Vec<String>,
}

/// Examines `resource` alone: whether what it names exists is not looked at. Zone aware settings
/// count as enforced; without a zone they do nothing in Envoy either.
pub fn examine(resource: &Resource) -> Examined {
    let mut found = match resource.resource_type {
        ResourceType::Cluster => cluster(resource),
        ResourceType::Endpoint => assignment(resource),
        ResourceType::Listener => listener(resource),
        ResourceType::Route => routes(resource),
        ResourceType::Secret => secret(resource),
    };
    if let Ok(found) = &mut found {
        match reads::others(resource) {
            Ok(others) => found.unenforced.extend(others),
            Err(error) => found.refused.push(error.to_string()),
        }
    }
    found.unwrap_or_else(|error| Examined {
        refused: vec![error],
        unenforced: Vec::new(),
    })
}

fn names(settings: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    settings.into_iter().map(str::to_owned).collect()
}

fn cluster(resource: &Resource) -> Result<Examined, String> {
    let built = build_cluster(resource, &mut Names::default(), &mut HashMap::new())?;
    let fields = built.config.unsupported.iter().copied();
    Ok(Examined {
        refused: Vec::new(),
        unenforced: names(fields.filter(|field| *field != NEEDS_ZONE)),
    })
}

fn assignment(resource: &Resource) -> Result<Examined, String> {
    Endpoints::compile(&decode::<ClusterLoadAssignment>(resource)?)?;
    Ok(Examined::default())
}

fn listener(resource: &Resource) -> Result<Examined, String> {
    let listener = decode::<Listener>(resource)?;
    let secrets = HashMap::new();
    let plan = ListenerPlan::compile(&listener, resource.version, &secrets, &mut Names::default())?;
    let tables = plan.chains.all().filter_map(|chain| chain.inline_routes());
    // A chain with several names is there several times.
    let broken: BTreeSet<&String> = tables.flat_map(|table| &table.broken).collect();
    Ok(Examined {
        refused: broken.into_iter().cloned().collect(),
        unenforced: names(plan.unsupported),
    })
}

fn routes(resource: &Resource) -> Result<Examined, String> {
    let config = decode::<RouteConfiguration>(resource)?;
    let RouteTable {
        unsupported,
        broken,
        ..
    } = route::compile(&config, &mut Names::default())?;
    Ok(Examined {
        refused: broken,
        unenforced: names(unsupported),
    })
}

fn secret(resource: &Resource) -> Result<Examined, String> {
    Certificate::of_secret(&decode::<Secret>(resource)?)?;
    Ok(Examined::default())
}

#[cfg(test)]
mod tests {
    use sluicegate_snapshot::Version;
    use sluicegate_xds::{
        json,
        pb::{
            envoy::config::cluster::v3::{Cluster, cluster::PreconnectPolicy},
            google::protobuf::{BoolValue, DoubleValue},
        },
        prost::Message,
    };

    use super::*;

    #[test]
    fn names_what_would_not_be_enforced() {
        let cluster = Cluster {
            name: "a".into(),
            preconnect_policy: Some(PreconnectPolicy {
                predictive_preconnect_ratio: Some(DoubleValue { value: 2.0 }),
                ..PreconnectPolicy::default()
            }),
            wait_for_warm_on_init: Some(BoolValue { value: true }),
            ..Cluster::default()
        };
        let body = cluster.encode_to_vec();
        let found = examine(&Resource::new(ResourceType::Cluster, "a", body, Version(0)));
        assert_eq!(found.refused, Vec::<String>::new());
        assert_eq!(
            found.unenforced,
            [
                "preconnect_policy.predictive_preconnect_ratio",
                "wait_for_warm_on_init"
            ]
        );
    }

    #[test]
    fn says_which_route_cannot_be_used() {
        let routes: RouteConfiguration = json::from_str(
            r#"{"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
                {"name": "odd", "match": {"prefix": "/"}, "non_forwarding_action": {}}
            ]}]}"#,
        )
        .unwrap();
        let body = routes.encode_to_vec();
        let found = examine(&Resource::new(ResourceType::Route, "r", body, Version(0)));
        assert_eq!(
            found.refused,
            ["route odd of virtual host v: this action is not implemented"]
        );
    }
}
