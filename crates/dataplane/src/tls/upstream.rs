// SPDX-License-Identifier: Apache-2.0
//! TLS towards upstreams (`UpstreamTlsContext`).
//!
//! In: a cluster's context, when it is compiled; a connected socket and its address. Out: an
//! encrypted stream, or why not.

use std::{net::IpAddr, sync::Arc};

use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    pki_types::ServerName,
};
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CommonTlsContext, UpstreamTlsContext,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    TlsError, TlsStream,
    material::Certificate,
    parameters::{Parameters, Side, minimum_is_raised},
    verify::{Verifier, validation_context},
};
use crate::pool::{Lane, Protocol};

/// A compiled context.
pub(crate) struct UpstreamTls {
    /// By what is offered: HTTP/1, HTTP/2, both, nothing.
    connectors: [TlsConnector; 4],
    /// What goes into SNI; the host's address stands in, and is not sent, when there is none.
    name: Option<ServerName<'static>>,
    /// The context lists protocols of its own.
    lists_protocols: bool,
    /// What health checks ask of a certificate: no request decides a name for them.
    verifies_checks: Arc<dyn ServerCertVerifier>,
    /// Settings seen here that are not enforced.
    pub(crate) unsupported: Vec<&'static str>,
}

impl std::fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamTls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl UpstreamTls {
    /// Compiles a context. `auto_san` asks for a certificate with the name that a connection is
    /// made for.
    pub(crate) fn compile(context: &UpstreamTlsContext, auto_san: bool) -> Result<Self, String> {
        let none = CommonTlsContext::default();
        let common = context.common_tls_context.as_ref().unwrap_or(&none);
        refuse(context, common)?;
        let parameters = Parameters::compile(Side::Client, common.tls_params.as_ref())?;
        let validation = validation_context(common.validation_context_type.as_ref())?;
        let validation = validation.unwrap_or_default();
        let verifier = || Verifier::compile(Side::Client, &validation, &parameters, true);
        let plain: Arc<dyn ServerCertVerifier> = Arc::new(verifier()?);
        let own = if auto_san {
            Arc::new(verifier()?.by_server_name()?)
        } else {
            plain.clone()
        };
        let mut config = client_config(parameters, own, common)?;
        // Envoy default: one.
        let sessions = context.max_session_keys.map_or(1, |keys| keys.value) as usize;
        config.resumption = match sessions {
            0 => Resumption::disabled(),
            sessions => Resumption::in_memory_sessions(sessions),
        };
        let name = match context.sni.as_str() {
            "" => None,
            name => Some(
                ServerName::try_from(name.to_owned())
                    .map_err(|_| format!("sni: `{name}` is not a host name"))?,
            ),
        };
        let listed = common.alpn_protocols.iter();
        let listed: Vec<_> = listed.map(|name| name.as_bytes().to_vec()).collect();
        Ok(Self {
            connectors: OFFERS.map(|offer| {
                let mut config = config.clone();
                config.alpn_protocols = if listed.is_empty() {
                    offer.iter().map(|name| name.to_vec()).collect()
                } else {
                    listed.clone()
                };
                TlsConnector::from(Arc::new(config))
            }),
            name,
            lists_protocols: !listed.is_empty(),
            verifies_checks: plain,
            unsupported: unsupported(context, common),
        })
    }

    /// The same for health checks, which offer `protocols` if there are any, else what the context
    /// lists.
    pub(crate) fn for_checks(&self, protocols: &[String]) -> Self {
        let mut config = ClientConfig::clone(self.connectors[0].config());
        let verifier = self.verifies_checks.clone();
        config.dangerous().set_certificate_verifier(verifier);
        if !protocols.is_empty() || !self.lists_protocols {
            let protocols = protocols.iter();
            config.alpn_protocols = protocols.map(|name| name.as_bytes().to_vec()).collect();
        }
        let connector = TlsConnector::from(Arc::new(config));
        Self {
            connectors: std::array::from_fn(|_| connector.clone()),
            name: self.name.clone(),
            lists_protocols: self.lists_protocols,
            verifies_checks: self.verifies_checks.clone(),
            unsupported: Vec::new(),
        }
    }

    /// The handshake, on a connected socket.
    pub(crate) async fn connect(
        &self,
        tcp: TcpStream,
        to: IpAddr,
        lane: &Lane,
    ) -> Result<TlsStream, TlsError> {
        let own = lane.server_name.as_deref();
        let own = own.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let name = own.or_else(|| self.name.clone());
        let name = name.unwrap_or_else(|| ServerName::IpAddress(to.into()));
        let connector = match lane.protocol {
            Protocol::Http1 => &self.connectors[0],
            Protocol::Http2 => &self.connectors[1],
            Protocol::Negotiated => &self.connectors[2],
            Protocol::Tcp => &self.connectors[3],
        };
        match connector.connect(name, tcp).await {
            Ok(stream) => Ok(TlsStream::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "TLS handshake with an upstream failed");
                Err(TlsError::of(&error))
            }
        }
    }
}

fn client_config(
    parameters: Parameters,
    verifier: Arc<dyn ServerCertVerifier>,
    common: &CommonTlsContext,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(parameters.provider))
        .with_protocol_versions(&parameters.versions)
        .map_err(|error| format!("tls_params: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match common.tls_certificates.as_slice() {
        [] => Ok(builder.with_no_client_auth()),
        [certificate] => {
            let certificate = Certificate::compile(certificate)?;
            Ok(
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(
                    certificate.0,
                ))),
            )
        }
        _ => Err("tls_certificates: an upstream takes one".to_owned()),
    }
}

/// Refuses what would make the connection less safe than was asked for, or impossible.
fn refuse(context: &UpstreamTlsContext, common: &CommonTlsContext) -> Result<(), String> {
    let fields = [
        (
            !common.tls_certificate_sds_secret_configs.is_empty(),
            "tls_certificate_sds_secret_configs of a cluster",
        ),
        (common.custom_handshaker.is_some(), "custom_handshaker"),
        (context.auto_sni_san_validation, "auto_sni_san_validation"),
    ];
    match fields.into_iter().find(|(set, _)| *set) {
        Some((_, field)) => Err(format!("{field} is not implemented")),
        None => Ok(()),
    }
}

fn unsupported(context: &UpstreamTlsContext, common: &CommonTlsContext) -> Vec<&'static str> {
    [
        (
            context.allow_renegotiation,
            "transport_socket.allow_renegotiation",
        ),
        (context.auto_host_sni, "transport_socket.auto_host_sni"),
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

/// What is offered by ALPN when the context does not list its own, as in [`UpstreamTls`].
const OFFERS: [&[&[u8]]; 4] = [&[b"http/1.1"], &[b"h2"], &[b"h2", b"http/1.1"], &[]];
