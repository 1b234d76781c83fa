// SPDX-License-Identifier: Apache-2.0
//! Verifying a peer's certificate by Envoy's rules (`validation_context`).
//!
//! In: authorities and name matchers. Out: a verifier for either side. With authorities the chain is
//! always verified; names are looked at only when there are matchers, and SNI plays no part.
//! Without authorities any certificate will do.

use std::{fmt, net::IpAddr, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, SubjectAltNameMatcher,
    certificate_validation_context::TrustChainVerification, common_tls_context,
    subject_alt_name_matcher::SanType,
};
use webpki::{EndEntityCert, KeyUsage};

use super::{
    material::Authorities,
    parameters::{Parameters, Side},
};
use crate::{plan::string_match, route::ValueMatch};

/// Checks the certificates of one context's peers.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Option<Authorities>,
    names: Vec<(SanType, ValueMatch)>,
    algorithms: WebPkiSupportedAlgorithms,
    schemes: Vec<SignatureScheme>,
    side: Side,
    required: bool,
    /// The name that was asked for must be among those of the certificate.
    by_server_name: bool,
}

/// No name of the certificate matches.
#[derive(Debug)]
pub(super) struct SanMismatch(Vec<String>);

impl fmt::Display for SanMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no matcher fits; certificate SANs are [{}]",
            self.0.join(", ")
        )
    }
}

impl std::error::Error for SanMismatch {}

impl Verifier {
    /// Compiles a validation context.
    pub(super) fn compile(
        side: Side,
        context: &CertificateValidationContext,
        parameters: &Parameters,
        required: bool,
    ) -> Result<Self, String> {
        refuse(context)?;
        let authorities = match &context.trusted_ca {
            Some(source) if source.specifier.is_some() => Some(Authorities::compile(source)?),
            _ => None,
        };
        let names: Result<Vec<_>, _> = context
            .match_typed_subject_alt_names
            .iter()
            .map(name)
            .collect();
        let names = names?;
        if authorities.is_none() && !names.is_empty() {
            return Err(
                "SAN-based verification of peer certificates without trusted CA is \
                        insecure and not allowed"
                    .to_owned(),
            );
        }
        let accept = context.trust_chain_verification() == TrustChainVerification::AcceptUntrusted;
        let algorithms = parameters.provider.signature_verification_algorithms;
        let schemes = match parameters.signatures.as_slice() {
            [] => algorithms.supported_schemes(),
            listed => listed.to_vec(),
        };
        Ok(Self {
            authorities: authorities.filter(|_| !accept),
            names,
            algorithms,
            schemes,
            side,
            required,
            by_server_name: false,
        })
    }

    /// The same, which asks for a certificate with the name of the server.
    pub(super) fn by_server_name(self) -> Result<Self, String> {
        if self.authorities.is_none() {
            return Err("auto_san_validation without trusted_ca is not implemented".to_owned());
        }
        Ok(Self {
            by_server_name: true,
            ..self
        })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        server: Option<&ServerName<'_>>,
    ) -> Result<(), Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(());
        };
        let certificate = EndEntityCert::try_from(end_entity).map_err(|error| reason(&error))?;
        let usage = match self.side {
            Side::Client => KeyUsage::server_auth(),
            Side::Server => KeyUsage::client_auth(),
        };
        let verified = certificate.verify_for_usage(
            self.algorithms.all,
            &authorities.roots.roots,
            intermediates,
            now,
            usage,
            None,
            None,
        );
        match verified {
            Ok(_) => {}
            // A self-signed certificate that is an authority itself, as `openssl req -x509` makes
            // them: trusted when it was given as one. Its dates have been checked by now.
            Err(webpki::Error::CaUsedAsEndEntity)
                if authorities
                    .certificates
                    .iter()
                    .any(|ours| **ours == **end_entity) => {}
            Err(error) => return Err(reason(&error)),
        }
        // The server's name replaces the list.
        let fit = match server.filter(|_| self.by_server_name) {
            Some(name) => certificate.verify_is_valid_for_subject_name(name).is_ok(),
            None => self.names.is_empty() || self.names.iter().any(|name| fits(name, &certificate)),
        };
        if fit {
            return Ok(());
        }
        let dns = certificate
            .valid_dns_names()
            .map(|name| format!("DNS:{name}"));
        let uri = certificate
            .valid_uri_names()
            .map(|name| format!("URI:{name}"));
        let mismatch = SanMismatch(dns.chain(uri).collect());
        tracing::debug!(%mismatch, "certificate refused");
        Err(CertificateError::Other(OtherError(Arc::new(mismatch))).into())
    }
}

/// What the verifiers of either side are asked in the same words.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signed, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signed, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.schemes.clone()
        }
    };
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, now, Some(server))
            .map(|()| ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, now, None)
            .map(|()| ClientCertVerified::assertion())
    }

    signatures!();
}

/// The validation context of a TLS context; none given means an empty one.
pub(super) fn validation_context(
    kind: Option<&common_tls_context::ValidationContextType>,
) -> Result<Option<CertificateValidationContext>, String> {
    match kind {
        None => Ok(None),
        Some(common_tls_context::ValidationContextType::ValidationContext(context)) => {
            Ok(Some(context.clone()))
        }
        Some(_) => Err("validation contexts from secrets are not implemented yet".to_owned()),
    }
}

/// Refuses conditions that are not checked: leaving one out would trust too much.
fn refuse(context: &CertificateValidationContext) -> Result<(), String> {
    let fields = [
        (
            !context.verify_certificate_spki.is_empty(),
            "verify_certificate_spki",
        ),
        (
            !context.verify_certificate_hash.is_empty(),
            "verify_certificate_hash",
        ),
        (context.crl.is_some(), "crl"),
        (
            context.custom_validator_config.is_some(),
            "custom_validator_config",
        ),
        (context.system_root_certs.is_some(), "system_root_certs"),
        (
            context.ca_certificate_provider_instance.is_some(),
            "ca_certificate_provider_instance",
        ),
        (
            context.allow_expired_certificate,
            "allow_expired_certificate",
        ),
        (context.max_verify_depth.is_some(), "max_verify_depth"),
    ];
    match fields.into_iter().find(|(set, _)| *set) {
        Some((_, field)) => Err(format!("validation_context.{field} is not implemented")),
        None => Ok(()),
    }
}

fn name(matcher: &SubjectAltNameMatcher) -> Result<(SanType, ValueMatch), String> {
    let kind = matcher.san_type();
    if !matches!(kind, SanType::Dns | SanType::Uri | SanType::IpAddress) {
        return Err(format!(
            "match_typed_subject_alt_names: {} is not implemented",
            kind.as_str_name()
        ));
    }
    let text = matcher
        .matcher
        .as_ref()
        .ok_or("match_typed_subject_alt_names: no matcher")?;
    let matches = string_match(text)?;
    if kind == SanType::IpAddress && address(&matches).is_none() {
        return Err(
            "match_typed_subject_alt_names: an IP address can only be matched exactly".to_owned(),
        );
    }
    Ok((kind, matches))
}

fn fits((kind, matches): &(SanType, ValueMatch), certificate: &EndEntityCert<'_>) -> bool {
    match kind {
        SanType::Dns => certificate
            .valid_dns_names()
            .any(|presented| fits_dns(matches, presented)),
        SanType::Uri => certificate
            .valid_uri_names()
            .any(|presented| matches.matches(presented.as_bytes())),
        _ => address(matches).is_some_and(|ip| {
            let name = ServerName::IpAddress(ip.into());
            certificate.verify_is_valid_for_subject_name(&name).is_ok()
        }),
    }
}

/// An exact name also fits a wildcard that stands for its first label.
fn fits_dns(matches: &ValueMatch, presented: &str) -> bool {
    let Some(exact) = exact(matches) else {
        return matches.matches(presented.as_bytes());
    };
    if exact.eq_ignore_ascii_case(presented) {
        return true;
    }
    let (Some(suffix), Some((_, rest))) = (presented.strip_prefix("*."), exact.split_once('.'))
    else {
        return false;
    };
    rest.eq_ignore_ascii_case(suffix)
}

fn exact(matches: &ValueMatch) -> Option<&str> {
    match matches {
        ValueMatch::Exact(text, _) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn address(matches: &ValueMatch) -> Option<IpAddr> {
    exact(matches)?.parse().ok()
}

fn reason(error: &webpki::Error) -> Error {
    let error = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => {
            tracing::debug!(%other, "certificate refused");
            CertificateError::Other(OtherError(Arc::new(other.clone())))
        }
    };
    error.into()
}
