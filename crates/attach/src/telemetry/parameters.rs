// SPDX-License-Identifier: Apache-2.0
//! `parametersRef` of Gateways and GatewayClasses.
//!
//! In: the reference. Out: the EnvoyProxy, or a sentence about why there is none. The Gateway's
//! reference takes the place of that of its class.

use std::sync::Arc;

use sluicegate_manifest::Severity;
use sluicegate_resource::{
    Object, ObjectRef, Store,
    envoygateway::EnvoyProxy,
    gateway::{Gateway, GatewayClass, ObjectReference},
};

/// What a reference comes to.
type Found = Result<Arc<Object<EnvoyProxy>>, String>;

/// The EnvoyProxy that a class names, when it names anything.
pub fn proxy_of_class(class: &GatewayClass, store: &Store) -> Option<Found> {
    let reference = class.parameters_ref.as_ref()?;
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    Some(find(reference, namespace, store))
}

/// The EnvoyProxy of a Gateway: its own or that of its class; an error where its own is none.
pub(crate) fn proxy_of_gateway(
    gateway: &Object<Gateway>,
    store: &Store,
) -> Result<Option<Arc<Object<EnvoyProxy>>>, String> {
    if let Some(reference) = &gateway.spec.parameters_ref {
        return find(reference, gateway.metadata.namespace(), store).map(Some);
    }
    let name = &gateway.spec.gateway_class_name;
    let class = ObjectRef::new("gateway.networking.k8s.io", "GatewayClass", "", name);
    let class = store.gateway_classes.get(&class);
    // What is wrong with that of the class is told there.
    let proxy = class.and_then(|class| proxy_of_class(&class.spec, store)?.ok());
    Ok(proxy)
}

fn find(reference: &ObjectReference, namespace: &str, store: &Store) -> Found {
    let ObjectReference {
        group, kind, name, ..
    } = reference;
    let object = ObjectRef::new(group, kind, namespace, name);
    if (group.as_str(), kind.as_str()) != ("gateway.envoyproxy.io", "EnvoyProxy") {
        return Err(format!(
            "parametersRef names a {kind} of {group:?}; of parameters, EnvoyProxies of \
             gateway.envoyproxy.io are read"
        ));
    }
    let proxy = store.envoy_proxies.get(&object);
    let proxy = proxy.ok_or_else(|| format!("parametersRef: {object} does not exist"))?;
    let errors = proxy.diagnostics.iter();
    let mut errors = errors.filter(|found| found.severity == Severity::Error);
    match errors.next() {
        None => Ok(proxy.clone()),
        Some(error) => Err(format!(
            "parametersRef: {object} is invalid, and listeners do without it: {}: {}",
            error.path, error.message
        )),
    }
}
