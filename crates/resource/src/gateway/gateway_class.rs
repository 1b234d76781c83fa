// SPDX-License-Identifier: Apache-2.0
//! GatewayClass.
//!
//! In: a document. Out: who controls Gateways of the class, and what else says how.

use super::ObjectReference;
use crate::{Metadata, admission::Block, decode::Body, value::is_domain_prefixed};

/// A GatewayClass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayClass {
    /// `controllerName`: `domain/path`.
    pub controller_name: String,
    /// `parametersRef`.
    pub parameters_ref: Option<ObjectReference>,
}

impl Body for GatewayClass {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl GatewayClass {
    fn spec(block: &Block<'_>) -> Self {
        if let Some(field) = block.optional("description")
            && let Some(text) = field.string()
        {
            field.check_text_length(text, 64);
        }
        let controller_name = block.required("controllerName").and_then(|field| {
            let name = field.string()?;
            if !is_domain_prefixed(name) {
                field.reject_with(
                    "must be a domain, a slash and a path",
                    "write it as \"example.com/gateway-controller\"",
                );
            }
            Some(name.to_owned())
        });
        let parameters = block.object("parametersRef", |block| {
            let text = |name| block.required_string(name).unwrap_or_default().to_owned();
            ObjectReference {
                group: text("group"),
                kind: text("kind"),
                name: text("name"),
                namespace: block.string("namespace").map(str::to_owned),
            }
        });
        Self {
            controller_name: controller_name.unwrap_or_default(),
            parameters_ref: parameters,
        }
    }
}
