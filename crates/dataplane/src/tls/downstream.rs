// SPDX-License-Identifier: Apache-2.0
//! TLS of clients (`DownstreamTlsContext`).
//!
//! In: a filter chain's context with the secrets it names, when it is compiled; an accepted socket.
//! Out: first what the client asks for, by which the chain is chosen; then an encrypted stream, or
//! why not.

use std::{collections::HashMap, io, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::Ticketer,
    server::{Accepted, Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CommonTlsContext, DownstreamTlsContext, downstream_tls_context::SessionTicketKeysType,
};
use tokio::net::TcpStream;
use tokio_rustls::server::StartHandshake;
use webpki::EndEntityCert;

use super::{
    TlsError, TlsStream,
    material::Certificate,
    parameters::{Parameters, Side, minimum_is_raised},
    verify::{Verifier, validation_context},
};

/// A compiled context.
#[derive(Debug)]
pub(crate) struct DownstreamTls {
    config: Arc<ServerConfig>,
    /// For clients that offer none of our protocols: Envoy goes on without one.
    without_protocols: Arc<ServerConfig>,
    /// Settings seen here that are not enforced.
    pub(crate) unsupported: Vec<&'static str>,
}

/// The name of a secret that does not exist.
#[derive(Debug)]
pub(crate) struct MissingSecret(pub(crate) String);

/// A client that has said hello.
pub(crate) struct Handshake(Accepted);

/// Takes a client's first bytes in, until they are a hello.
#[derive(Default)]
pub(crate) struct Hello(Acceptor);

/// First bytes that are no hello.
#[derive(Debug)]
pub(crate) struct NoHello {
    /// What is wrong with them.
    pub(crate) error: TlsError,
    /// What a client of TLS is told.
    pub(crate) alert: Vec<u8>,
}

/// The certificates of a context.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl DownstreamTls {
    /// Compiles a context; or says which of the secrets that it names does not exist.
    pub(crate) fn compile(
        context: &DownstreamTlsContext,
        secrets: &HashMap<Arc<str>, Certificate>,
    ) -> Result<Result<Self, MissingSecret>, String> {
        let none = CommonTlsContext::default();
        let common = context.common_tls_context.as_ref().unwrap_or(&none);
        let certificates = match certificates(common, secrets)? {
            Ok(certificates) => certificates,
            Err(missing) => return Ok(Err(missing)),
        };
        let parameters = Parameters::compile(Side::Server, common.tls_params.as_ref())?;
        let validation = validation_context(common.validation_context_type.as_ref())?;
        let required = context
            .require_client_certificate
            .is_some_and(|on| on.value);
        let asked = required
            || validation
                .as_ref()
                .is_some_and(|context| context.trusted_ca.is_some());
        let validation = validation.unwrap_or_default();
        let verifier = Verifier::compile(Side::Server, &validation, &parameters, required)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(parameters.provider))
            .with_protocol_versions(&parameters.versions)
            .map_err(|error| format!("tls_params: {error}"))?;
        let builder = if asked {
            builder.with_client_cert_verifier(Arc::new(verifier))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        resumption(context, &mut config)?;
        let without_protocols = Arc::new(config.clone());
        config.alpn_protocols = PROTOCOLS
            .iter()
            .filter(|ours| {
                let mut listed = common.alpn_protocols.iter();
                listed.any(|listed| listed.as_bytes() == **ours)
            })
            .map(|ours| ours.to_vec())
            .collect();
        Ok(Ok(Self {
            config: Arc::new(config),
            without_protocols,
            unsupported: unsupported(context, common),
        }))
    }
}

impl Hello {
    /// Takes in more bytes. There is a handshake once the hello is complete.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<Option<Handshake>, NoHello> {
        while !bytes.is_empty() {
            if let Err(error) = self.0.read_tls(&mut bytes) {
                tracing::debug!(%error, "too much for a TLS handshake");
                return Err(NoHello {
                    error: TlsError::of(&error),
                    alert: Vec::new(),
                });
            }
        }
        match self.0.accept() {
            Ok(accepted) => Ok(accepted.map(Handshake)),
            Err((error, mut sent)) => {
                tracing::debug!(%error, "no TLS handshake");
                let mut alert = Vec::new();
                // A vector takes everything.
                let _ = sent.write_all(&mut alert);
                let error = io::Error::new(io::ErrorKind::InvalidData, error);
                Err(NoHello {
                    error: TlsError::of(&error),
                    alert,
                })
            }
        }
    }
}

impl Handshake {
    /// The name that the client asks for, in lower case.
    pub(crate) fn server_name(&self) -> Option<String> {
        let hello = self.0.client_hello();
        hello.server_name().map(str::to_ascii_lowercase)
    }

    /// Whether the client names application protocols.
    pub(crate) fn has_alpn(&self) -> bool {
        self.0.client_hello().alpn().is_some()
    }

    /// Finishes under a chain's context.
    pub(crate) async fn finish(
        self,
        tcp: TcpStream,
        tls: &DownstreamTls,
    ) -> Result<TlsStream, TlsError> {
        let ours = &tls.config.alpn_protocols;
        let offered = self.0.client_hello().alpn();
        let mut offered = offered.into_iter().flatten();
        let config = if offered.any(|name| ours.iter().any(|our| our == name)) {
            &tls.config
        } else {
            &tls.without_protocols
        };
        drop(offered);
        let start = StartHandshake::from_parts(self.0, tcp);
        match start.into_stream(config.clone()).await {
            Ok(stream) => Ok(TlsStream::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "TLS handshake with a client failed");
                Err(TlsError::of(&error))
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    /// The first whose names fit, or else the first; of those whose key the client can use.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let mut usable = self
            .0
            .iter()
            .filter(|pair| pair.key.choose_scheme(schemes).is_some());
        let asked = hello.server_name().and_then(|name| name.try_into().ok());
        let named = asked.and_then(|name| {
            usable.clone().find(|pair| {
                let end_entity = pair.cert.first();
                let parsed = end_entity.and_then(|der| EndEntityCert::try_from(der).ok());
                parsed.is_some_and(|cert| cert.verify_is_valid_for_subject_name(&name).is_ok())
            })
        });
        named.or_else(|| usable.next()).cloned()
    }
}

fn certificates(
    common: &CommonTlsContext,
    secrets: &HashMap<Arc<str>, Certificate>,
) -> Result<Result<Certificates, MissingSecret>, String> {
    let mut all = Vec::new();
    for certificate in &common.tls_certificates {
        all.push(Certificate::compile(certificate)?.0);
    }
    for secret in &common.tls_certificate_sds_secret_configs {
        match secrets.get(secret.name.as_str()) {
            Some(certificate) => all.push(certificate.0.clone()),
            None => return Ok(Err(MissingSecret(secret.name.clone()))),
        }
    }
    if all.is_empty() {
        return Err("DownstreamTlsContext without a certificate".to_owned());
    }
    Ok(Ok(Certificates(all)))
}

/// Sessions are resumed by tickets alone; their keys live as long as the certificate.
fn resumption(context: &DownstreamTlsContext, config: &mut ServerConfig) -> Result<(), String> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match &context.session_ticket_keys_type {
        Some(SessionTicketKeysType::DisableStatelessSessionResumption(true)) => {
            config.send_tls13_tickets = 0;
        }
        _ => {
            config.ticketer =
                Ticketer::new().map_err(|error| format!("session ticket keys: {error}"))?;
        }
    }
    Ok(())
}

fn unsupported(context: &DownstreamTlsContext, common: &CommonTlsContext) -> Vec<&'static str> {
    let keys = matches!(
        context.session_ticket_keys_type,
        Some(
            SessionTicketKeysType::SessionTicketKeys(_)
                | SessionTicketKeysType::SessionTicketKeysSdsSecretConfig(_)
        )
    );
    [
        (keys, "transport_socket.session_ticket_keys"),
        (
            context.session_timeout.is_some(),
            "transport_socket.session_timeout",
        ),
        (
            context.ocsp_staple_policy != 0,
            "transport_socket.ocsp_staple_policy",
        ),
        (common.key_log.is_some(), "transport_socket.key_log"),
        (
            minimum_is_raised(common.tls_params.as_ref()),
            "transport_socket.tls_params.tls_minimum_protocol_version below TLSv1_2",
        ),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, field)| field)
    .collect()
}

/// What connections of clients can speak, the best first; of these, a listener offers those that
/// its context lists.
const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];
