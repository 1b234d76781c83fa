// SPDX-License-Identifier: Apache-2.0
//! What the data plane says about itself.
//!
//! In: the outcome of applying a snapshot. Out: values for status and the admin API.

use std::{net::SocketAddr, sync::Arc};

use sluicegate_snapshot::{ResourceType, Version};

/// Where the data plane stands, as `/ready` and `/server_info` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No snapshot has been applied, or the clusters of the first one are not warm yet: names are
    /// looked up, hosts are checked.
    PreInitializing,
    /// Envoy's state while listeners wait for routes and secrets. A snapshot has them, so that it is
    /// never entered.
    Initializing,
    /// Traffic is served.
    Live,
    /// Shutting down, or asked to fail health checks.
    Draining,
}

/// The outcome of applying the newest snapshot.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Version of the snapshot that is enforced.
    pub version: Version,
    /// Resources that are not enforced as they stand in it.
    pub resources: Vec<ResourceError>,
    /// Listeners without a socket.
    pub binds: Vec<BindError>,
    /// Settings that were understood but are not enforced yet.
    pub unsupported: Vec<Unsupported>,
}

/// A resource that could not be compiled. Its last good version stays in force, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceError {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: Arc<str>,
    /// Why.
    pub message: String,
}

/// A listener whose address could not be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindError {
    /// The listener.
    pub listener: Arc<str>,
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub message: String,
}

/// A setting that is understood but not enforced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Type of the resource that sets it.
    pub resource_type: ResourceType,
    /// The resource.
    pub name: Arc<str>,
    /// Path of the field.
    pub field: &'static str,
}
