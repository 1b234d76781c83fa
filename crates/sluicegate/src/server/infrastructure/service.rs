// SPDX-License-Identifier: Apache-2.0
//! A Service for each Gateway, in front of whatever carries its traffic.
//!
//! In: a Gateway. Out: its Service; the addresses that it was given.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use clap::ValueEnum;
use serde_json::{Value, json};
use sluicegate_attach::Gateway;

use super::{deployment, extend};

/// How the Services are.
#[derive(Debug, Clone)]
pub struct GatewayServices {
    /// Labels of our pods; those of a Gateway's Envoys are theirs.
    pub selector: Selector,
    /// Their type.
    pub service_type: ServiceType,
}

/// `label=value`, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(BTreeMap<String, String>);

/// Types of Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServiceType {
    /// Reached inside the cluster only, at the cluster's address of the Service
    #[value(name = "ClusterIP")]
    ClusterIp,
    /// Reached at what a load balancer gives
    #[value(name = "LoadBalancer")]
    LoadBalancer,
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let labels = text.split(',').map(|label| match label.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(format!("{label:?} is not label=value")),
        });
        labels.collect::<Result<_, _>>().map(Self)
    }
}

impl GatewayServices {
    /// The Service of a Gateway, before Envoys of its own or before our pods.
    pub(super) fn manifest(&self, gateway: &Gateway, metadata: Value, envoys: bool) -> Value {
        let listeners = gateway.listeners.iter();
        let serving = listeners.filter(|it| it.verdict.is_programmed());
        let ports = serving.map(|it| (it.spec.port, it.at.port));
        let ports: BTreeSet<(u16, u16)> = ports.collect();
        let ports = ports.into_iter().map(|(port, target)| {
            json!({
                "name": format!("tcp-{port}"),
                "protocol": "TCP",
                "port": port,
                "targetPort": target,
            })
        });
        let selector = match envoys {
            true => deployment::selector(gateway),
            false => json!(self.selector.0),
        };
        let mut service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "type": self.service_type.name(),
                "selector": selector,
                "ports": ports.collect::<Vec<_>>(),
            },
        });
        let proxy = gateway.proxy.as_ref();
        let settings = proxy.map(|proxy| &proxy.spec.provider.service);
        if let Some(settings) = settings {
            extend(&mut service["metadata"]["labels"], &settings.labels);
            extend(
                &mut service["metadata"]["annotations"],
                &settings.annotations,
            );
        }
        let spec = &mut service["spec"];
        for (name, value) in settings.iter().flat_map(|it| &it.spec) {
            spec[name] = value.clone();
        }
        if spec["type"] != "ClusterIP" && spec["externalTrafficPolicy"].is_null() {
            // Keeps the address of the client.
            spec["externalTrafficPolicy"] = "Local".into();
        }
        if spec["type"] == "LoadBalancer"
            && let Some(wanted) = gateway.wanted_address()
        {
            spec["loadBalancerIP"] = wanted.to_string().into();
        }
        service
    }

    /// The addresses that a Service was given: inside the cluster, unless it has a load balancer.
    pub(in super::super) fn addresses(object: &Value, status: &Value) -> Vec<String> {
        let texts = |list: &Value, of: fn(&Value) -> &Value| {
            let items = list.as_array().into_iter().flatten();
            let texts = items.filter_map(|it| of(it).as_str().map(str::to_owned));
            texts.collect()
        };
        if object["spec"]["type"] == "LoadBalancer" {
            return texts(&status["loadBalancer"]["ingress"], |it| {
                let ip = &it["ip"];
                if ip.is_null() { &it["hostname"] } else { ip }
            });
        }
        texts(&object["spec"]["clusterIPs"], |it| it)
    }
}

impl ServiceType {
    fn name(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}
