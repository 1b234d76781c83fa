// SPDX-License-Identifier: Apache-2.0
//! Decoding of `tls`.
//!
//! In: the block. Out: TLS settings with exactly one source of trust.

use super::{Tls, TlsParameters, TlsSource};
use crate::{
    admission::{Block, Field},
    codes,
};

/// What TLS can say in a server name or a protocol, in bytes; Envoy refuses more.
const LONGEST: usize = 255;

/// The fields of which exactly one must be there, in the order of the API.
const SOURCES: &str = "[secretRef files insecureSkipVerify wellKnownCACertificates]";

impl Tls {
    pub(in super::super) fn decode(block: &Block<'_>) -> Option<Self> {
        let source = source(block);
        let parameters = block.aliased("parameters", &["sslParameters"], |field| {
            field.object(|block| TlsParameters::decode(block, field))
        });
        let names = block.aliased(
            "verifySubjectAltNames",
            &["verifySubjectAltName"],
            |field| Some(field.strings(0..=usize::MAX)),
        );
        let simple_tls = block.aliased("simpleTLS", &["oneWayTLS"], Field::boolean);
        let sni = block.optional("sni").and_then(|field| field.text(LONGEST));
        let alpn_protocols = block.list("alpnProtocols", 0..=usize::MAX);
        let tls = Self {
            source: source?,
            sni: sni.map(str::to_owned),
            verify_subject_alt_names: names.map(|names| names.value).unwrap_or_default(),
            parameters: parameters.map(|parameters| parameters.value),
            alpn_protocols: alpn_protocols
                .iter()
                .filter_map(|field| {
                    let protocol = field.string()?;
                    field.check_text_length(protocol, LONGEST);
                    Some(protocol.to_owned())
                })
                .collect(),
            allow_renegotiation: block.boolean("allowRenegotiation"),
            simple_tls: simple_tls.map(|simple| simple.value),
        };
        check_names(&tls, &block.field);
        Some(tls)
    }
}

fn source(block: &Block<'_>) -> Option<TlsSource> {
    let secret = block.optional("secretRef");
    let files = block.aliased("files", &["tlsFiles", "sslFiles"], |field| {
        field.object(|block| decode_files(block, field))
    });
    let skip = block.optional("insecureSkipVerify");
    let well_known = block.optional("wellKnownCACertificates");
    let has_files = ["files", "tlsFiles", "sslFiles"]
        .iter()
        .any(|name| block.older(name).is_some());
    let present = [
        secret.is_some(),
        has_files,
        skip.is_some(),
        well_known.is_some(),
    ];
    if present.into_iter().filter(|present| *present).count() != 1 {
        block.field.reject(format!(
            "exactly one of the fields in {SOURCES} must be set"
        ));
    }
    let secret = secret.and_then(|field| field.object(secret_name).flatten());
    let skip = skip.and_then(|field| field.boolean());
    let well_known = well_known.and_then(|field| {
        field.text(253)?;
        field.choice(&[("System", TlsSource::System)])
    });
    secret
        .map(TlsSource::Secret)
        .or(files.map(|files| files.value))
        .or(skip.map(TlsSource::InsecureSkipVerify))
        .or(well_known)
}

fn secret_name(block: &Block<'_>) -> Option<String> {
    block.explain(
        "namespace",
        "remove it: the Secret must be in the policy's namespace",
    );
    let name = block.string("name").unwrap_or_default();
    if name.is_empty() {
        // The schema has an empty default; no Secret can have that name.
        block.missing("name");
        return None;
    }
    Some(name.to_owned())
}

fn decode_files(block: &Block<'_>, field: &Field<'_>) -> TlsSource {
    let path = |name| {
        let field = block.optional(name)?;
        field.text(usize::MAX).map(str::to_owned)
    };
    let (certificate, key, root_ca) = (path("tlsCertificate"), path("tlsKey"), path("rootCA"));
    if certificate.is_none() && key.is_none() && root_ca.is_none() {
        field.reject("at least one of the fields in [tlsCertificate tlsKey rootCA] must be set");
    }
    if certificate.is_some() != key.is_some() {
        field.reject("tlsCertificate and tlsKey must be set together");
    }
    TlsSource::Files {
        tls_certificate: certificate,
        tls_key: key,
        root_ca,
    }
}

/// Names can only be verified against a root. Whether a Secret has one is seen later.
fn check_names(tls: &Tls, field: &Field<'_>) {
    if tls.verify_subject_alt_names.is_empty() {
        return;
    }
    match &tls.source {
        TlsSource::Files { root_ca: None, .. } | TlsSource::InsecureSkipVerify(false) => {
            field.reject_with(
                "verifySubjectAltNames needs a root CA",
                "add `files.rootCA`, or use `wellKnownCACertificates: System`",
            );
        }
        TlsSource::InsecureSkipVerify(true) => field.warn(
            codes::NO_EFFECT,
            "`verifySubjectAltNames` has no effect with `insecureSkipVerify: true`",
        ),
        TlsSource::Files { .. } | TlsSource::Secret(_) | TlsSource::System => {}
    }
}
