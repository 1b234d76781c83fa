// SPDX-License-Identifier: Apache-2.0
//! The bootstrap of an Envoy that takes its configuration from here.
//!
//! In: which Gateway, where ADS is, how it is secured. Out: JSON that Envoy takes as it is.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use serde_json::{Map, Value, json};
use sluicegate_ads::{GatewayName, METADATA_KEY};

/// What goes into a bootstrap.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// `node.id`.
    pub node_id: String,
    /// The Gateway to serve.
    pub gateway: GatewayName,
    /// Where ADS is.
    pub ads: HostPort,
    /// The delta variant, not the state of the world.
    pub delta: bool,
    /// Where Envoy's admin API listens.
    pub admin_address: SocketAddr,
    /// Where `GET /ready` can be asked from other machines, when it can.
    pub ready_address: Option<SocketAddr>,
    /// Bundle of the system's certificate authorities, on Envoy's machine.
    pub system_ca_file: String,
    /// TLS towards ADS.
    pub tls: Option<AdsTls>,
}

/// Files on Envoy's machine for TLS towards ADS.
#[derive(Debug, Clone)]
pub struct AdsTls {
    /// Authorities of the server's certificate.
    pub ca: String,
    /// Envoy's own certificate.
    pub certificate: Option<String>,
    /// Its private key.
    pub key: Option<String>,
    /// The server's name, when it is not the host.
    pub server_name: Option<String>,
}

/// `host:port`; an IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is not host:port");
        let (host, port) = text.rsplit_once(':').ok_or_else(problem)?;
        let port = port.parse().map_err(|_| problem())?;
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = inner.unwrap_or(host);
        if host.is_empty() || (inner.is_none() && host.contains(':')) {
            return Err(problem());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

const ADS_CLUSTER: &str = "sluicegate_ads";
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const READY_CLUSTER: &str = "sluicegate_admin";
const CONNECTION_MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const TLS_CONTEXT: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

impl Bootstrap {
    /// The bootstrap.
    pub fn to_json(&self) -> Value {
        // However long it takes: an Envoy without a configuration is not ready.
        let ads = json!({
            "ads": {},
            "resource_api_version": "V3",
            "initial_fetch_timeout": "0s",
        });
        let api_type = if self.delta { "DELTA_GRPC" } else { "GRPC" };
        let mut bootstrap = json!({
            "node": {
                "id": self.node_id,
                "cluster": self.gateway.to_string(),
                "metadata": { METADATA_KEY: self.gateway.to_string() },
            },
            "admin": { "address": socket_address(self.admin_address) },
            "dynamic_resources": {
                "ads_config": {
                    "api_type": api_type,
                    "transport_api_version": "V3",
                    "grpc_services": [{ "envoy_grpc": { "cluster_name": ADS_CLUSTER } }],
                    "set_node_on_first_message_only": true,
                },
                "cds_config": ads,
                "lds_config": ads,
            },
            "static_resources": {
                "clusters": [self.ads_cluster()],
                // The name that kgateway's Envoys have for it.
                "secrets": [{
                    "name": "SYSTEM_CA_CERT",
                    "validation_context": { "trusted_ca": { "filename": self.system_ca_file } },
                }],
            },
            // A place for the flags of one's own, and one for what the admin API changes.
            "layered_runtime": { "layers": [
                { "name": "static_layer", "static_layer": {} },
                { "name": "admin_layer", "admin_layer": {} },
            ] },
        });
        if let Some(ready) = self.ready_address {
            let resources = &mut bootstrap["static_resources"];
            resources["listeners"] = json!([ready_listener(ready)]);
            resources["clusters"] = json!([self.ads_cluster(), self.ready_cluster()]);
        }
        bootstrap
    }

    /// Envoy's own admin API.
    fn ready_cluster(&self) -> Value {
        let address = socket_address(self.admin_address);
        json!({
            "name": READY_CLUSTER,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": READY_CLUSTER,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
            },
        })
    }

    fn ads_cluster(&self) -> Value {
        let HostPort { host, port } = &self.ads;
        let is_address = host.parse::<IpAddr>().is_ok();
        let mut cluster = json!({
            "name": ADS_CLUSTER,
            "type": if is_address { "STATIC" } else { "STRICT_DNS" },
            "connect_timeout": "5s",
            "upstream_connection_options": {
                "tcp_keepalive": { "keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3 },
            },
            "typed_extension_protocol_options": { HTTP_OPTIONS: {
                "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
                "explicit_http_config": { "http2_protocol_options": {
                    "connection_keepalive": { "interval": "30s", "timeout": "10s" },
                } },
            } },
            "load_assignment": {
                "cluster_name": ADS_CLUSTER,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(host, *port) } }] }],
            },
        });
        if let Some(tls) = &self.tls {
            cluster["transport_socket"] = tls.transport_socket(host);
        }
        cluster
    }
}

impl AdsTls {
    fn transport_socket(&self, host: &str) -> Value {
        let name = self.server_name.as_deref().unwrap_or(host);
        let is_address = name.parse::<IpAddr>().is_ok();
        let san_type = if is_address { "IP_ADDRESS" } else { "DNS" };
        let mut common = json!({
            "alpn_protocols": ["h2"],
            "validation_context": {
                "trusted_ca": { "filename": self.ca },
                "match_typed_subject_alt_names": [
                    { "san_type": san_type, "matcher": { "exact": name } },
                ],
            },
        });
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            common["tls_certificates"] = json!([{
                "certificate_chain": { "filename": certificate },
                "private_key": { "filename": key },
            }]);
        }
        let mut context = Map::new();
        context.insert(
            "@type".into(),
            format!("type.googleapis.com/{TLS_CONTEXT}").into(),
        );
        if !is_address {
            context.insert("sni".into(), name.into());
        }
        context.insert("common_tls_context".into(), common);
        json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
    }
}

/// One page of the admin API, and nothing else of it.
fn ready_listener(ready: SocketAddr) -> Value {
    let route = json!({ "match": { "path": "/ready" }, "route": { "cluster": READY_CLUSTER } });
    let manager = json!({
        "@type": format!("type.googleapis.com/{CONNECTION_MANAGER}"),
        "stat_prefix": "sluicegate_ready",
        "route_config": {
            "name": "sluicegate_ready",
            "virtual_hosts": [{ "name": "ready", "domains": ["*"], "routes": [route] }],
        },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("type.googleapis.com/{ROUTER}") },
        }],
    });
    let name = "envoy.filters.network.http_connection_manager";
    json!({
        "name": "sluicegate_ready",
        "address": socket_address(ready),
        "filter_chains": [{ "filters": [{ "name": name, "typed_config": manager }] }],
    })
}

fn socket_address(socket: SocketAddr) -> Value {
    let mut address = address(&socket.ip().to_string(), socket.port());
    if socket.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        address["socket_address"]["ipv4_compat"] = true.into();
    }
    address
}

fn address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_ports() {
        let of = |text: &str| text.parse::<HostPort>().map(|it| (it.host, it.port));
        assert_eq!(of("ads.internal:18000"), Ok(("ads.internal".into(), 18000)));
        assert_eq!(of("[::1]:1"), Ok(("::1".into(), 1)));
        for bad in ["", "host", ":1", "::1:1", "host:x", "host:99999"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
