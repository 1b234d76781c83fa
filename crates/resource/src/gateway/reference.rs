// SPDX-License-Identifier: Apache-2.0
//! The parts that every reference to an object has.
//!
//! In: the block of a reference. Out: group, kind, name, namespace, section and port, checked.

use super::ObjectReference;
use crate::{
    admission::Block,
    value::{is_label, is_subdomain},
};

/// `group`: empty or a DNS subdomain; required unless it has a default.
pub(crate) fn group(block: &Block<'_>, default: Option<&str>) -> String {
    let field = match default {
        Some(_) => block.optional("group"),
        None => block.required("group"),
    };
    let group = field.and_then(|field| {
        let group = field.string()?;
        if !group.is_empty() && !is_subdomain(group) {
            field.reject_with(
                "must be empty or a DNS subdomain",
                "write the group without version; the core group is \"\"",
            );
        }
        Some(group)
    });
    group.or(default).unwrap_or_default().to_owned()
}

/// `kind`: letters, digits and `-`, 1 to 63; required unless it has a default.
pub(crate) fn kind(block: &Block<'_>, default: Option<&str>) -> String {
    let field = match default {
        Some(_) => block.optional("kind"),
        None => block.required("kind"),
    };
    let kind = field.and_then(|field| {
        let kind = field.text(63)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !kind.is_empty() && !kind.bytes().all(allowed) {
            field.reject("must consist of alphanumeric characters or '-'");
        }
        Some(kind)
    });
    kind.or(default).unwrap_or_default().to_owned()
}

/// `name`, 1 to 253.
pub(crate) fn name(block: &Block<'_>) -> String {
    let name = block.required("name").and_then(|field| field.text(253));
    name.unwrap_or_default().to_owned()
}

/// `namespace`, when it is there.
pub(crate) fn namespace(block: &Block<'_>) -> Option<String> {
    let field = block.optional("namespace")?;
    let namespace = field.text(63)?;
    if !namespace.is_empty() && !is_label(namespace) {
        field.reject("must be a lowercase RFC 1123 label");
    }
    Some(namespace.to_owned())
}

/// `namespace`, which must be there.
pub(crate) fn required_namespace(block: &Block<'_>) -> String {
    block.required("namespace");
    namespace(block).unwrap_or_default()
}

/// `sectionName`: a DNS subdomain.
pub(crate) fn section_name(block: &Block<'_>, name: &'static str) -> Option<String> {
    let field = block.optional(name)?;
    let section = field.text(253)?;
    if !section.is_empty() && !is_subdomain(section) {
        field.reject("must be a lowercase RFC 1123 subdomain");
    }
    Some(section.to_owned())
}

/// A reference whose group is core and whose kind is `Secret` unless written.
pub(crate) fn secret(block: &Block<'_>) -> ObjectReference {
    ObjectReference {
        group: group(block, Some("")),
        kind: kind(block, Some("Secret")),
        namespace: namespace(block),
        name: name(block),
    }
}
