// SPDX-License-Identifier: Apache-2.0
//! How to run a gateway.
//!
//! In: what the command line says. Out: every choice that there is, with its default.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use sluicegate_dataplane::{DrainStrategy, LocalZone};
use sluicegate_manifest::source::Input;
use sluicegate_xds::pb::envoy::config::core::v3::Node;

use super::{Admission, Cluster, Tamper};
use crate::{pipeline, proxy};

/// How to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where manifests are.
    pub inputs: Vec<Input>,
    /// The API server that has the manifests, in place of `inputs`.
    pub cluster: Option<Cluster>,
    /// Settings of the pipeline.
    pub pipeline: pipeline::Options,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    /// Where `/live` and `/ready` can be asked from other machines, when they can.
    pub health_address: Option<SocketAddr>,
    /// Answers an API server's admission reviews, when set.
    pub admission: Option<Admission>,
    /// Binds Gateway listeners to this address instead of every one.
    pub bind: Option<IpAddr>,
    /// Worker threads; `None` is one per core.
    pub workers: Option<usize>,
    /// How long running requests may take at the end.
    pub drain_time: Duration,
    /// How long lines of access logs may wait to be written.
    pub file_flush_interval: Duration,
    /// Where this gateway runs, for zone aware routing.
    pub zone: Option<LocalZone>,
    /// How connections are spread over that time.
    pub drain_strategy: DrainStrategy,
    /// Client connections at a time; `None` is no limit.
    pub max_connections: Option<u64>,
    /// Takes over from the process that runs with the same admin address.
    pub replace: bool,
    /// Who this process is: `/server_info` shows it.
    pub node: Node,
    /// Serves what an Envoy bootstrap says, in place of manifests.
    pub proxy: Option<proxy::Start>,
    /// Serves Envoys over ADS, when set.
    pub ads: Option<sluicegate_ads::Options>,
    /// Whether the data plane of this process carries traffic itself.
    pub data_plane: bool,
    /// Changes what Envoys are sent, for tests that need resources our own checks would not let
    /// through.
    pub tamper: Option<Tamper>,
}

impl Config {
    /// The defaults of `sluicegate run` for `inputs`.
    pub fn new(inputs: Vec<PathBuf>) -> Self {
        Self {
            inputs: crate::input::inputs(&inputs),
            cluster: None,
            pipeline: pipeline::Options::default(),
            admin_address: ([127, 0, 0, 1], 19000).into(),
            health_address: None,
            admission: None,
            bind: None,
            workers: None,
            drain_time: Duration::from_secs(30),
            file_flush_interval: Duration::from_secs(10),
            zone: None,
            drain_strategy: DrainStrategy::default(),
            max_connections: None,
            replace: false,
            node: Node {
                id: "sluicegate".to_owned(),
                cluster: "sluicegate".to_owned(),
                ..Node::default()
            },
            proxy: None,
            ads: None,
            data_plane: true,
            tamper: None,
        }
    }
}
