// SPDX-License-Identifier: Apache-2.0
//! Verdicts to the status that Kubernetes shows.
//!
//! In: a store, its [`Graph`], and what a running data plane knows ([`Context`]). Out: the `status` of every
//! object that we write to, in Kubernetes' JSON shape but without times: who writes it adds
//! `lastTransitionTime`. Pure: same verdicts, same bytes, whatever their order.

mod ancestors;
mod backend;
mod backend_config_policy;
mod backend_tls_policy;
mod backend_traffic_policy;
mod condition;
mod gateway;
mod gateway_class;
mod http_listener_policy;
mod listener_set;
mod route;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluicegate_attach::{AddressProblem, BackendKey, CONTROLLER_NAME, Graph, ListenAddress};
use sluicegate_resource::{ObjectRef, Store};

/// What an installation may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// `controllerName` of entries whose GatewayClass does not say it.
    pub controller_name: String,
    /// Controller names of GatewayClasses that are ours, as in [`sluicegate_attach::Options`].
    pub controller_names: Vec<String>,
}

impl Default for Options {
    /// The names that attachment takes for ours.
    fn default() -> Self {
        Self {
            controller_name: CONTROLLER_NAME.into(),
            controller_names: sluicegate_attach::Options::default().controller_names,
        }
    }
}

/// What only a running data plane knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Listeners that could not be bound, with the system's words.
    pub bind_errors: BTreeMap<ListenAddress, String>,
    /// IP addresses that clients reach the listeners at.
    pub addresses: Addresses,
    /// Backends whose resources an Envoy refuses, with its words.
    pub refused_backends: BTreeMap<BackendKey, String>,
    /// Ports of Gateways whose resources an Envoy refuses, with its words.
    pub refused_ports: BTreeMap<(ObjectRef, u16), String>,
    /// BackendTrafficPolicies whose clusters an Envoy refuses, with its words.
    pub refused_traffic_policies: BTreeMap<ObjectRef, String>,
}

/// Whose addresses clients use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Those of the data plane in this process, the same for every Gateway.
    DataPlane(Vec<String>),
    /// Those of the Envoys that are connected, by Gateway.
    Fleet(BTreeMap<ObjectRef, Vec<String>>),
    /// Those that somebody has given to each Gateway: a load balancer, or a pool.
    Assigned(BTreeMap<ObjectRef, Assignment>),
}

/// What a Gateway was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// IP addresses and host names.
    pub addresses: Vec<String>,
    /// Why there are none, or not those that it asks for.
    pub problem: Option<AddressProblem>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self::DataPlane(Vec::new())
    }
}

impl Addresses {
    /// The addresses of a Gateway.
    fn of(&self, gateway: &ObjectRef) -> &[String] {
        match self {
            Self::DataPlane(addresses) => addresses,
            Self::Fleet(gateways) => gateways.get(gateway).map_or(&[], Vec::as_slice),
            Self::Assigned(gateways) => gateways.get(gateway).map_or(&[], |it| &it.addresses),
        }
    }

    /// Why a Gateway does not have those that it needs: reason and message.
    fn problem_of(&self, gateway: &ObjectRef) -> Option<(&'static str, &str)> {
        const NOT_ASSIGNED: &str = "AddressNotAssigned";
        if let Self::Assigned(gateways) = self {
            match gateways.get(gateway).and_then(|it| it.problem.as_ref()) {
                Some(AddressProblem::NotAssigned(why)) => return Some((NOT_ASSIGNED, why)),
                Some(AddressProblem::NotUsable(why)) => return Some(("AddressNotUsable", why)),
                Some(AddressProblem::NobodyThere(why)) => return Some(("NoResources", why)),
                None => {}
            }
        }
        if !self.of(gateway).is_empty() {
            return None;
        }
        let message = match self {
            Self::DataPlane(_) => "The data plane has no address",
            Self::Fleet(_) => "No Envoy of this Gateway is connected",
            Self::Assigned(_) => "No address was given yet",
        };
        Some((NOT_ASSIGNED, message))
    }
}

/// The status of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectStatus {
    /// The object.
    pub object: ObjectRef,
    /// Its `status`.
    pub status: Value,
}

impl ObjectStatus {
    /// `{"group", "kind", "namespace", "name", "status"}`.
    pub fn to_json(&self) -> Value {
        json!({
            "group": &*self.object.group,
            "kind": &*self.object.kind,
            "namespace": &*self.object.namespace,
            "name": &*self.object.name,
            "status": self.status,
        })
    }
}

/// `{"items": [...]}` with [`ObjectStatus::to_json`] of each: what the admin API serves and the
/// command line reads.
pub fn list(statuses: &[ObjectStatus]) -> Value {
    json!({ "items": statuses.iter().map(ObjectStatus::to_json).collect::<Vec<_>>() })
}

/// What every kind's status needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The objects.
    pub store: &'a Store,
    /// What became of them.
    pub graph: &'a Graph,
    /// What the installation has chosen.
    pub options: &'a Options,
    /// Without it nothing is known to be programmed.
    pub runtime: Option<&'a Runtime>,
}

impl Context<'_> {
    /// The status of every object that we write to, by reference.
    pub fn statuses(&self) -> Vec<ObjectStatus> {
        let graph = self.graph;
        let mut statuses = self.policies();
        statuses.extend(gateway_class::statuses(self));
        let gateways = graph.gateways.iter();
        statuses.extend(gateways.map(|gateway| gateway::status(gateway, self)));
        let routes = graph.routes.iter();
        statuses.extend(routes.map(|route| route::status(route, self)));
        for gateway in &graph.gateways {
            let sets = gateway.listener_sets.iter();
            statuses.extend(sets.map(|set| listener_set::status(gateway, set, self)));
        }
        statuses.extend(graph.backends.values().filter_map(|it| backend::status(it)));
        statuses.sort_by(|a, b| a.object.cmp(&b.object));
        statuses
    }

    /// The status of every policy, by reference.
    pub fn policies(&self) -> Vec<ObjectStatus> {
        let graph = self.graph;
        let config = graph.policies.iter();
        let config = config.map(|policy| backend_config_policy::status(policy, self));
        let tls = graph.tls_policies.iter();
        let tls = tls.map(|policy| backend_tls_policy::status(policy, self));
        let traffic = graph.traffic_policies.iter();
        let traffic = traffic.map(|policy| backend_traffic_policy::status(policy, self));
        let listener = graph.listener_policies.iter();
        let listener = listener.map(|policy| http_listener_policy::status(policy, self));
        let all = config.chain(tls).chain(traffic).chain(listener);
        let mut statuses: Vec<ObjectStatus> = all.collect();
        statuses.sort_by(|a, b| a.object.cmp(&b.object));
        statuses
    }

    /// The controller of a Gateway, or of that of a ListenerSet: the one that its class names.
    fn controller_of(&self, object: &ObjectRef) -> &str {
        let set = self.store.listener_sets.get(object);
        let gateway = set.map_or(object, |set| &set.spec.parent);
        let class = self.store.gateways.get(gateway).and_then(|gateway| {
            let name = &gateway.spec.gateway_class_name;
            let class = ObjectRef::new(condition::GATEWAY_API, "GatewayClass", "", name);
            self.store.gateway_classes.get(&class)
        });
        class.map_or(&self.options.controller_name, |class| {
            &class.spec.controller_name
        })
    }
}

#[cfg(test)]
mod tests;
