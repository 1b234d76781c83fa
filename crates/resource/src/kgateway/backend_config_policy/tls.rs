// SPDX-License-Identifier: Apache-2.0
//! `tls`, formerly `sslConfig`.
//!
//! In: the block in any spelling (`decode`, `parameters`). Out: these types.

mod decode;
mod parameters;

/// TLS towards the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Exactly one of `secretRef`, `files`, `insecureSkipVerify`, `wellKnownCACertificates`.
    pub source: TlsSource,
    /// `sni`.
    pub sni: Option<String>,
    /// `verifySubjectAltNames`; needs a root CA.
    pub verify_subject_alt_names: Vec<String>,
    /// `parameters`.
    pub parameters: Option<TlsParameters>,
    /// `alpnProtocols`.
    pub alpn_protocols: Vec<String>,
    /// `allowRenegotiation`.
    pub allow_renegotiation: Option<bool>,
    /// `simpleTLS` (older `oneWayTLS`): no client certificate even if one is there.
    pub simple_tls: Option<bool>,
}

/// Where certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSource {
    /// `files`: paths on the proxy; at least one is set.
    Files {
        /// `tlsCertificate`.
        tls_certificate: Option<String>,
        /// `tlsKey`.
        tls_key: Option<String>,
        /// `rootCA`.
        root_ca: Option<String>,
    },
    /// `insecureSkipVerify`, with its value.
    InsecureSkipVerify(bool),
    /// `secretRef.name`: a Secret in the policy's namespace.
    Secret(String),
    /// `wellKnownCACertificates: System`.
    System,
}

/// Protocol parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsParameters {
    /// `minVersion`.
    pub min_version: Option<TlsVersion>,
    /// `maxVersion`.
    pub max_version: Option<TlsVersion>,
    /// `cipherSuites`, OpenSSL or IANA names.
    pub cipher_suites: Vec<String>,
    /// `ecdhCurves`.
    pub ecdh_curves: Vec<String>,
    /// `signatureAlgorithms`.
    pub signature_algorithms: Vec<String>,
}

/// TLS versions in the API's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `AUTO`.
    Auto,
    /// `1.0`.
    V1_0,
    /// `1.1`.
    V1_1,
    /// `1.2`.
    V1_2,
    /// `1.3`.
    V1_3,
}
