// SPDX-License-Identifier: Apache-2.0
//! A port given by number or by name.
//!
//! In: a field. Out: the number or the name.

use sluicegate_manifest::Value;

use crate::admission::Field;

/// A number or a name, as `targetPort` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name.
    String(String),
}

impl IntOrString {
    /// A port number 1..65535, or a port name: at most 15 lower case letters, digits and `-`.
    pub(crate) fn port(field: &Field<'_>) -> Option<Self> {
        match &field.node.value {
            Value::Number(_) => Some(Self::Int(field.port()?.into())),
            Value::String(name) => {
                if !is_port_name(name) {
                    field.reject(
                        "must be a port number or a name of at most 15 lower case letters, \
                         digits or '-', with at least one letter",
                    );
                }
                Some(Self::String(name.clone()))
            }
            _ => field.wrong_type("integer or string"),
        }
    }
}

fn is_port_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}
