// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.transport_sockets.tls.v3.Secret`.
//!
//! In: certificates of HTTPS listeners. Out: one secret resource each, so that a new certificate
//! never changes a listener.

use std::collections::BTreeMap;

use sluicegate_attach::Listener;
use sluicegate_resource::gateway::ObjectReference;
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    Secret, TlsCertificate, secret::Type,
};

use crate::{names, pb};

/// The secrets of `listeners` by name.
pub(crate) fn secrets(listeners: &[&Listener]) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    for listener in listeners {
        for (reference, pair) in certificate_refs(listener).zip(&listener.certificates) {
            let name = names::secret(reference.0, &reference.1.name);
            let certificate = TlsCertificate {
                certificate_chain: pb::inline_string(&pair.chain),
                private_key: pb::inline_string(&pair.key),
                ..TlsCertificate::default()
            };
            let r#type = Some(Type::TlsCertificate(certificate));
            secrets.insert(name.clone(), Secret { name, r#type });
        }
    }
    secrets
}

/// Names of the secrets that hold the certificates of `listener`.
pub fn secret_names(listener: &Listener) -> impl Iterator<Item = String> {
    certificate_refs(listener)
        .map(|(namespace, reference)| names::secret(namespace, &reference.name))
}

/// The certificate references of a listener with their namespaces.
pub(crate) fn certificate_refs(
    listener: &Listener,
) -> impl Iterator<Item = (&str, &ObjectReference)> {
    let references = listener
        .spec
        .tls
        .iter()
        .flat_map(|tls| &tls.certificate_refs);
    references.map(|reference| {
        let own = &*listener.owner.namespace;
        (reference.namespace.as_deref().unwrap_or(own), reference)
    })
}
