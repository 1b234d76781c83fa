// SPDX-License-Identifier: Apache-2.0
//! How the names of a DNS cluster are looked up.
//!
//! In: a Cluster resource of type `STRICT_DNS` or `LOGICAL_DNS`, or one with the DnsCluster
//! extension, which says the same. Out: its settings with Envoy's defaults filled in.

#![expect(deprecated, reason = "control planes still send these fields")]

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                cluster::v3::Cluster,
                core::v3::{DnsResolverOptions, TypedExtensionConfig},
                endpoint::v3::ClusterLoadAssignment,
            },
            extensions::{
                clusters::{
                    common::dns::v3::DnsLookupFamily,
                    dns::v3::{DnsCluster, dns_cluster::RefreshRate},
                },
                network::dns_resolver::{
                    cares::v3::CaresDnsResolverConfig,
                    getaddrinfo::v3::GetAddrInfoDnsResolverConfig,
                },
            },
        },
        google::protobuf,
    },
};

use super::{
    Endpoints,
    value::{duration, number, socket_address, timeout},
};

/// Settings of look-ups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DnsConfig {
    /// `dns_lookup_family`.
    pub(crate) family: Family,
    /// `all_addresses_in_single_endpoint`, as in LOGICAL_DNS: one host stands for all addresses.
    pub(crate) single: bool,
    /// When to ask.
    pub(crate) timers: DnsTimers,
    /// Whom to ask.
    pub(crate) resolver: ResolverConfig,
}

/// When names are looked up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DnsTimers {
    /// `dns_refresh_rate`, from the end of one look-up to the next. Envoy's default: 5 s.
    pub(crate) refresh: Duration,
    /// `dns_failure_refresh_rate`: base and maximum. Envoy's default: `refresh`, always.
    pub(crate) failure: Option<(Duration, Duration)>,
    /// `respect_dns_ttl`.
    pub(crate) respect_ttl: bool,
    /// `dns_min_refresh_rate`, the least that a TTL counts for.
    pub(crate) min_refresh: Duration,
    /// `dns_jitter`, exclusive.
    pub(crate) jitter: Duration,
}

/// `dns_lookup_family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Both.
    All,
    /// IPv6, or IPv4 when there is none.
    Auto,
    /// IPv4.
    V4Only,
    /// IPv4, or IPv6 when there is none.
    V4Preferred,
    /// IPv6.
    V6Only,
}

/// `typed_dns_resolver_config`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ResolverConfig {
    /// DNS, as with c-ares.
    Dns(Servers),
    /// The system's own way.
    GetAddrInfo,
}

/// DNS servers and how they are asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Servers {
    /// `resolvers`; none are those of `/etc/resolv.conf`.
    pub(crate) addresses: Vec<SocketAddr>,
    /// `use_resolvers_as_fallback`: `/etc/resolv.conf` comes first.
    pub(crate) fallback: bool,
    /// `use_tcp_for_dns_lookups`.
    pub(crate) tcp: bool,
    /// `no_default_search_domain`.
    pub(crate) no_search: bool,
    /// `query_timeout_seconds`. Envoy's default: 5 s.
    pub(crate) timeout: Duration,
    /// `query_tries`. Envoy's default: 4.
    pub(crate) tries: u32,
    /// `rotate_nameservers`.
    pub(crate) rotate: bool,
}

impl DnsConfig {
    /// Compiles the extension.
    pub(super) fn compile(
        dns: &DnsCluster,
        assignment: &ClusterLoadAssignment,
    ) -> Result<Self, String> {
        let single = dns.all_addresses_in_single_endpoint;
        // What cannot be resolved is refused now, not when the names are known.
        Endpoints::resolve(assignment, &HashMap::new(), single)?;
        let endpoints = assignment.endpoints.iter();
        let counts: Vec<usize> = endpoints.map(|group| group.lb_endpoints.len()).collect();
        if single && counts != [1] {
            return Err("a LOGICAL_DNS cluster has exactly one endpoint".to_owned());
        }
        let refresh = timeout(dns.dns_refresh_rate.as_ref(), None).unwrap_or(REFRESH);
        let typed = dns.typed_dns_resolver_config.as_ref();
        Ok(Self {
            family: Family::of(dns.dns_lookup_family()),
            single,
            timers: DnsTimers {
                refresh,
                failure: dns.dns_failure_refresh_rate.as_ref().map(failure),
                respect_ttl: dns.respect_dns_ttl,
                min_refresh: or_zero(dns.dns_min_refresh_rate.as_ref()),
                jitter: or_zero(dns.dns_jitter.as_ref()),
            },
            resolver: match typed {
                Some(typed) => ResolverConfig::compile(typed)?,
                None => ResolverConfig::Dns(Servers::compile(&CaresDnsResolverConfig::default())?),
            },
        })
    }
}

/// The extension that says what a cluster's own fields say.
pub(super) fn of_fields(cluster: &Cluster, single: bool) -> DnsCluster {
    DnsCluster {
        dns_refresh_rate: cluster.dns_refresh_rate,
        dns_failure_refresh_rate: cluster.dns_failure_refresh_rate.as_ref().map(|rate| {
            RefreshRate {
                base_interval: rate.base_interval,
                max_interval: rate.max_interval,
            }
        }),
        respect_dns_ttl: cluster.respect_dns_ttl,
        dns_jitter: cluster.dns_jitter,
        typed_dns_resolver_config: cluster
            .typed_dns_resolver_config
            .clone()
            .or_else(|| older_resolver(cluster)),
        // The extension counts from UNSPECIFIED, the field from AUTO.
        dns_lookup_family: cluster.dns_lookup_family.saturating_add(1),
        all_addresses_in_single_endpoint: single,
        dns_min_refresh_rate: None,
    }
}

/// The two ways to name servers that came before `typed_dns_resolver_config`.
fn older_resolver(cluster: &Cluster) -> Option<TypedExtensionConfig> {
    let cares = match &cluster.dns_resolution_config {
        Some(config) => CaresDnsResolverConfig {
            resolvers: config.resolvers.clone(),
            dns_resolver_options: config.dns_resolver_options,
            ..CaresDnsResolverConfig::default()
        },
        None if !cluster.dns_resolvers.is_empty() || cluster.use_tcp_for_dns_lookups => {
            CaresDnsResolverConfig {
                resolvers: cluster.dns_resolvers.clone(),
                dns_resolver_options: Some(DnsResolverOptions {
                    use_tcp_for_dns_lookups: cluster.use_tcp_for_dns_lookups,
                    ..DnsResolverOptions::default()
                }),
                ..CaresDnsResolverConfig::default()
            }
        }
        None => return None,
    };
    Some(TypedExtensionConfig {
        name: "envoy.network.dns_resolver.cares".to_owned(),
        typed_config: Some(any::pack(&cares)),
    })
}

impl Family {
    fn of(family: DnsLookupFamily) -> Self {
        match family {
            DnsLookupFamily::All => Self::All,
            DnsLookupFamily::Auto | DnsLookupFamily::Unspecified => Self::Auto,
            DnsLookupFamily::V4Only => Self::V4Only,
            DnsLookupFamily::V4Preferred => Self::V4Preferred,
            DnsLookupFamily::V6Only => Self::V6Only,
        }
    }
}

impl ResolverConfig {
    fn compile(typed: &TypedExtensionConfig) -> Result<Self, String> {
        let packed = typed.typed_config.as_ref();
        if let Some(cares) = packed.and_then(any::unpack) {
            return Ok(Self::Dns(Servers::compile(&cares)?));
        }
        match packed.and_then(any::unpack::<GetAddrInfoDnsResolverConfig>) {
            Some(_) => Ok(Self::GetAddrInfo),
            None => Err(format!("DNS resolver {} is not known", typed.name)),
        }
    }
}

impl Servers {
    fn compile(cares: &CaresDnsResolverConfig) -> Result<Self, String> {
        let options = cares.dns_resolver_options.unwrap_or_default();
        let resolvers = cares.resolvers.iter();
        let seconds = cares.query_timeout_seconds.map(|seconds| seconds.value);
        Ok(Self {
            addresses: resolvers
                .map(|address| socket_address(Some(address)))
                .collect::<Result<_, _>>()?,
            fallback: cares.use_resolvers_as_fallback,
            tcp: options.use_tcp_for_dns_lookups,
            no_search: options.no_default_search_domain,
            timeout: Duration::from_secs(seconds.unwrap_or(5)),
            tries: number(cares.query_tries.as_ref()).unwrap_or(4),
            rotate: cares.rotate_nameservers,
        })
    }
}

fn failure(rate: &RefreshRate) -> (Duration, Duration) {
    let base = or_zero(rate.base_interval.as_ref());
    // Envoy's default for the maximum.
    let max = rate
        .max_interval
        .as_ref()
        .map_or(base.saturating_mul(10), duration);
    (base, max.max(base))
}

fn or_zero(value: Option<&protobuf::Duration>) -> Duration {
    value.map_or(Duration::ZERO, duration)
}

/// Envoy's default.
const REFRESH: Duration = Duration::from_secs(5);
