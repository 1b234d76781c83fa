// SPDX-License-Identifier: Apache-2.0
//! Certificates, keys and authorities.
//!
//! In: PEM, inline or in files, from contexts and secrets. Out: parsed chains and trust anchors.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use sluicegate_xds::pb::envoy::{
    config::core::v3::DataSource,
    extensions::transport_sockets::tls::v3::{Secret, TlsCertificate, secret::Type},
};

use crate::plan::data;

/// A certificate chain with its key.
#[derive(Debug, Clone)]
pub(crate) struct Certificate(pub(super) Arc<CertifiedKey>);

/// Authorities.
#[derive(Debug)]
pub(super) struct Authorities {
    /// What chains must end in.
    pub(super) roots: RootCertStore,
    /// The same as they were given.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Certificate {
    /// From a secret resource; `None` when it holds something else.
    pub(crate) fn of_secret(secret: &Secret) -> Result<Option<Self>, String> {
        match &secret.r#type {
            Some(Type::TlsCertificate(certificate)) => Self::compile(certificate).map(Some),
            _ => Ok(None),
        }
    }

    /// From a message.
    pub(super) fn compile(certificate: &TlsCertificate) -> Result<Self, String> {
        if certificate.pkcs12.is_some() || certificate.private_key_provider.is_some() {
            return Err("only certificate_chain with private_key is implemented".to_owned());
        }
        if certificate
            .password
            .as_ref()
            .is_some_and(|password| password.specifier.is_some())
        {
            return Err("private keys with a password are not implemented".to_owned());
        }
        let chain = chain(certificate.certificate_chain.as_ref(), "certificate_chain")?;
        let key = data(certificate.private_key.as_ref())?;
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|error| format!("private_key: {error}"))?;
        let pair = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| format!("certificate_chain and private_key: {error}"))?;
        Ok(Self(Arc::new(pair)))
    }
}

impl Authorities {
    /// `trusted_ca`. Certificates that cannot be used are passed over, as long as one can.
    pub(super) fn compile(source: &DataSource) -> Result<Self, String> {
        let certificates = chain(Some(source), "trusted_ca")?;
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
        if added == 0 {
            return Err("trusted_ca: no certificate can be used".to_owned());
        }
        Ok(Self {
            roots,
            certificates,
        })
    }
}

fn chain(source: Option<&DataSource>, field: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = data(source)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(format!("{field}: no certificate in it")),
        other => other.map_err(|error| format!("{field}: {error}")),
    }
}

/// The cryptography.
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}
