// SPDX-License-Identifier: Apache-2.0
//! Names of xDS resources.
//!
//! In: backends, listeners, hosts. Out: the names that people find in `config_dump`.

use sluicegate_attach::{BackendKey, Listener};
use sluicegate_resource::ObjectRef;

/// A cluster that is never sent: routes with a broken backend point at it and answer 500.
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

/// `listener~<port>`.
pub fn listener(port: u16) -> String {
    format!("listener~{port}")
}

/// The route configuration of a plain port is named after its listener; each HTTPS listener of a
/// port has one of its own, with its [`section`].
pub fn route_configuration(port: u16, https_listener: Option<&str>) -> String {
    match https_listener {
        Some(name) => format!("listener~{port}~{name}"),
        None => listener(port),
    }
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
