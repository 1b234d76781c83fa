// SPDX-License-Identifier: Apache-2.0
//! Codes of what can be wrong with a bootstrap.

/// A constraint of Envoy's API is broken.
pub(super) const CONSTRAINT: &str = "envoy-constraint";
/// A field is not known.
pub(super) const FIELD: &str = "envoy-field";
/// A setting of the process has no effect.
pub(super) const NO_EFFECT: &str = "envoy-no-effect";
/// A type is not known.
pub(super) const TYPE: &str = "envoy-type";
/// Something is not implemented.
pub(super) const UNSUPPORTED: &str = "envoy-unsupported";
/// A value does not fit its field.
pub(super) const VALUE: &str = "envoy-value";

/// Every code with its meaning.
pub const ALL: &[(&str, &str)] = &[
    (
        CONSTRAINT,
        "A field of an Envoy message breaks a constraint of Envoy's API.",
    ),
    (FIELD, "An Envoy message has no such field."),
    (
        NO_EFFECT,
        "A setting of an Envoy bootstrap is accepted and has no effect here.",
    ),
    (TYPE, "An Envoy extension is not implemented."),
    (
        UNSUPPORTED,
        "A part of an Envoy bootstrap, or a resource in it, asks for something that is not implemented.",
    ),
    (VALUE, "A value does not fit the field of an Envoy message."),
];
