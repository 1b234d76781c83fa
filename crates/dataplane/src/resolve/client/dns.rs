// SPDX-License-Identifier: Apache-2.0
//! Asking DNS servers, after the hosts file.
//!
//! In: a name and a family. Out: as of [`Outcome`]. Nothing is cached: how often is asked is
//! configured.

use std::{
    collections::VecDeque,
    fs,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{
        ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
        ResolverOpts, ServerOrderingStrategy,
    },
    lookup::Lookup,
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::Query,
        rr::{Name, RecordType},
    },
    system_conf::parse_resolv_conf,
};

use super::{Addresses, Outcome};
use crate::{
    plan::{Family, Servers},
    stats::ResolverStats,
};

/// A client of DNS servers.
#[derive(Debug)]
pub(in crate::resolve) struct Dns {
    servers: Servers,
    system: Mutex<Option<(Stamps, Arc<System>)>>,
    stats: Arc<ResolverStats>,
}

/// When the system's files were changed last.
type Stamps = [Option<SystemTime>; 2];

/// What the system's files say, and who is asked because of it.
#[derive(Debug)]
struct System {
    hosts: Hosts,
    search: Vec<Name>,
    ndots: usize,
    resolver: Option<TokioResolver>,
}

impl Dns {
    /// A client that has not read the system's files yet.
    pub(super) fn new(servers: Servers, stats: Arc<ResolverStats>) -> Self {
        Self {
            servers,
            system: Mutex::default(),
            stats,
        }
    }

    /// The addresses of a name.
    pub(super) async fn resolve(&self, name: &str, family: Family) -> Outcome {
        let Ok(parsed) = Name::from_ascii(name) else {
            tracing::warn!(name, "not a DNS name");
            return Outcome::Failed;
        };
        self.stats.resolve_total.inc();
        self.stats.pending_resolutions.add(1);
        // A look-up whose cluster goes is dropped here.
        let _pending = Pending(&self.stats);
        let system = self.system();
        let ask = |kind| self.ask(&system, &parsed, kind);
        match family {
            Family::All => {
                let (v4, v6) = tokio::join!(ask(RecordType::A), ask(RecordType::AAAA));
                both(v4, v6)
            }
            Family::Auto => match ask(RecordType::AAAA).await {
                found if found.is_found() => found,
                _ => ask(RecordType::A).await,
            },
            Family::V4Only => ask(RecordType::A).await,
            Family::V4Preferred => match ask(RecordType::A).await {
                found if found.is_found() => found,
                _ => ask(RecordType::AAAA).await,
            },
            Family::V6Only => ask(RecordType::AAAA).await,
        }
    }

    /// Asks for the name as it is and with the search domains, in the order in which resolvers do.
    /// An answer that is missing ends this, since it may be the one that counts.
    async fn ask(&self, system: &System, name: &Name, kind: RecordType) -> Outcome {
        if let Some(found) = system
            .hosts
            .lookup_static_host(&Query::query(name.clone(), kind))
        {
            return Outcome::Completed(addresses(&found));
        }
        let Some(resolver) = &system.resolver else {
            return Outcome::Failed;
        };
        for candidate in system.candidates(name, self.servers.no_search) {
            match resolver.lookup(candidate, kind).await {
                Ok(lookup) => {
                    let found = Outcome::Completed(addresses(&lookup));
                    if found.is_found() {
                        return found;
                    }
                }
                Err(error) if error.is_no_records_found() => {}
                Err(error) => {
                    tracing::warn!(%name, %error, "look-up failed");
                    match error {
                        NetError::Timeout => self.stats.timeouts.inc(),
                        _ => self.stats.get_addr_failure.inc(),
                    }
                    return Outcome::Failed;
                }
            }
        }
        self.stats.not_found.inc();
        Outcome::Completed(Addresses::default())
    }

    /// The system's files, read again when they have changed.
    fn system(&self) -> Arc<System> {
        let changed = |path| fs::metadata(path).and_then(|file| file.modified()).ok();
        let stamps = [changed(HOSTS), changed(RESOLV_CONF)];
        let mut kept = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((known, system)) if *known == stamps => system.clone(),
            _ => {
                let system = Arc::new(System::read(&self.servers));
                *kept = Some((stamps, system.clone()));
                system
            }
        }
    }
}

struct Pending<'a>(&'a ResolverStats);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending_resolutions.add(-1);
    }
}

impl System {
    fn read(servers: &Servers) -> Self {
        let (config, mut options) = fs::read(RESOLV_CONF)
            .ok()
            .and_then(|text| parse_resolv_conf(text).ok())
            .unwrap_or_default();
        options.timeout = servers.timeout;
        options.attempts = servers.tries.saturating_sub(1) as usize;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.num_concurrent_reqs = 1;
        options.server_ordering_strategy = if servers.rotate {
            ServerOrderingStrategy::RoundRobin
        } else {
            ServerOrderingStrategy::UserProvidedOrder
        };
        let search = config.domain().into_iter().chain(config.search());
        Self {
            hosts: Hosts::from_system().unwrap_or_default(),
            search: search.cloned().collect(),
            ndots: options.ndots,
            resolver: resolver(name_servers(servers, &config), options),
        }
    }

    /// What is asked for, fully qualified.
    fn candidates(&self, name: &Name, no_search: bool) -> VecDeque<Name> {
        let mut qualified = name.clone();
        qualified.set_fqdn(true);
        if name.is_fqdn() || no_search || name.is_localhost() {
            return [qualified].into();
        }
        let with = |domain: &Name| name.clone().append_domain(domain).ok();
        let mut candidates: VecDeque<Name> = self.search.iter().filter_map(with).collect();
        // Labels are one more than dots.
        if usize::from(name.num_labels()) > self.ndots {
            candidates.push_front(qualified);
        } else {
            candidates.push_back(qualified);
        }
        candidates
    }
}

fn name_servers(servers: &Servers, system: &ResolverConfig) -> Vec<NameServerConfig> {
    let own = servers.addresses.iter().map(|address| {
        let connection = |mut config: ConnectionConfig| {
            config.port = address.port();
            config
        };
        let connections = vec![
            connection(ConnectionConfig::udp()),
            connection(ConnectionConfig::tcp()),
        ];
        NameServerConfig::new(address.ip(), true, connections)
    });
    let system = system.name_servers();
    let mut chosen: Vec<NameServerConfig> =
        if servers.addresses.is_empty() || (servers.fallback && !system.is_empty()) {
            system.to_vec()
        } else {
            own.collect()
        };
    if servers.tcp {
        for server in &mut chosen {
            server
                .connections
                .retain(|connection| connection.protocol == ProtocolConfig::Tcp);
        }
    }
    chosen
}

fn resolver(servers: Vec<NameServerConfig>, options: ResolverOpts) -> Option<TokioResolver> {
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let built = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build();
    built
        .inspect_err(|error| tracing::warn!(%error, "no DNS client"))
        .ok()
}

fn addresses(lookup: &Lookup) -> Addresses {
    let records = || {
        lookup
            .answers()
            .iter()
            .filter(|record| record.data.ip_addr().is_some())
    };
    let ttls = records().map(|record| Duration::from_secs(u64::from(record.ttl)));
    Addresses {
        ips: records()
            .filter_map(|record| record.data.ip_addr())
            .collect::<Vec<IpAddr>>(),
        ttl: ttls.min(),
    }
}

/// One family is enough; a failure counts when there is nothing else.
fn both(v4: Outcome, v6: Outcome) -> Outcome {
    match (v4, v6) {
        (Outcome::Completed(v4), Outcome::Completed(v6)) => Outcome::Completed(Addresses {
            ips: [v4.ips, v6.ips].concat(),
            ttl: v4.ttl.into_iter().chain(v6.ttl).min(),
        }),
        (found, Outcome::Failed) | (Outcome::Failed, found) if found.is_found() => found,
        _ => Outcome::Failed,
    }
}

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(system: &System, name: &str, no_search: bool) -> Vec<String> {
        let name = Name::from_ascii(name).unwrap();
        let candidates = system.candidates(&name, no_search);
        candidates.iter().map(Name::to_string).collect()
    }

    #[test]
    fn search_domains_come_first_for_names_with_few_dots() {
        let domain = |text: &str| Name::from_ascii(text).unwrap();
        let system = System {
            hosts: Hosts::default(),
            search: vec![domain("ns.svc.cluster.local"), domain("example")],
            ndots: 2,
            resolver: None,
        };
        let searched = ["a.b.ns.svc.cluster.local.", "a.b.example.", "a.b."];
        assert_eq!(asked(&system, "a.b", false), searched);
        let plain = ["a.b.c.", "a.b.c.ns.svc.cluster.local.", "a.b.c.example."];
        assert_eq!(asked(&system, "a.b.c", false), plain);
        assert_eq!(asked(&system, "a.b.", false), ["a.b."]);
        assert_eq!(asked(&system, "a.b", true), ["a.b."]);
        assert_eq!(asked(&system, "localhost", false), ["localhost."]);
    }
}
