// SPDX-License-Identifier: Apache-2.0
//! TLS towards a cluster.
//!
//! In: a BackendTLSPolicy, or else the policy's `tls` with its certificates. Out: the TLS transport
//! socket.

use sluicegate_attach::{Backend, CaSource, CertificateSource, TlsMaterial, TlsPolicy};
use sluicegate_resource::{
    gateway::SubjectAltName,
    kgateway::backend_config_policy::{Tls, TlsParameters, TlsVersion},
};
use sluicegate_xds::pb::envoy::{
    config::core::v3::{DataSource, TransportSocket},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, TlsCertificate,
        TlsParameters as Parameters, UpstreamTlsContext, common_tls_context::ValidationContextType,
        subject_alt_name_matcher::SanType, tls_parameters::TlsProtocol,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};

use crate::{Options, pb};

pub(super) fn transport_socket(backend: &Backend, options: &Options) -> Option<TransportSocket> {
    let context = match (&backend.tls_policy, backend.policy.tls(), &backend.tls) {
        (Some(policy), _, _) => from_tls_policy(policy, options),
        (None, Some(tls), Some(material)) => from_policy(tls, material, options),
        _ => return None,
    };
    Some(pb::transport_socket(
        "envoy.transport_sockets.tls",
        &context,
    ))
}

fn from_tls_policy(policy: &TlsPolicy, options: &Options) -> UpstreamTlsContext {
    let validation = &policy.policy.spec.validation;
    let names: Vec<SubjectAltNameMatcher> = if validation.subject_alt_names.is_empty() {
        vec![subject_alt_name(SanType::Dns, &validation.hostname)]
    } else {
        let matcher = |name: &SubjectAltName| match name {
            SubjectAltName::Hostname(name) => subject_alt_name(SanType::Dns, name),
            SubjectAltName::Uri(uri) => subject_alt_name(SanType::Uri, uri),
        };
        validation.subject_alt_names.iter().map(matcher).collect()
    };
    UpstreamTlsContext {
        sni: validation.hostname.clone(),
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: validation_context(&policy.ca, names, options),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    }
}

fn from_policy(tls: &Tls, material: &TlsMaterial, options: &Options) -> UpstreamTlsContext {
    // Envoy refuses names to verify without an authority.
    let verified = material.ca != CaSource::None;
    let names = tls
        .verify_subject_alt_names
        .iter()
        .filter(|_| verified)
        .map(|name| subject_alt_name(SanType::Dns, name))
        .collect();
    UpstreamTlsContext {
        sni: tls.sni.clone().unwrap_or_default(),
        allow_renegotiation: tls.allow_renegotiation.unwrap_or_default(),
        common_tls_context: Some(CommonTlsContext {
            tls_params: tls.parameters.as_ref().map(tls_params),
            tls_certificates: material.certificate.iter().map(tls_certificate).collect(),
            alpn_protocols: tls.alpn_protocols.clone(),
            validation_context_type: validation_context(&material.ca, names, options),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    }
}

fn validation_context(
    ca: &CaSource,
    match_typed_subject_alt_names: Vec<SubjectAltNameMatcher>,
    options: &Options,
) -> Option<ValidationContextType> {
    let trusted_ca = match ca {
        CaSource::File(path) => pb::filename(path),
        CaSource::Inline(text) => pb::inline_string(text),
        CaSource::None => None,
        CaSource::System => pb::filename(&options.system_ca_file),
    };
    Some(ValidationContextType::ValidationContext(
        CertificateValidationContext {
            trusted_ca,
            match_typed_subject_alt_names,
            ..CertificateValidationContext::default()
        },
    ))
}

fn subject_alt_name(san_type: SanType, name: &str) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: san_type as i32,
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(name.to_owned())),
            ..StringMatcher::default()
        }),
        ..SubjectAltNameMatcher::default()
    }
}

fn tls_certificate(source: &CertificateSource) -> TlsCertificate {
    let (certificate_chain, private_key): (Option<DataSource>, Option<DataSource>) = match source {
        CertificateSource::Files { certificate, key } => {
            (pb::filename(certificate), pb::filename(key))
        }
        CertificateSource::Inline(pair) => {
            (pb::inline_string(&pair.chain), pb::inline_string(&pair.key))
        }
    };
    TlsCertificate {
        certificate_chain,
        private_key,
        ..TlsCertificate::default()
    }
}

fn tls_params(parameters: &TlsParameters) -> Parameters {
    let version = |version: Option<TlsVersion>| match version {
        None | Some(TlsVersion::Auto) => TlsProtocol::TlsAuto,
        Some(TlsVersion::V1_0) => TlsProtocol::TlSv10,
        Some(TlsVersion::V1_1) => TlsProtocol::TlSv11,
        Some(TlsVersion::V1_2) => TlsProtocol::TlSv12,
        Some(TlsVersion::V1_3) => TlsProtocol::TlSv13,
    };
    let minimum = version(parameters.min_version);
    let mut maximum = version(parameters.max_version);
    // AUTO is TLS 1.2 at most for Envoy's clients: below the minimum, no handshake can succeed.
    if minimum == TlsProtocol::TlSv13 && maximum == TlsProtocol::TlsAuto {
        maximum = TlsProtocol::TlSv13;
    }
    Parameters {
        tls_minimum_protocol_version: minimum as i32,
        tls_maximum_protocol_version: maximum as i32,
        cipher_suites: parameters.cipher_suites.clone(),
        ecdh_curves: parameters.ecdh_curves.clone(),
        signature_algorithms: parameters.signature_algorithms.clone(),
        ..Parameters::default()
    }
}
