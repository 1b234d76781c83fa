// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.listener.v3.Listener`.
//!
//! In: the Gateway listeners of one address and port. Out: one Envoy listener. A plain port has one filter chain;
//! where clients speak TLS there is one per HTTPS listener and per TLSRoute, found by the name that
//! the client asks for.

mod http;
mod tcp;

use sluicegate_attach::{Graph, ListenAddress, Listener as GatewayListener};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::{
                Address, SocketAddress, TransportSocket, address, socket_address::PortSpecifier,
            },
            listener::v3::{
                Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, filter,
                listener_filter,
            },
        },
        extensions::{
            filters::listener::tls_inspector::v3::TlsInspector,
            transport_sockets::tls::v3::{CommonTlsContext, DownstreamTlsContext, SdsSecretConfig},
        },
    },
    prost::{Message, Name},
};

use crate::{names, pb, secret, telemetry, variant::Variants};

/// The listener of an address.
pub(crate) fn listener(
    at: ListenAddress,
    listeners: &[&GatewayListener],
    context: (&Graph, &Variants),
) -> Listener {
    let tls = listeners.iter().any(|listener| listener.spec.is_tls());
    let filter_chains = match listeners {
        _ if tls => tls_filter_chains(at, listeners, context),
        [only] if only.spec.protocol == "TCP" => vec![tcp::filter_chain(at, only, context)],
        _ => vec![FilterChain {
            name: names::listener(at),
            filters: http::filters(&names::route_configuration(at, None), listeners, context.0),
            ..FilterChain::default()
        }],
    };
    let telemetries = listeners.iter().map(|listener| &listener.telemetry);
    let every = filter_chains
        .iter()
        .any(|chain| chain.filter_chain_match.is_none());
    Listener {
        name: names::listener(at),
        access_log: telemetry::of_listener(telemetries, every),
        address: Some(address(at)),
        filter_chains,
        listener_filters: if tls {
            vec![tls_inspector()]
        } else {
            Vec::new()
        },
        ..Listener::default()
    }
}

/// One address, or every one, IPv4 included.
fn address(at: ListenAddress) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: at.ip.map_or("::".into(), |ip| ip.to_string()),
            ipv4_compat: at.ip.is_none(),
            port_specifier: Some(PortSpecifier::PortValue(u32::from(at.port))),
            ..SocketAddress::default()
        })),
    }
}

fn tls_filter_chains(
    at: ListenAddress,
    listeners: &[&GatewayListener],
    context: (&Graph, &Variants),
) -> Vec<FilterChain> {
    let chains = listeners
        .iter()
        .flat_map(|listener| match listener.spec.protocol.as_str() {
            "TLS" => tcp::tls_filter_chains(at, listener, listeners, context),
            _ => vec![https_filter_chain(at, listener, context.0)],
        });
    chains.collect()
}

fn https_filter_chain(at: ListenAddress, listener: &GatewayListener, graph: &Graph) -> FilterChain {
    let route_configuration = names::route_configuration(at, Some(&names::section(listener)));
    FilterChain {
        filter_chain_match: server_names(listener.spec.hostname.as_slice()),
        filters: http::filters(&route_configuration, &[listener], graph),
        transport_socket: Some(downstream_tls(listener, &["h2", "http/1.1"])),
        name: route_configuration,
        ..FilterChain::default()
    }
}

/// Connections that ask for one of `names`, or every one without them.
fn server_names(names: &[String]) -> Option<FilterChainMatch> {
    (!names.is_empty()).then(|| FilterChainMatch {
        server_names: names.to_vec(),
        ..FilterChainMatch::default()
    })
}

fn downstream_tls(listener: &GatewayListener, alpn: &[&str]) -> TransportSocket {
    let sds = secret::certificate_refs(listener).map(|(namespace, reference)| SdsSecretConfig {
        name: names::secret(namespace, &reference.name),
        sds_config: pb::ads(),
    });
    let context = DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: sds.collect(),
            alpn_protocols: alpn.iter().map(|name| (*name).to_owned()).collect(),
            ..CommonTlsContext::default()
        }),
        ..DownstreamTlsContext::default()
    };
    pb::transport_socket("envoy.transport_sockets.tls", &context)
}

fn tls_inspector() -> ListenerFilter {
    let config = any::pack(&TlsInspector::default());
    ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".into(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(config)),
        ..ListenerFilter::default()
    }
}

/// A filter under Envoy's own name for it.
fn network_filter<M: Message + Name>(name: &str, config: &M) -> Filter {
    Filter {
        name: format!("envoy.filters.network.{name}"),
        config_type: Some(filter::ConfigType::TypedConfig(any::pack(config))),
    }
}
