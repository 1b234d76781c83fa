// SPDX-License-Identifier: Apache-2.0
//! Kubernetes quantities such as `64Ki`, `1G`, `1500m`, `1e3`.

/// Parses a quantity and rounds it up to a whole number, as Kubernetes' `Value()` does.
pub fn parse_quantity(text: &str) -> Option<i64> {
    let _ = text;
    None
}
