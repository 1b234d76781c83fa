// SPDX-License-Identifier: Apache-2.0
//! TCP proxies and servers that speak no HTTP.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::listener::v3::{Filter, FilterChain, FilterChainMatch, filter::ConfigType},
        extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy::ClusterSpecifier},
    },
};

use super::{gateway::Resources, xds};

/// A server whose connections are handled by a closure.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(handle: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
        };
        let connections = server.connections.clone();
        let handle = Arc::new(handle);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                connections.fetch_add(1, SeqCst);
                let handle = handle.clone();
                let patience = Some(Duration::from_secs(20));
                stream.set_read_timeout(patience).unwrap();
                thread::spawn(move || handle(&mut stream));
            }
        });
        server
    }

    /// Sends everything back in upper case until the client has ended, then ends as well.
    pub(crate) fn shouting() -> Self {
        Self::start(|stream| {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                let upper = piece[..count].to_ascii_uppercase();
                if stream.write_all(&upper).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(b" BYE");
            let _ = stream.shutdown(Shutdown::Write);
        })
    }

    /// Sends its name and ends when the client has.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::start(move |stream| {
            let _ = stream.write_all(name.as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

/// A TCP proxy to `cluster`, with stats under `tcp.t.`.
pub(crate) fn proxy(cluster: &str, change: impl FnOnce(&mut TcpProxy)) -> Filter {
    let mut proxy = TcpProxy {
        stat_prefix: "t".to_owned(),
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..TcpProxy::default()
    };
    change(&mut proxy);
    Filter {
        name: "envoy.filters.network.tcp_proxy".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(&proxy))),
    }
}

/// A chain with this filter for clients that ask for these names.
pub(crate) fn chain(names: &[&str], filter: Filter) -> FilterChain {
    FilterChain {
        name: format!("chain for {names:?}"),
        filter_chain_match: (!names.is_empty()).then(|| FilterChainMatch {
            server_names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FilterChainMatch::default()
        }),
        filters: vec![filter],
        ..FilterChain::default()
    }
}

/// One listener whose only chain proxies to cluster `c` with these endpoints.
pub(crate) fn resources(addresses: &[SocketAddr], change: impl FnOnce(&mut TcpProxy)) -> Resources {
    let mut resources = Resources::simple(addresses);
    resources.listeners[0].filter_chains = vec![chain(&[], proxy("c", change))];
    resources.routes = Vec::new();
    resources
}

/// The cluster `c` with one more name.
pub(crate) fn also(resources: &mut Resources, name: &str, addresses: &[SocketAddr]) {
    resources.clusters.push(xds::cluster(name, |_| {}));
    resources.endpoints.push(xds::endpoints(name, addresses));
}
