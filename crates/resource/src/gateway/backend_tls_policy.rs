// SPDX-License-Identifier: Apache-2.0
//! BackendTLSPolicy.

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
