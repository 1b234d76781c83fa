// SPDX-License-Identifier: Apache-2.0
//! Versions, ciphers, groups and signatures (`tls_params`).
//!
//! In: the parameters with Envoy's defaults for one side. Out: a provider reduced to them. What the
//! library does not have is an error that names it: a connection with other ciphers than those that
//! were asked for would be a surprise.

use rustls::{
    CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, SupportedProtocolVersion,
    crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs},
    version::{TLS12, TLS13},
};
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    TlsParameters, tls_parameters::TlsProtocol,
};

use super::material::provider;

/// The outcome.
pub(super) struct Parameters {
    /// Ciphers and groups.
    pub(super) provider: CryptoProvider,
    /// Versions.
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// Signatures that are accepted; empty means all.
    pub(super) signatures: Vec<SignatureScheme>,
}

/// Which side asks: the defaults differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Towards upstreams.
    Client,
    /// Towards clients.
    Server,
}

impl Side {
    /// What AUTO means as a maximum. Envoy default: its clients stop at 1.2.
    fn maximum(self) -> TlsProtocol {
        match self {
            Self::Client => TlsProtocol::TlSv12,
            Self::Server => TlsProtocol::TlSv13,
        }
    }
}

impl Parameters {
    /// Compiles `tls_params`.
    pub(super) fn compile(side: Side, parameters: Option<&TlsParameters>) -> Result<Self, String> {
        let defaults = TlsParameters::default();
        let parameters = parameters.unwrap_or(&defaults);
        let mut provider = provider();
        if !parameters.cipher_suites.is_empty() {
            cipher_suites(&parameters.cipher_suites, &mut provider)?;
        }
        if !parameters.ecdh_curves.is_empty() {
            let groups: Result<_, _> = parameters.ecdh_curves.iter().map(|n| group(n)).collect();
            provider.kx_groups = groups?;
        }
        let signatures: Result<_, _> = parameters
            .signature_algorithms
            .iter()
            .map(|name| signature(name))
            .collect();
        Ok(Self {
            provider,
            versions: versions(side, parameters)?,
            signatures: signatures?,
        })
    }
}

/// Whether the range begins below what the library has; the connection is stricter then.
pub(crate) fn minimum_is_raised(parameters: Option<&TlsParameters>) -> bool {
    let minimum = parameters.map(|p| p.tls_minimum_protocol_version());
    matches!(minimum, Some(TlsProtocol::TlSv10 | TlsProtocol::TlSv11))
}

fn versions(
    side: Side,
    parameters: &TlsParameters,
) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let or = |version, default| match version {
        TlsProtocol::TlsAuto => default,
        version => version,
    };
    // Envoy default: 1.2 on both sides.
    let minimum = or(
        parameters.tls_minimum_protocol_version(),
        TlsProtocol::TlSv12,
    );
    let maximum = or(parameters.tls_maximum_protocol_version(), side.maximum());
    let range = minimum as i32..=maximum as i32;
    let versions: Vec<_> = [(TlsProtocol::TlSv13, &TLS13), (TlsProtocol::TlSv12, &TLS12)]
        .into_iter()
        .filter(|(version, _)| range.contains(&(*version as i32)))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(format!(
            "tls_params: only TLS 1.2 and 1.3 are implemented, none is within {} to {}",
            minimum.as_str_name(),
            maximum.as_str_name(),
        ));
    }
    Ok(versions)
}

/// Reduces the suites of TLS 1.2 to those listed; those of 1.3 cannot be chosen, as in Envoy.
fn cipher_suites(names: &[String], provider: &mut CryptoProvider) -> Result<(), String> {
    let mut wanted: Vec<CipherSuite> = Vec::new();
    // `[a|b]` is a group of equal preference.
    let names = names.iter().flat_map(|name| {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.split('|')
    });
    for name in names {
        let known = CIPHERS
            .iter()
            .find(|(_, iana, openssl)| *iana == name || *openssl == name)
            .ok_or_else(|| format!("tls_params: cipher suite {name} is not implemented"))?;
        wanted.push(known.0);
    }
    let all = aws_lc_rs::ALL_CIPHER_SUITES.iter();
    let mut suites: Vec<_> = all
        .clone()
        .filter(|suite| suite.version().version == ProtocolVersion::TLSv1_3)
        .copied()
        .collect();
    for name in wanted {
        suites.extend(all.clone().filter(|suite| suite.suite() == name).copied());
    }
    provider.cipher_suites = suites;
    Ok(())
}

fn group(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    let wanted = match name {
        "P-256" | "prime256v1" | "secp256r1" => NamedGroup::secp256r1,
        "P-384" | "secp384r1" => NamedGroup::secp384r1,
        "X25519" => NamedGroup::X25519,
        "X25519MLKEM768" => NamedGroup::X25519MLKEM768,
        _ => return Err(format!("tls_params: curve {name} is not implemented")),
    };
    let mut all = aws_lc_rs::ALL_KX_GROUPS.iter();
    all.find(|group| group.name() == wanted)
        .copied()
        .ok_or_else(|| format!("tls_params: curve {name} is not implemented"))
}

fn signature(name: &str) -> Result<SignatureScheme, String> {
    Ok(match name {
        "ecdsa_secp256r1_sha256" | "ECDSA+SHA256" => SignatureScheme::ECDSA_NISTP256_SHA256,
        "ecdsa_secp384r1_sha384" | "ECDSA+SHA384" => SignatureScheme::ECDSA_NISTP384_SHA384,
        "ecdsa_secp521r1_sha512" | "ECDSA+SHA512" => SignatureScheme::ECDSA_NISTP521_SHA512,
        "ed25519" => SignatureScheme::ED25519,
        "rsa_pkcs1_sha256" | "RSA+SHA256" => SignatureScheme::RSA_PKCS1_SHA256,
        "rsa_pkcs1_sha384" | "RSA+SHA384" => SignatureScheme::RSA_PKCS1_SHA384,
        "rsa_pkcs1_sha512" | "RSA+SHA512" => SignatureScheme::RSA_PKCS1_SHA512,
        "rsa_pss_rsae_sha256" | "RSA-PSS+SHA256" => SignatureScheme::RSA_PSS_SHA256,
        "rsa_pss_rsae_sha384" | "RSA-PSS+SHA384" => SignatureScheme::RSA_PSS_SHA384,
        "rsa_pss_rsae_sha512" | "RSA-PSS+SHA512" => SignatureScheme::RSA_PSS_SHA512,
        _ => {
            return Err(format!(
                "tls_params: signature algorithm {name} is not implemented"
            ));
        }
    })
}

/// The suites of TLS 1.2 under both of their names.
const CIPHERS: [(CipherSuite, &str, &str); 6] = [
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];
