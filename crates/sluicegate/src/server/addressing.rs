// SPDX-License-Identifier: Apache-2.0
//! Where clients reach each Gateway, when something in front of the data plane decides that.
//!
//! In: rounds, and what an API server has. Out: the addresses of each Gateway with what is wrong with
//! them.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use sluicegate_attach::{AddressProblem, Gateway, Pool};
use sluicegate_kube::Objects;
use sluicegate_resource::ObjectRef;
use sluicegate_status::Assignment;

use super::infrastructure::{DEPLOYMENT, GatewayServices, SERVICE, name};
use crate::pipeline::Round;

/// How Gateways get their addresses.
#[derive(Debug, Clone)]
pub enum Addressing {
    /// From a pool, one each.
    Pool(Vec<Pool>),
    /// From a Service for each.
    Services(GatewayServices),
}

/// The same, with the API server that remembers.
#[derive(Clone)]
pub(super) struct Assigner {
    pub(super) addressing: Addressing,
    pub(super) objects: Arc<Objects>,
    /// Where our objects are.
    pub(super) namespace: String,
    /// Whether each Gateway has Envoys of its own.
    pub(super) envoys: bool,
}

impl Assigner {
    /// What each Gateway was given.
    pub(super) fn assignments(&self, round: &Round) -> BTreeMap<ObjectRef, Assignment> {
        let gateways = || round.graph.gateways.iter();
        match &self.addressing {
            Addressing::Pool(_) => gateways()
                .map(|gateway| (gateway.object.reference().clone(), of_pool(gateway)))
                .collect(),
            Addressing::Services(_) => gateways()
                .map(|gateway| {
                    let wanted = gateway.wanted_address();
                    let assigned = self.of_service(gateway.object.reference());
                    let reference = gateway.object.reference();
                    let checked = checked(assigned, wanted);
                    (reference.clone(), self.with_envoys(checked, reference))
                })
                .collect(),
        }
    }

    /// Addresses of a Gateway's Service.
    fn of_service(&self, gateway: &ObjectRef) -> Assignment {
        let name = name(gateway);
        let of = (self.namespace.as_str(), name.as_str());
        let kind = (SERVICE.group, SERVICE.name);
        let addresses = self.objects.read(kind, of, GatewayServices::addresses);
        let problem = match &addresses {
            None => Some(format!("Service {}/{name} is not there yet", of.0)),
            Some(addresses) if addresses.is_empty() => {
                Some(format!("Service {}/{name} has no address yet", of.0))
            }
            Some(_) => None,
        };
        Assignment {
            addresses: addresses.unwrap_or_default(),
            problem: problem.map(AddressProblem::NotAssigned),
        }
    }

    /// With a problem, where nobody is behind the addresses.
    fn with_envoys(&self, mut assignment: Assignment, gateway: &ObjectRef) -> Assignment {
        if !self.envoys || assignment.problem.is_some() {
            return assignment;
        }
        let name = name(gateway);
        let of = (self.namespace.as_str(), name.as_str());
        let kind = (DEPLOYMENT.group, DEPLOYMENT.name);
        let available = self.objects.read(kind, of, |_, status| {
            status["availableReplicas"].as_u64().unwrap_or(0)
        });
        let problem = match available {
            None => Some(format!("Deployment {}/{name} is not there yet", of.0)),
            Some(0) => Some(format!(
                "Deployment {}/{name} has no Envoy yet that is ready",
                of.0
            )),
            Some(_) => None,
        };
        assignment.problem = problem.map(AddressProblem::NobodyThere);
        assignment
    }
}

/// What a Gateway was given of the pool.
fn of_pool(gateway: &Gateway) -> Assignment {
    match gateway.given.clone() {
        Some(Ok(address)) => Assignment {
            addresses: vec![address.to_string()],
            problem: None,
        },
        given => Assignment {
            addresses: Vec::new(),
            problem: given.and_then(Result::err),
        },
    }
}

/// With a problem, where the address that was asked for is not among those that were given.
fn checked(mut assignment: Assignment, wanted: Option<IpAddr>) -> Assignment {
    let Some(wanted) = wanted.filter(|_| assignment.problem.is_none()) else {
        return assignment;
    };
    let given = assignment.addresses.iter();
    if !given.clone().any(|it| it.parse() == Ok(wanted)) {
        let given = given.cloned().collect::<Vec<_>>().join(", ");
        let message = format!("the load balancer gave {given}, not {wanted}");
        assignment.problem = Some(AddressProblem::NotUsable(message));
    }
    assignment
}
