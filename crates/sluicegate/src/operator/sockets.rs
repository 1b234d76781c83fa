// SPDX-License-Identifier: Apache-2.0
//! Connections to endpoints, as the kernel has them.
//!
//! In: the clusters with their endpoints; what the kernel says about sockets of this process. Out: a
//! row per connection, those in trouble first. Workers have no part in it: a page that is asked for
//! under load costs them nothing.

mod diag;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    net::SocketAddr,
    os::fd::RawFd,
    sync::Arc,
};

use serde::Serialize;
use sluicegate_dataplane::{KeepaliveSettings, worker_of};
use sluicegate_xds::pb::envoy::admin::v3::Clusters;

use super::backends;
use diag::Found;

/// Connections.
#[derive(Debug, Clone, Serialize)]
pub struct Sockets {
    /// How many there are.
    pub count: usize,
    /// Of them the first [`MOST`], those in trouble before others.
    pub sockets: Vec<SocketRow>,
}

/// Rows that are shown. Ours.
pub const MOST: usize = 1000;

/// One connection.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketRow {
    /// Clusters that have the remote address as an endpoint: one, unless they share it.
    pub clusters: Vec<String>,
    /// The endpoint.
    pub remote: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// State of TCP, in the words of `ss`.
    pub state: &'static str,
    /// What the kernel waits for.
    pub timer: Timer,
    /// Milliseconds until it acts.
    pub expires_ms: u32,
    /// Keepalive as the cluster sets it; `None` where it sets none.
    pub keepalive: Option<Keepalive>,
    /// The worker that has it; `None` for a connection of a health check.
    pub worker: Option<usize>,
    /// Probes or segments that went without an answer since the last one.
    pub unanswered: u8,
    /// Smoothed round trip time in microseconds.
    pub rtt_us: Option<u32>,
    /// Segments sent again since the connection was opened.
    pub retransmitted: u32,
}

/// Settings of keepalive; what is not set is the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Keepalive {
    /// Seconds without traffic until the first probe.
    pub time_s: Option<u32>,
    /// Seconds between probes.
    pub interval_s: Option<u32>,
    /// Probes without an answer that end the connection.
    pub probes: Option<u32>,
}

/// The timer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Timer {
    /// None runs.
    Off,
    /// What was sent is sent again.
    Retransmit,
    /// The next keepalive probe.
    Keepalive,
    /// The last wait of a connection that has ended.
    TimeWait,
    /// The other end takes no more bytes: it is asked whether it does now.
    Persist,
}

impl Timer {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Retransmit => "retransmit",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "timewait",
            Self::Persist => "persist",
        }
    }
}

/// Connections of this process to endpoints of `clusters`, of which `keepalives` are settings.
///
/// # Errors
/// When the kernel does not answer, or what we have open cannot be listed.
pub fn upstream(
    clusters: &Clusters,
    keepalives: &[(Arc<str>, KeepaliveSettings)],
) -> io::Result<Sockets> {
    let endpoints = endpoints(clusters);
    let keepalives: HashMap<&str, &KeepaliveSettings> = keepalives
        .iter()
        .map(|(name, set)| (&**name, set))
        .collect();
    let own = inodes()?;
    let mut rows: Vec<SocketRow> = diag::connections()?
        .into_iter()
        .filter_map(|found| {
            let descriptor = own.get(&found.inode)?;
            let clusters = endpoints.get(&found.remote)?;
            let mut row = row(&found, clusters);
            row.worker = worker_of(*descriptor);
            row.keepalive = keepalive(clusters, &keepalives);
            Some(row)
        })
        .collect();
    rows.sort_by(|a, b| {
        let key = |it: &SocketRow| (it.unanswered, it.retransmitted);
        let first = key(b).cmp(&key(a));
        first.then_with(|| (&a.clusters, a.remote, a.local).cmp(&(&b.clusters, b.remote, b.local)))
    });
    let count = rows.len();
    rows.truncate(MOST);
    let sockets = rows;
    Ok(Sockets { count, sockets })
}

fn row(found: &Found, clusters: &BTreeSet<String>) -> SocketRow {
    SocketRow {
        clusters: clusters.iter().cloned().collect(),
        remote: found.remote,
        local: found.local,
        state: found.state,
        timer: found.timer,
        expires_ms: found.expires_ms,
        keepalive: None,
        worker: None,
        unanswered: found.unanswered,
        rtt_us: found.rtt_us,
        retransmitted: found.retransmitted,
    }
}

/// The settings of the first of these clusters that has some.
fn keepalive(
    clusters: &BTreeSet<String>,
    keepalives: &HashMap<&str, &KeepaliveSettings>,
) -> Option<Keepalive> {
    let set = clusters.iter().find_map(|it| keepalives.get(&**it))?;
    Some(Keepalive {
        time_s: set.time,
        interval_s: set.interval,
        probes: set.probes,
    })
}

fn endpoints(clusters: &Clusters) -> BTreeMap<SocketAddr, BTreeSet<String>> {
    let mut all: BTreeMap<SocketAddr, BTreeSet<String>> = BTreeMap::new();
    for cluster in &clusters.cluster_statuses {
        for host in &cluster.host_statuses {
            if let Ok(address) = backends::address(host.address.as_ref()).parse() {
                all.entry(address).or_default().insert(cluster.name.clone());
            }
        }
    }
    all
}

/// The sockets that this process has open, with their file descriptors: the kernel shows those of
/// everybody.
fn inodes() -> io::Result<HashMap<u32, RawFd>> {
    let mut inodes = HashMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        // One that was closed meanwhile is not there.
        let Ok(entry) = entry else { continue };
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let descriptor = entry.file_name().to_string_lossy().parse().ok();
        let target = target.to_string_lossy();
        let number = target
            .strip_prefix("socket:[")
            .and_then(|it| it.strip_suffix(']'));
        inodes.extend(number.and_then(|it| it.parse::<u32>().ok()).zip(descriptor));
    }
    Ok(inodes)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use sluicegate_xds::pb::envoy::{
        admin::v3::{ClusterStatus, HostStatus},
        config::core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
    };

    use super::*;

    #[test]
    fn finds_connections_to_endpoints_and_no_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let stream = TcpStream::connect(at).unwrap();
        let (_other_end, _) = listener.accept().unwrap();
        let socket = SocketAddress {
            address: "127.0.0.1".to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(at.port().into())),
            ..SocketAddress::default()
        };
        let host = HostStatus {
            address: Some(Address {
                address: Some(address::Address::SocketAddress(socket)),
            }),
            ..HostStatus::default()
        };
        let status = ClusterStatus {
            name: "a".to_owned(),
            host_statuses: vec![host],
            ..ClusterStatus::default()
        };
        let clusters = Clusters {
            cluster_statuses: vec![status],
        };
        let set = KeepaliveSettings {
            time: Some(30),
            interval: None,
            probes: Some(3),
        };
        let found = upstream(&clusters, &[("a".into(), set)]);
        let found = found.unwrap();
        assert_eq!(found.count, 1, "{found:?}");
        let row = &found.sockets[0];
        assert_eq!(row.clusters, ["a"]);
        assert_eq!((row.remote, row.local), (at, stream.local_addr().unwrap()));
        assert_eq!((row.state, row.retransmitted), ("ESTAB", 0));
        assert!(row.rtt_us.is_some());
        let keepalive = row.keepalive.unwrap();
        assert_eq!((keepalive.time_s, keepalive.probes), (Some(30), Some(3)));
    }
}
