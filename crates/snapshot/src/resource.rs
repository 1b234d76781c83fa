// SPDX-License-Identifier: Apache-2.0
//! A named, encoded xDS resource and the set of them.
//!
//! In: protobuf bytes. Out: values that compare by content hash.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;

/// The resource types that a snapshot holds, in make-before-break order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// `envoy.config.cluster.v3.Cluster`.
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
    Endpoint,
    /// `envoy.config.listener.v3.Listener`.
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration`.
    Route,
    /// `envoy.extensions.transport_sockets.tls.v3.Secret`.
    Secret,
}

impl ResourceType {
    /// Every type, in order.
    pub const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Endpoint,
        Self::Listener,
        Self::Route,
        Self::Secret,
    ];

    /// The full protobuf name.
    pub const fn message_name(self) -> &'static str {
        match self {
            Self::Cluster => "envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "envoy.config.listener.v3.Listener",
            Self::Route => "envoy.config.route.v3.RouteConfiguration",
            Self::Secret => "envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }

    /// The xDS type URL.
    pub fn type_url(self) -> String {
        format!("type.googleapis.com/{}", self.message_name())
    }

    /// The type of an xDS type URL; `None` for any other.
    pub fn of_type_url(type_url: &str) -> Option<Self> {
        let name = type_url.rsplit('/').next()?;
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.message_name() == name)
    }
}

/// A content hash, printed as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One encoded resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its xDS name.
    pub name: Arc<str>,
    /// Hash of its content and of what must re-send it (an endpoint resource changes version with
    /// its cluster, because Envoy re-warms the cluster and waits for endpoints).
    pub version: Version,
    /// The message, encoded.
    pub body: Bytes,
}

/// An immutable set of resources.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub(crate) version: Version,
    pub(crate) resources: [BTreeMap<Arc<str>, Arc<Resource>>; 5],
}

impl Snapshot {
    /// Hash over the versions of all resources.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The resources of one type by name.
    pub fn resources(&self, resource_type: ResourceType) -> &BTreeMap<Arc<str>, Arc<Resource>> {
        &self.resources[resource_type as usize]
    }

    /// One resource.
    pub fn get(&self, resource_type: ResourceType, name: &str) -> Option<&Arc<Resource>> {
        self.resources(resource_type).get(name)
    }
}
