// SPDX-License-Identifier: Apache-2.0
//! Where the management server is.
//!
//! In: the cluster of the bootstrap that `ads_config` names. Out: what a connection to it needs; or
//! why it cannot be reached as the cluster says.

use std::time::Duration;

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{
                Address, DataSource, KeepaliveSettings, address, data_source,
                socket_address::PortSpecifier, transport_socket::ConfigType,
            },
            endpoint::v3::lb_endpoint::HostIdentifier,
        },
        extensions::{
            transport_sockets::tls::v3::{
                CommonTlsContext, UpstreamTlsContext, common_tls_context::ValidationContextType,
            },
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                },
            },
        },
        r#type::matcher::v3::string_matcher::MatchPattern,
    },
    pb::google::protobuf,
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// A management server.
#[derive(Debug, Clone)]
pub struct Server {
    /// `host:port` of each of its instances; they are tried one after the other.
    pub addresses: Vec<String>,
    /// TLS towards it; `None` is plain text.
    pub tls: Option<Tls>,
    /// Longest time for a connection. Envoy default: 5 s.
    pub connect_timeout: Duration,
    /// HTTP/2 pings; `None` sends none.
    pub keepalive: Option<ConnectionKeepalive>,
    /// Idle time before the first TCP keepalive; `None` sends none.
    pub tcp_keepalive: Option<Duration>,
}

/// TLS towards a server.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Authorities of the server's certificate, PEM.
    pub authorities: Vec<u8>,
    /// Who we are to the server.
    pub identity: Option<KeyPair>,
    /// The name that is asked for and that the certificate must have; `None` is the host.
    pub server_name: Option<String>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// Certificate chain, PEM.
    pub chain: Vec<u8>,
    /// Private key, PEM.
    pub key: Vec<u8>,
}

/// `connection_keepalive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionKeepalive {
    /// Time between pings.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Why a server cannot be reached as its cluster says. Trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cluster {cluster}: {reason}")]
pub struct ServerError {
    /// The cluster.
    pub cluster: String,
    /// Why.
    pub reason: String,
}

impl Server {
    /// The server that `cluster` leads to.
    ///
    /// # Errors
    /// When it has no address, is not spoken to in HTTP/2, or is to be reached in a way that is not
    /// implemented.
    pub fn of_cluster(cluster: &Cluster) -> Result<Self, ServerError> {
        let fail = |reason: String| ServerError {
            cluster: cluster.name.clone(),
            reason,
        };
        let tls = tls(cluster).map_err(fail)?;
        let keepalive = http2(cluster).map_err(fail)?;
        let addresses = addresses(cluster).map_err(fail)?;
        let tcp = cluster.upstream_connection_options.as_ref();
        let tcp = tcp.and_then(|options| options.tcp_keepalive.as_ref());
        Ok(Self {
            addresses,
            tls,
            connect_timeout: cluster
                .connect_timeout
                .as_ref()
                .map_or(CONNECT_TIMEOUT, time),
            keepalive,
            tcp_keepalive: tcp.map(|tcp| {
                let idle = tcp.keepalive_time.map(|idle| u64::from(idle.value));
                idle.map_or(TCP_KEEPALIVE, Duration::from_secs)
            }),
        })
    }

    /// The connection to one of its addresses.
    pub(crate) fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .connect_timeout(self.connect_timeout)
            .tcp_keepalive(self.tcp_keepalive);
        if let Some(keepalive) = self.keepalive {
            endpoint = endpoint
                .http2_keep_alive_interval(keepalive.interval)
                .keep_alive_timeout(keepalive.timeout)
                .keep_alive_while_idle(true);
        }
        let Some(tls) = &self.tls else {
            return Ok(endpoint);
        };
        let authorities = Certificate::from_pem(&tls.authorities);
        let mut config = ClientTlsConfig::new().ca_certificate(authorities);
        if let Some(KeyPair { chain, key }) = &tls.identity {
            config = config.identity(Identity::from_pem(chain, key));
        }
        if let Some(name) = &tls.server_name {
            config = config.domain_name(name.clone());
        }
        endpoint.tls_config(config)
    }
}

fn addresses(cluster: &Cluster) -> Result<Vec<String>, String> {
    let assignment = cluster.load_assignment.as_ref();
    let groups = assignment.map_or(&[][..], |assignment| &assignment.endpoints);
    let mut addresses = Vec::new();
    for endpoint in groups.iter().flat_map(|group| &group.lb_endpoints) {
        let Some(HostIdentifier::Endpoint(host)) = &endpoint.host_identifier else {
            return Err("an endpoint without an address".to_owned());
        };
        addresses.push(host_port(host.address.as_ref())?);
    }
    if addresses.is_empty() {
        return Err("it has no endpoint of its own, which a management server needs".to_owned());
    }
    Ok(addresses)
}

fn host_port(address: Option<&Address>) -> Result<String, String> {
    let socket = match address.and_then(|address| address.address.as_ref()) {
        Some(address::Address::SocketAddress(socket)) => socket,
        _ => return Err("an address that is not a socket address".to_owned()),
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return Err("an address without a port number".to_owned());
    };
    Ok(match socket.address.contains(':') {
        true => format!("[{}]:{port}", socket.address),
        false => format!("{}:{port}", socket.address),
    })
}

/// Pings, of a cluster that speaks HTTP/2.
#[expect(deprecated, reason = "bootstraps still have this field")]
fn http2(cluster: &Cluster) -> Result<Option<ConnectionKeepalive>, String> {
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let options = cluster.typed_extension_protocol_options.get(key);
    let options: Option<HttpProtocolOptions> = options.and_then(any::unpack);
    let chosen = options.and_then(|options| options.upstream_protocol_options);
    let http2 = match chosen {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match explicit.protocol_config {
                Some(ProtocolConfig::Http2ProtocolOptions(http2)) => Some(http2),
                _ => None,
            }
        }
        _ => cluster.http2_protocol_options.clone(),
    };
    let http2 = http2.ok_or("gRPC needs http2_protocol_options")?;
    Ok(http2.connection_keepalive.and_then(|it| keepalive(&it)))
}

fn keepalive(settings: &KeepaliveSettings) -> Option<ConnectionKeepalive> {
    let interval = settings.interval.as_ref().map(time)?;
    (!interval.is_zero()).then(|| ConnectionKeepalive {
        interval,
        timeout: settings.timeout.as_ref().map_or(interval, time),
    })
}

fn tls(cluster: &Cluster) -> Result<Option<Tls>, String> {
    let Some(socket) = &cluster.transport_socket else {
        return Ok(None);
    };
    let packed = match &socket.config_type {
        Some(ConfigType::TypedConfig(packed)) => packed,
        None if socket.name == RAW => return Ok(None),
        None => {
            return Err(format!(
                "transport socket {} has no configuration",
                socket.name
            ));
        }
    };
    let Some(context) = any::unpack::<UpstreamTlsContext>(packed) else {
        return match packed.type_url.ends_with(".RawBuffer") {
            true => Ok(None),
            false => Err(format!(
                "transport socket {} is not implemented for a management server",
                socket.name
            )),
        };
    };
    let common = context.common_tls_context.unwrap_or_default();
    let (authorities, name) = validation(&common)?;
    let sni = Some(context.sni).filter(|sni| !sni.is_empty());
    if let (Some(sni), Some(name)) = (&sni, &name)
        && sni != name
    {
        return Err(format!(
            "asking for {sni} and demanding a certificate of {name} is not implemented for a \
             management server"
        ));
    }
    Ok(Some(Tls {
        authorities,
        identity: identity(&common)?,
        server_name: name.or(sni),
    }))
}

/// Authorities, and the name that a certificate must have.
fn validation(common: &CommonTlsContext) -> Result<(Vec<u8>, Option<String>), String> {
    let context = match &common.validation_context_type {
        Some(ValidationContextType::ValidationContext(context)) => context,
        Some(_) => {
            return Err(
                "only validation_context is implemented for a management server".to_owned(),
            );
        }
        None => return Err(UNVERIFIED.to_owned()),
    };
    let authorities = context.trusted_ca.as_ref().ok_or(UNVERIFIED)?;
    let mut names = context.match_typed_subject_alt_names.iter().map(|it| {
        let pattern = it.matcher.as_ref().and_then(|it| it.match_pattern.as_ref());
        match pattern {
            Some(MatchPattern::Exact(name)) => Ok(name.clone()),
            _ => Err("only exact subject alt names are implemented for a management server"),
        }
    });
    let name = names.next().transpose()?;
    if names.next().is_some() {
        return Err(
            "several subject alt names are not implemented for a management server".to_owned(),
        );
    }
    Ok((data(authorities)?, name))
}

fn identity(common: &CommonTlsContext) -> Result<Option<KeyPair>, String> {
    if !common.tls_certificate_sds_secret_configs.is_empty() {
        return Err("certificates from SDS are not implemented for a management server".to_owned());
    }
    let Some(pair) = common.tls_certificates.first() else {
        return Ok(None);
    };
    let (Some(chain), Some(key)) = (&pair.certificate_chain, &pair.private_key) else {
        return Err("tls_certificates needs certificate_chain and private_key".to_owned());
    };
    Ok(Some(KeyPair {
        chain: data(chain)?,
        key: data(key)?,
    }))
}

fn data(source: &DataSource) -> Result<Vec<u8>, String> {
    match &source.specifier {
        Some(data_source::Specifier::Filename(path)) => {
            std::fs::read(path).map_err(|error| format!("reading {path}: {error}"))
        }
        Some(data_source::Specifier::InlineBytes(bytes)) => Ok(bytes.clone()),
        Some(data_source::Specifier::InlineString(text)) => Ok(text.clone().into_bytes()),
        Some(data_source::Specifier::EnvironmentVariable(name)) => std::env::var(name)
            .map(String::into_bytes)
            .map_err(|_| format!("environment variable {name} is not set")),
        None => Err("a data source without a source".to_owned()),
    }
}

fn time(value: &protobuf::Duration) -> Duration {
    let seconds = u64::try_from(value.seconds).unwrap_or(0);
    let nanos = u32::try_from(value.nanos).unwrap_or(0);
    Duration::new(seconds, nanos.min(999_999_999))
}

/// Envoy default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Linux default of `TCP_KEEPIDLE`.
const TCP_KEEPALIVE: Duration = Duration::from_secs(7200);
const RAW: &str = "envoy.transport_sockets.raw_buffer";
const UNVERIFIED: &str = "TLS without validation_context.trusted_ca would trust anybody, and resources hold private keys";
