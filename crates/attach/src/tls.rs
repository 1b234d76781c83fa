// SPDX-License-Identifier: Apache-2.0
//! Certificates of a policy's `tls`.
//!
//! In: the policy and the Secrets of its namespace. Out: what the connection presents and trusts,
//! or why it cannot be made.

use std::sync::Arc;

use sluicegate_resource::{
    Object, ObjectRef, Store,
    kgateway::{
        BackendConfigPolicy,
        backend_config_policy::{Tls, TlsSource},
    },
};

use crate::certificate::{KeyPair, check_authorities};

/// What a TLS connection to a backend presents and trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsMaterial {
    /// The client certificate; `None` for server-only TLS.
    pub certificate: Option<CertificateSource>,
    /// Who may have signed the backend's certificate.
    pub ca: CaSource,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Paths on the proxy.
    Files {
        /// Certificate chain.
        certificate: String,
        /// Private key.
        key: String,
    },
    /// Contents of a Secret.
    Inline(Arc<KeyPair>),
}

/// Certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaSource {
    /// A path on the proxy.
    File(String),
    /// PEM text.
    Inline(String),
    /// None: nothing is verified.
    None,
    /// Those of the operating system.
    System,
}

/// The material of a policy's `tls`; `None` when it has no `tls`.
///
/// # Errors
/// A sentence for status: a missing Secret, a bad pair, names to verify without an authority.
pub(crate) fn resolve(
    policy: &Object<BackendConfigPolicy>,
    store: &Store,
) -> Result<Option<TlsMaterial>, String> {
    let Some(tls) = policy.spec.tls.as_ref().map(|written| &written.value) else {
        return Ok(None);
    };
    let mut material = match &tls.source {
        TlsSource::Files {
            tls_certificate,
            tls_key,
            root_ca,
        } => TlsMaterial {
            certificate: files(tls_certificate.as_deref(), tls_key.as_deref())?,
            ca: root_ca.clone().map_or(CaSource::None, CaSource::File),
        },
        TlsSource::InsecureSkipVerify(_) => TlsMaterial {
            certificate: None,
            ca: CaSource::None,
        },
        TlsSource::Secret(name) => secret(store, policy.metadata.namespace(), name)?,
        TlsSource::System => TlsMaterial {
            certificate: None,
            ca: CaSource::System,
        },
    };
    if tls.simple_tls == Some(true) {
        material.certificate = None;
    }
    check_names(tls, &material)?;
    Ok(Some(material))
}

fn files(
    certificate: Option<&str>,
    key: Option<&str>,
) -> Result<Option<CertificateSource>, String> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(CertificateSource::Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("invalid certificate and key pair: tlsKey is missing".to_owned()),
        (None, Some(_)) => {
            Err("invalid certificate and key pair: tlsCertificate is missing".to_owned())
        }
    }
}

fn secret(store: &Store, namespace: &str, name: &str) -> Result<TlsMaterial, String> {
    let place = format!("{namespace}/{name}");
    let secret = store
        .secrets
        .get(&ObjectRef::new("", "Secret", namespace, name))
        .ok_or_else(|| format!("failed to extract TLS data: Secret {place} not found"))?;
    let text = |key: &str| -> Result<Option<&str>, String> {
        let bytes = secret.spec.data.get(key).filter(|bytes| !bytes.is_empty());
        bytes
            .map(|bytes| std::str::from_utf8(bytes))
            .transpose()
            .map_err(|_| format!("Secret {place}: {key} is not PEM text"))
    };
    let certificate = match (text("tls.crt")?, text("tls.key")?) {
        (Some(chain), Some(key)) => {
            let pair = KeyPair::new(chain, key).map_err(|error| {
                format!("invalid certificate and key pair: Secret {place}: {error}")
            })?;
            Some(CertificateSource::Inline(Arc::new(pair)))
        }
        (None, None) => None,
        (chain, _) => {
            let missing = if chain.is_none() {
                "tls.crt"
            } else {
                "tls.key"
            };
            return Err(format!(
                "invalid certificate and key pair: Secret {place} has no {missing}"
            ));
        }
    };
    let ca = match text("ca.crt")? {
        Some(pem) => {
            check_authorities(pem).map_err(|error| format!("Secret {place}: ca.crt: {error}"))?;
            CaSource::Inline(pem.to_owned())
        }
        None => CaSource::None,
    };
    Ok(TlsMaterial { certificate, ca })
}

fn check_names(tls: &Tls, material: &TlsMaterial) -> Result<(), String> {
    // Decoding warns that names have no effect there.
    if tls.source == TlsSource::InsecureSkipVerify(true) {
        return Ok(());
    }
    if !tls.verify_subject_alt_names.is_empty() && material.ca == CaSource::None {
        return Err(
            "a root_ca must be provided if verify_subject_alt_name is not empty".to_owned(),
        );
    }
    Ok(())
}
