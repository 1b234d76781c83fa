// SPDX-License-Identifier: Apache-2.0
//! Names of xDS resources.
//!
//! In: backends, listeners, hosts. Out: the names that people find in `config_dump`.

use sluicegate_attach::{BackendKey, ListenAddress, Listener};
use sluicegate_resource::ObjectRef;

/// A cluster that is never sent: routes with a broken backend point at it, answer 500, and close
/// connections.
pub const BLACKHOLE: &str = "blackhole-cluster";

/// `kube_<namespace>_<service>_<port>`, `backend_<namespace>_<name>_0`,
/// `istio-se_<namespace>_<name>_<host>_<port>`: plain concatenation, as kgateway does; with `|grpc`
/// for what only GRPCRoutes use.
pub fn cluster(key: &BackendKey) -> String {
    let prefix = match &*key.object.kind {
        "Service" => "kube",
        "Backend" => "backend",
        _ => "istio-se",
    };
    let object = &key.object;
    let grpc = if key.grpc { "|grpc" } else { "" };
    match &key.host {
        Some(host) => format!(
            "{prefix}_{}_{}_{host}_{}{grpc}",
            object.namespace, object.name, key.port
        ),
        None => format!(
            "{prefix}_{}_{}_{}{grpc}",
            object.namespace, object.name, key.port
        ),
    }
}

/// `<cluster>|btp|<namespace>|<name>` of the policy, dots as `_` because they part names of stats;
/// with the first 8 digits of a hash where the policy comes to several things on that backend.
pub fn variant(key: &BackendKey, policy: &ObjectRef, hash: Option<u64>) -> String {
    let name = format!("{}|btp|{}|{}", cluster(key), policy.namespace, policy.name);
    let name = name.replace('.', "_");
    match hash {
        Some(hash) => format!("{name}|{:08x}", hash >> 32),
        None => name,
    }
}

/// `otlp_<host>_<port>` of a collector that is an address; dots as `_` because they part names of
/// stats.
pub fn collector(host: &str, port: u16) -> String {
    format!("otlp_{}_{port}", host.replace(['.', ':'], "_"))
}

/// `listener~<port>`; `listener~<address>:<port>` where it is not on every address.
pub fn listener(at: ListenAddress) -> String {
    format!("{LISTENER}{at}")
}

/// Where a listener is, by its name or that of a route configuration of its.
pub fn listen_address(name: &str) -> Option<ListenAddress> {
    let at = name.strip_prefix(LISTENER)?.split('~').next()?;
    at.parse().ok()
}

const LISTENER: &str = "listener~";

/// The route configuration of a plain port is named after its listener; each HTTPS listener of a
/// port has one of its own, with its [`section`]. Filter chains have the same names.
pub fn route_configuration(at: ListenAddress, https_listener: Option<&str>) -> String {
    let listener = listener(at);
    match https_listener {
        Some(name) => format!("{listener}~{name}"),
        None => listener,
    }
}

/// `<chains of the listener>~<namespace>/<name>` of a TLSRoute.
pub fn filter_chain(listener: &str, route: &ObjectRef) -> String {
    format!("{listener}~{}/{}", route.namespace, route.name)
}

/// What tells a listener from others of its port: its name, with `<namespace>/<name>/` of the
/// ListenerSet in front that has it.
pub fn section(listener: &Listener) -> String {
    let ObjectRef {
        kind,
        namespace,
        name,
        ..
    } = &listener.owner;
    match &**kind {
        "ListenerSet" => format!("{namespace}/{name}/{}", listener.spec.name),
        _ => listener.spec.name.clone(),
    }
}

/// `<namespace>/<name>/rule/<rule>/match/<match>`; with `grpcroute/` in front for a GRPCRoute, which
/// may have the name of an HTTPRoute.
pub fn route(route: &ObjectRef, rule: usize, at: usize) -> String {
    let kind = match &*route.kind {
        "GRPCRoute" => "grpcroute/",
        _ => "",
    };
    let ObjectRef {
        namespace, name, ..
    } = route;
    format!("{kind}{namespace}/{name}/rule/{rule}/match/{at}")
}

/// `<route configuration>~<host with dots as _>`.
pub fn virtual_host(route_configuration: &str, host: &str) -> String {
    format!("{route_configuration}~{}", host.replace('.', "_"))
}

/// `kube_secret_<namespace>_<name>`.
pub fn secret(namespace: &str, name: &str) -> String {
    format!("kube_secret_{namespace}_{name}")
}
