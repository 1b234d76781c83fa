// SPDX-License-Identifier: Apache-2.0
//! GatewayClass.
//!
//! In: a document. Out: who controls Gateways of the class.

use crate::{Metadata, admission::Block, decode::Body, value::is_domain_prefixed};

/// A GatewayClass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayClass {
    /// `controllerName`: `domain/path`.
    pub controller_name: String,
    /// Whether `parametersRef` is set; we know no kind for it.
    pub has_parameters_ref: bool,
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
        let parameters = block.optional("parametersRef");
        if let Some(field) = &parameters {
            field.object(|block| {
                block.accept(&["namespace"]);
                for name in ["group", "kind", "name"] {
                    block.required_string(name);
                }
            });
        }
        Self {
            controller_name: controller_name.unwrap_or_default(),
            has_parameters_ref: parameters.is_some(),
        }
    }
}
