// SPDX-License-Identifier: Apache-2.0
//! GatewayClass.

/// A GatewayClass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayClass {
    /// `controllerName`: `domain/path`.
    pub controller_name: String,
    /// Whether `parametersRef` is set; we know no kind for it.
    pub has_parameters_ref: bool,
}
