// SPDX-License-Identifier: Apache-2.0
//! Decoding of a Gateway.
//!
//! In: the root of a document. Out: the Gateway; listeners are next door.

use std::collections::BTreeMap;

use super::{
    super::reference,
    FromNamespaces, Gateway, ObjectReference,
    listener::{listeners, unique},
};
use crate::{
    Metadata, ObjectRef,
    admission::{Block, Field, GATEWAY},
    codes,
    decode::Body,
    value::{is_domain_prefixed, is_hostname},
};

impl Body for Gateway {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl Gateway {
    fn spec(block: &Block<'_>) -> Self {
        block.unsupported(&["defaultScope"]);
        let class = block
            .required("gatewayClassName")
            .and_then(|field| field.text(253));
        let items = block.required("listeners").map(|field| field.items(1..=64));
        let addresses = block.list("addresses", 0..=16);
        let tls = block.optional("tls");
        let infrastructure = infrastructure(block);
        Self {
            gateway_class_name: class.unwrap_or_default().to_owned(),
            listeners: listeners(&items.unwrap_or_default()),
            allowed_listeners: allowed_listeners(block),
            addresses: decode_addresses(&addresses),
            infrastructure_labels: infrastructure.labels,
            infrastructure_annotations: infrastructure.annotations,
            parameters_ref: infrastructure.parameters_ref,
            backend_client_certificate: tls.and_then(|field| field.object(backend_tls)).flatten(),
        }
    }
}

/// API default: none.
fn allowed_listeners(block: &Block<'_>) -> FromNamespaces {
    let from = block.object("allowedListeners", |block| {
        block.object("namespaces", |block| {
            let written = block.optional("from").is_some();
            let from = FromNamespaces::decode(block);
            if written { from } else { FromNamespaces::None }
        })
    });
    from.flatten().unwrap_or(FromNamespaces::None)
}

/// The Gateway that a ListenerSet names.
pub(in super::super) fn gateway_reference(block: &Block<'_>, own: &str) -> ObjectRef {
    let group = reference::group(block, Some(GATEWAY));
    let kind = reference::kind(block, Some("Gateway"));
    let namespace = reference::namespace(block);
    let namespace = namespace.as_deref().unwrap_or(own);
    ObjectRef::new(&group, &kind, namespace, &reference::name(block))
}

fn decode_addresses(items: &[Field<'_>]) -> Vec<(String, Option<String>)> {
    let mut addresses = Vec::new();
    for item in items {
        let Some(address) = item.object(address) else {
            continue;
        };
        if address.1.is_some() && !unique(&addresses, &address) {
            item.duplicate(address.1.as_deref().unwrap_or_default());
        }
        addresses.push(address);
    }
    addresses
}

fn address(block: &Block<'_>) -> (String, Option<String>) {
    let kind = block.optional("type").and_then(|field| {
        let kind = field.text(253)?;
        if !["Hostname", "IPAddress", "NamedAddress"].contains(&kind) && !is_domain_prefixed(kind) {
            let message = format!(
                "Unsupported value: {kind:?}: supported values: \"Hostname\", \"IPAddress\", \
                 \"NamedAddress\", or a domain-prefixed type"
            );
            field.push(field.error(codes::UNSUPPORTED_VALUE, message));
        }
        Some(kind)
    });
    // API default.
    let kind = kind.unwrap_or("IPAddress");
    let value = block.optional("value").and_then(|field| {
        let value = field.string().filter(|value| !value.is_empty())?;
        field.check_text_length(value, 253);
        let valid = match kind {
            "IPAddress" => value.parse::<std::net::IpAddr>().is_ok(),
            "Hostname" => is_hostname(value),
            _ => true,
        };
        if !valid {
            field.reject(format!("must be a valid value of type {kind}"));
        }
        Some(value.to_owned())
    });
    (kind.to_owned(), value)
}

/// `infrastructure`.
#[derive(Default)]
struct Infrastructure {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    parameters_ref: Option<ObjectReference>,
}

fn infrastructure(block: &Block<'_>) -> Infrastructure {
    let decoded = block.object("infrastructure", |block| {
        let map = |name, most| {
            let Some(field) = block.optional(name) else {
                return BTreeMap::new();
            };
            let map = field.string_map();
            field.check_length(map.len(), 0..=most);
            map
        };
        let (labels, annotations) = (map("labels", 8), map("annotations", 16));
        let parameters_ref = block.object("parametersRef", |block| ObjectReference {
            group: reference::group(block, None),
            kind: reference::kind(block, None),
            name: reference::name(block),
            namespace: None,
        });
        Infrastructure {
            labels,
            annotations,
            parameters_ref,
        }
    });
    decoded.unwrap_or_default()
}

fn backend_tls(block: &Block<'_>) -> Option<ObjectReference> {
    block.unsupported(&["frontend"]);
    if let Some(frontend) = block.optional("frontend") {
        frontend.object(frontend_tls);
    }
    block
        .optional("backend")?
        .object(|block| {
            block
                .optional("clientCertificateRef")?
                .object(reference::secret)
        })
        .flatten()
}

/// Checks what the API server checks of a part that is not implemented.
fn frontend_tls(block: &Block<'_>) {
    let default = block.required("default");
    default.and_then(|field| field.object(frontend_validation));
    let mut ports = Vec::new();
    for item in block.list("perPort", 0..=64) {
        let port = item.object(|block| {
            let tls = block.required("tls");
            tls.and_then(|field| field.object(frontend_validation));
            block.required("port").and_then(|field| field.port())
        });
        if let Some(Some(port)) = port {
            if !unique(&ports, &port) {
                item.duplicate(port.to_string());
            }
            ports.push(port);
        }
    }
}

fn frontend_validation(block: &Block<'_>) {
    let Some(validation) = block.optional("validation") else {
        return;
    };
    validation.object(|block| {
        if let Some(mode) = block.optional("mode") {
            mode.word(&["AllowValidOnly", "AllowInsecureFallback"]);
        }
        let references = block
            .required("caCertificateRefs")
            .map(|field| field.items(1..=16));
        for item in references.unwrap_or_default() {
            item.object(|block| {
                reference::group(block, None);
                reference::kind(block, None);
                reference::namespace(block);
                reference::name(block);
            });
        }
    });
}
