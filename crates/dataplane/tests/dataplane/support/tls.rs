// SPDX-License-Identifier: Apache-2.0
//! TLS for tests: xDS contexts, a server that notes what it is offered, a client.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    server::{Acceptor, WebPkiClientVerifier},
};
use sluicegate_testkit::patience;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{
            DataSource, TransportSocket, data_source::Specifier, transport_socket::ConfigType,
        },
        config::listener::v3::{ListenerFilter, listener_filter},
        extensions::filters::listener::tls_inspector::v3::TlsInspector,
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
            Secret, SubjectAltNameMatcher, TlsCertificate, UpstreamTlsContext,
            common_tls_context::ValidationContextType, secret::Type,
            subject_alt_name_matcher::SanType,
        },
        r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
    },
    prost::{Message, Name},
};

use super::{client::find, gateway::Resources, http2, pki::Pair, transcript, xds};

/// A TLS server for HTTP/1.
pub(crate) struct TlsUpstream {
    pub(crate) address: SocketAddr,
    /// What came before TLS, and each handshake that succeeded or not.
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Heads received.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

/// A handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) preface: Vec<u8>,
    pub(crate) sni: Option<String>,
    pub(crate) alpn: Vec<String>,
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) certificates: usize,
    pub(crate) error: Option<String>,
}

/// What the server is.
#[derive(Clone, Default)]
pub(crate) struct Wants {
    /// Demands certificates of this authority, PEM.
    pub(crate) client_ca: Option<String>,
    /// Reads a line in front of TLS.
    pub(crate) preface: bool,
}

impl TlsUpstream {
    pub(crate) fn start(pair: &Pair, wants: Wants) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            heads: Arc::default(),
        };
        let config = server_config(pair, wants.client_ca.as_deref());
        let (seen, heads) = (upstream.seen.clone(), upstream.heads.clone());
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (seen, heads, config) = (seen.clone(), heads.clone(), config.clone());
                let preface = wants.preface;
                thread::spawn(move || serve(tcp, preface, config, &seen, &heads));
            }
        });
        upstream
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    mut tcp: TcpStream,
    preface: bool,
    config: Arc<ServerConfig>,
    seen: &Mutex<Vec<Seen>>,
    heads: &Mutex<Vec<String>>,
) {
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut saw = Seen::default();
    if preface {
        let mut byte = [0];
        while !saw.preface.ends_with(b"\r\n") && tcp.read(&mut byte).is_ok_and(|n| n > 0) {
            saw.preface.push(byte[0]);
        }
    }
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        if acceptor.read_tls(&mut tcp).unwrap_or(0) == 0 {
            return;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) => {}
            Err(_) => return,
        }
    };
    let hello = accepted.client_hello();
    saw.sni = hello.server_name().map(str::to_owned);
    let alpn = hello.alpn().into_iter().flatten();
    saw.alpn = alpn
        .map(|name| String::from_utf8(name.to_vec()).unwrap())
        .collect();
    let mut connection = match accepted.into_connection(config) {
        Ok(connection) => connection,
        Err((error, mut alert)) => {
            let _ = alert.write_all(&mut tcp);
            saw.error = Some(error.to_string());
            seen.lock().unwrap().push(saw);
            return;
        }
    };
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut tcp) {
            saw.error = Some(error.to_string());
            break;
        }
    }
    saw.version = connection.protocol_version();
    saw.certificates = connection.peer_certificates().map_or(0, <[_]>::len);
    let failed = saw.error.is_some();
    seen.lock().unwrap().push(saw);
    if !failed {
        answer(&mut StreamOwned::new(connection, tcp), heads);
    }
}

fn answer(stream: &mut StreamOwned<ServerConnection, TcpStream>, heads: &Mutex<Vec<String>>) {
    let mut buffer = Vec::new();
    loop {
        while let Some(at) = find(&buffer, b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..at + 4).collect();
            let head = String::from_utf8(head).unwrap();
            transcript::note("upstream over TLS", &head, b"");
            let large = head.starts_with("GET /large");
            heads.lock().unwrap().push(head);
            let body = if large { LARGE } else { 2 };
            let mut response =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {body}\r\n\r\n").into_bytes();
            response.extend(std::iter::repeat_n(b'o', body));
            if stream.write_all(&response).is_err() {
                return;
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => buffer.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
}

/// Bytes of the answer to `/large`.
pub(crate) const LARGE: usize = 8 * 1024 * 1024;

fn server_config(pair: &Pair, client_ca: Option<&str>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder();
    let builder = match client_ca {
        Some(ca) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder(Arc::new(roots(ca)))
                .build()
                .unwrap(),
        ),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(pair.certificates(), pair.private_key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// A client that trusts `ca`.
pub(crate) fn connect(
    to: SocketAddr,
    name: &str,
    ca: &str,
    change: impl FnOnce(&mut ClientConfig),
    pair: Option<&Pair>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let builder = ClientConfig::builder().with_root_certificates(roots(ca));
    let mut config = match pair {
        Some(pair) => builder
            .with_client_auth_cert(pair.certificates(), pair.private_key())
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    change(&mut config);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tcp = TcpStream::connect(to)?;
    tcp.set_read_timeout(Some(patience()))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// What a client says first.
pub(crate) fn hello(name: &str, ca: &str) -> Vec<u8> {
    let builder = ClientConfig::builder().with_root_certificates(roots(ca));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let config = Arc::new(builder.with_no_client_auth());
    let mut hello = Vec::new();
    let mut connection = ClientConnection::new(config, name).unwrap();
    connection.write_tls(&mut hello).unwrap();
    hello
}

/// A connection of HTTP/2, chosen by ALPN, from a client that trusts `ca`.
pub(crate) async fn connect_http2(to: SocketAddr, name: &str, ca: &str) -> http2::Client {
    let builder = ClientConfig::builder().with_root_certificates(roots(ca));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tcp = tokio::net::TcpStream::connect(to).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let tls = connector.connect(name, tcp).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    http2::Client::on(tls, &h2::client::Builder::new()).await
}

/// Sends a GET and reads a response with content-length.
pub(crate) fn get(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    host: &str,
    path: &str,
) -> std::io::Result<(String, Vec<u8>)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
    let mut buffer = Vec::new();
    loop {
        if let Some(at) = find(&buffer, b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..at].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse().unwrap())
            });
            let length: usize = length.unwrap_or(0);
            if buffer.len() >= at + 4 + length {
                let body = &buffer[at + 4..at + 4 + length];
                transcript::note("client over TLS", &format!("{head}\r\n\r\n"), body);
                return Ok((head, buffer[at + 4..at + 4 + length].to_vec()));
            }
        }
        let mut piece = vec![0; 65536];
        match stream.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

pub(crate) fn inline(text: &str) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::InlineString(text.to_owned())),
        ..DataSource::default()
    })
}

pub(crate) fn certificate(pair: &Pair) -> TlsCertificate {
    TlsCertificate {
        certificate_chain: inline(&pair.chain),
        private_key: inline(&pair.key),
        ..TlsCertificate::default()
    }
}

/// A context that trusts `ca` and asks for these names.
pub(crate) fn trusting(ca: &str, names: &[(SanType, &str)]) -> UpstreamTlsContext {
    let matcher = |(kind, name): &(SanType, &str)| SubjectAltNameMatcher {
        san_type: *kind as i32,
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact((*name).to_owned())),
            ..StringMatcher::default()
        }),
        ..SubjectAltNameMatcher::default()
    };
    UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: Some(ValidationContextType::ValidationContext(
                CertificateValidationContext {
                    trusted_ca: inline(ca),
                    match_typed_subject_alt_names: names.iter().map(matcher).collect(),
                    ..CertificateValidationContext::default()
                },
            )),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    }
}

pub(crate) fn socket<M: Message + Name>(name: &str, config: &M) -> Option<TransportSocket> {
    Some(TransportSocket {
        name: format!("envoy.transport_sockets.{name}"),
        config_type: Some(ConfigType::TypedConfig(any::pack(config))),
    })
}

/// Reads the name that a client asks for.
pub(crate) fn inspector() -> ListenerFilter {
    ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any::pack(
            &TlsInspector::default(),
        ))),
        ..ListenerFilter::default()
    }
}

/// A secret with a certificate.
pub(crate) fn secret(name: &str, pair: &Pair) -> Secret {
    Secret {
        name: name.to_owned(),
        r#type: Some(Type::TlsCertificate(certificate(pair))),
    }
}

/// Has the listener serve TLS with this certificate.
pub(crate) fn serve_with(resources: &mut Resources, pair: &Pair) {
    resources.secrets = vec![secret("pair", pair)];
    let chain = &mut resources.listeners[0].filter_chains[0];
    chain.transport_socket = socket("tls", &serving("pair"));
}

/// A context with the certificate of a secret.
pub(crate) fn serving(secret: &str) -> DownstreamTlsContext {
    DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![SdsSecretConfig {
                name: secret.to_owned(),
                sds_config: xds::from_ads(),
            }],
            alpn_protocols: vec!["h2".to_owned(), "http/1.1".to_owned()],
            ..CommonTlsContext::default()
        }),
        ..DownstreamTlsContext::default()
    }
}
