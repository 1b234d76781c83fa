// SPDX-License-Identifier: Apache-2.0
//! BackendTLSPolicy.
//!
//! In: a document. Out: which Services are reached over TLS and what proves their identity.

use super::reference;
use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
    value::{is_domain_prefixed, is_hostname, is_precise_hostname},
};

/// A BackendTLSPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendTlsPolicy {
    /// `targetRefs`, 1..16.
    pub target_refs: Vec<BackendTlsTarget>,
    /// `validation`.
    pub validation: BackendTlsValidation,
}

/// A target in the policy's own namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendTlsTarget {
    /// Group; empty for core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// `sectionName`: the Service's port name.
    pub section_name: Option<String>,
}

/// What the backend's certificate must show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendTlsValidation {
    /// `caCertificateRefs`, at most 8.
    pub ca_certificate_refs: Vec<CaCertificateRef>,
    /// `wellKnownCACertificates`.
    pub well_known_ca_certificates: Option<String>,
    /// `hostname`: SNI, and the identity when there are no `subjectAltNames`.
    pub hostname: String,
    /// `subjectAltNames`, at most 5.
    pub subject_alt_names: Vec<SubjectAltName>,
}

/// A local object that holds CA certificates under `ca.crt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificateRef {
    /// Group; empty for core.
    pub group: String,
    /// Kind: `ConfigMap` or `Secret`.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// One accepted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectAltName {
    /// `type: Hostname`.
    Hostname(String),
    /// `type: URI`.
    Uri(String),
}

impl Body for BackendTlsPolicy {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl BackendTlsPolicy {
    fn spec(block: &Block<'_>) -> Self {
        if let Some(options) = block.optional("options") {
            options.check_length(options.entries().len(), 0..=16);
        }
        let targets = block
            .required("targetRefs")
            .map(|field| field.items(1..=16));
        let validation = block.required("validation");
        Self {
            target_refs: target_refs(&targets.unwrap_or_default()),
            validation: validation
                .and_then(|field| field.object(BackendTlsValidation::decode))
                .unwrap_or_default(),
        }
    }
}

fn target_refs(items: &[Field<'_>]) -> Vec<BackendTlsTarget> {
    let mut targets: Vec<BackendTlsTarget> = Vec::new();
    for item in items {
        let Some(target) = item.object(target_ref) else {
            continue;
        };
        let same_object = |other: &&BackendTlsTarget| {
            (&other.group, &other.kind, &other.name) == (&target.group, &target.kind, &target.name)
        };
        if let Some(other) = targets.iter().find(same_object)
            && (other.section_name.is_none() || target.section_name.is_none())
        {
            item.reject(
                "sectionName must be specified when targetRefs includes 2 or more references to \
                 the same target",
            );
        }
        if targets.contains(&target) {
            item.reject(
                "sectionName must be unique when targetRefs includes 2 or more references to the \
                 same target",
            );
        }
        targets.push(target);
    }
    targets
}

fn target_ref(block: &Block<'_>) -> BackendTlsTarget {
    block.explain(
        "namespace",
        "remove it: a BackendTLSPolicy targets objects of its own namespace",
    );
    BackendTlsTarget {
        group: reference::group(block, None),
        kind: reference::kind(block, None),
        name: reference::name(block),
        section_name: reference::section_name(block, "sectionName"),
    }
}

impl BackendTlsValidation {
    fn decode(block: &Block<'_>) -> Self {
        let references = block.list("caCertificateRefs", 0..=8);
        let well_known = block.optional("wellKnownCACertificates").and_then(|field| {
            let value = field.text(253)?;
            if value != "System" && !is_domain_prefixed(value) {
                let message = format!("Unsupported value: {value:?}: supported values: \"System\"");
                field.push(field.error(codes::UNSUPPORTED_VALUE, message));
            }
            Some(value.to_owned()).filter(|value| !value.is_empty())
        });
        if references.is_empty() == well_known.is_none() {
            block.field.reject(
                "must specify either CACertificateRefs or WellKnownCACertificates, and not both",
            );
        }
        let hostname = block.required("hostname").and_then(|field| {
            let hostname = field.string()?;
            if !is_precise_hostname(hostname) {
                field.reject("must be a precise DNS hostname, without wildcard or port");
            }
            Some(hostname.to_owned())
        });
        let names = block.list("subjectAltNames", 0..=5);
        Self {
            ca_certificate_refs: references
                .iter()
                .filter_map(|item| item.object(ca_certificate_ref))
                .collect(),
            well_known_ca_certificates: well_known,
            hostname: hostname.unwrap_or_default(),
            subject_alt_names: names
                .iter()
                .filter_map(|item| item.object(|block| subject_alt_name(block, item)).flatten())
                .collect(),
        }
    }
}

fn ca_certificate_ref(block: &Block<'_>) -> CaCertificateRef {
    CaCertificateRef {
        group: reference::group(block, None),
        kind: reference::kind(block, None),
        name: reference::name(block),
    }
}

fn subject_alt_name(block: &Block<'_>, item: &Field<'_>) -> Option<SubjectAltName> {
    let kind = block
        .required("type")
        .and_then(|field| field.word(&["Hostname", "URI"]));
    let hostname = block.optional("hostname");
    let uri = block.optional("uri");
    match (kind?.as_str(), hostname, uri) {
        ("Hostname", Some(hostname), None) => {
            let text = hostname.string()?;
            if !is_hostname(text) {
                hostname.reject("must be a DNS hostname");
            }
            Some(SubjectAltName::Hostname(text.to_owned()))
        }
        ("URI", None, Some(uri)) => {
            let text = uri.text(253)?;
            let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
            if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
                uri.reject_with(
                    "must be an absolute URI",
                    "write it as \"spiffe://domain/path\"",
                );
            }
            Some(SubjectAltName::Uri(text.to_owned()))
        }
        ("Hostname", _, _) => {
            item.reject("SubjectAltName element must contain Hostname, if Type is set to Hostname");
            None
        }
        _ => {
            item.reject("SubjectAltName element must contain URI, if Type is set to URI");
            None
        }
    }
}
