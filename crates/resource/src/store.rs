// SPDX-License-Identifier: Apache-2.0
//! The immutable set of resources that one translation reads.
//!
//! In: decoded objects. Out: typed objects by reference, in a fixed order whatever the input order.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_manifest::Diagnostic;

use crate::{
    Object, ObjectRef,
    core::{ConfigMap, EndpointSlice, Namespace, Secret, Service},
    decode::Resource,
    envoygateway::{BackendTrafficPolicy, EnvoyProxy},
    gateway::{BackendTlsPolicy, Gateway, GatewayClass, ListenerSet, ReferenceGrant, Route},
    istio::ServiceEntry,
    kgateway::{Backend, BackendConfigPolicy, HttpListenerPolicy},
};

/// Objects of one kind.
pub type Objects<T> = BTreeMap<ObjectRef, Arc<Object<T>>>;

/// Everything that was decoded.
#[derive(Debug, Default, Clone)]
pub struct Store {
    /// Core Services.
    pub services: Objects<Service>,
    /// EndpointSlices.
    pub endpoint_slices: Objects<EndpointSlice>,
    /// Secrets.
    pub secrets: Objects<Secret>,
    /// ConfigMaps.
    pub config_maps: Objects<ConfigMap>,
    /// Namespaces.
    pub namespaces: Objects<Namespace>,
    /// GatewayClasses.
    pub gateway_classes: Objects<GatewayClass>,
    /// Gateways.
    pub gateways: Objects<Gateway>,
    /// ListenerSets.
    pub listener_sets: Objects<ListenerSet>,
    /// ReferenceGrants.
    pub reference_grants: Objects<ReferenceGrant>,
    /// Routes of every kind.
    pub routes: Objects<Route>,
    /// BackendTLSPolicies.
    pub backend_tls_policies: Objects<BackendTlsPolicy>,
    /// BackendConfigPolicies, Invalid ones included.
    pub backend_config_policies: Objects<BackendConfigPolicy>,
    /// BackendTrafficPolicies, Invalid ones included.
    pub backend_traffic_policies: Objects<BackendTrafficPolicy>,
    /// EnvoyProxies, those with errors included.
    pub envoy_proxies: Objects<EnvoyProxy>,
    /// HTTPListenerPolicies, Invalid ones included.
    pub http_listener_policies: Objects<HttpListenerPolicy>,
    /// kgateway Backends.
    pub backends: Objects<Backend>,
    /// Istio ServiceEntries.
    pub service_entries: Objects<ServiceEntry>,
    /// Objects of kinds that we do not read, by `apiVersion/Kind`, with their number.
    pub ignored: BTreeMap<String, usize>,
    /// Everything wrong or doubtful, in the order file, position.
    pub diagnostics: Vec<Diagnostic>,
}

impl Store {
    /// Puts an object where its kind belongs.
    pub(crate) fn insert(&mut self, reference: ObjectRef, resource: Resource) {
        match resource {
            Resource::Backend(object) => drop(self.backends.insert(reference, object)),
            Resource::BackendConfigPolicy(object) => {
                drop(self.backend_config_policies.insert(reference, object));
            }
            Resource::BackendTlsPolicy(object) => {
                drop(self.backend_tls_policies.insert(reference, object));
            }
            Resource::BackendTrafficPolicy(object) => {
                drop(self.backend_traffic_policies.insert(reference, object));
            }
            Resource::ConfigMap(object) => drop(self.config_maps.insert(reference, object)),
            Resource::EndpointSlice(object) => drop(self.endpoint_slices.insert(reference, object)),
            Resource::EnvoyProxy(object) => drop(self.envoy_proxies.insert(reference, object)),
            Resource::Gateway(object) => drop(self.gateways.insert(reference, object)),
            Resource::GatewayClass(object) => drop(self.gateway_classes.insert(reference, object)),
            Resource::HttpListenerPolicy(object) => {
                drop(self.http_listener_policies.insert(reference, object));
            }
            Resource::ListenerSet(object) => drop(self.listener_sets.insert(reference, object)),
            Resource::Namespace(object) => drop(self.namespaces.insert(reference, object)),
            Resource::ReferenceGrant(object) => {
                drop(self.reference_grants.insert(reference, object));
            }
            Resource::Route(object) => drop(self.routes.insert(reference, object)),
            Resource::Secret(object) => drop(self.secrets.insert(reference, object)),
            Resource::Service(object) => drop(self.services.insert(reference, object)),
            Resource::ServiceEntry(object) => drop(self.service_entries.insert(reference, object)),
        }
    }
}
