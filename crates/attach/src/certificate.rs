// SPDX-License-Identifier: Apache-2.0
//! Checking PEM certificates before Envoy sees them: one bad pair would make it refuse a cluster.
//!
//! In: PEM text. Out: pairs that belong together, with comments and junk dropped.

use std::fmt;

use rustls::{
    RootCertStore,
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

/// A certificate chain and the private key of its first certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// PEM blocks of the chain.
    pub chain: String,
    /// PEM text of the key.
    pub key: String,
}

/// Shows that there is one, never what it is.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair")
    }
}

impl KeyPair {
    /// Checks that `chain` and `key` parse and belong together.
    ///
    /// # Errors
    /// A few words that name the fault.
    pub fn new(chain: &str, key: &str) -> Result<Self, String> {
        let certificates = certificates(chain)?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| "the private key is not PEM".to_owned())?;
        let private = any_supported_type(&private)
            .map_err(|_| "the private key has an unsupported type".to_owned())?;
        CertifiedKey::new(certificates, private)
            .keys_match()
            .map_err(|_| "the private key does not match the certificate".to_owned())?;
        Ok(Self {
            chain: certificate_blocks(chain),
            key: key.trim().to_owned() + "\n",
        })
    }
}

/// Checks that `pem` holds at least one certificate and nothing that does not parse.
///
/// # Errors
/// A few words that name the fault.
pub(crate) fn check_authorities(pem: &str) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem)? {
        store
            .add(certificate)
            .map_err(|_| "a certificate cannot be read".to_owned())?;
    }
    Ok(())
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| "the certificate is not PEM".to_owned())?;
    if certificates.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(certificates)
}

/// The certificate blocks of a PEM text, without what stands around them.
fn certificate_blocks(pem: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut blocks = String::new();
    let mut rest = pem;
    while let Some(start) = rest.find(BEGIN) {
        let Some(length) = rest[start..].find(END) else {
            break;
        };
        let end = start + length + END.len();
        blocks.push_str(&rest[start..end]);
        blocks.push('\n');
        rest = &rest[end..];
    }
    blocks
}
