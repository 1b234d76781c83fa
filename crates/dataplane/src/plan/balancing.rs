// SPDX-License-Identifier: Apache-2.0
//! Load balancing settings of a cluster.
//!
//! In: `load_balancing_policy`, or the older `lb_policy` with its settings, and `common_lb_config`.
//! Out: the policy with Envoy's defaults filled in. Where both are set, the newer one counts.

#![expect(deprecated, reason = "control planes still send these fields")]

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::{
                Cluster, LoadBalancingPolicy,
                cluster::{
                    LbConfig, LbPolicy, SlowStartConfig as OldSlowStart,
                    common_lb_config::LocalityConfigSpecifier as OldLocality,
                },
            },
            core::v3::{RuntimeDouble, TypedExtensionConfig},
        },
        extensions::load_balancing_policies::{
            common::v3::{
                ConsistentHashingLbConfig, LocalityLbConfig, SlowStartConfig,
                locality_lb_config::LocalityConfigSpecifier,
            },
            least_request::v3::LeastRequest as ProtoLeastRequest,
            maglev::v3::Maglev,
            override_host::v3::OverrideHost,
            random::v3::Random,
            ring_hash::v3::RingHash,
            round_robin::v3::RoundRobin,
        },
        r#type::v3::Percent,
    },
    pb::google::protobuf::{Duration as ProtoDuration, UInt64Value},
};

use super::{
    hash_policy,
    value::{duration, number},
    zone_aware::ZoneAwareConfig,
};
use crate::balance::{
    HashFunction, HashPolicy, LeastRequest, Policy, RingConfig, SelectionMethod, SlowStart,
    TABLE_SIZE,
};

/// How load is spread over the hosts of a cluster.
#[derive(Debug)]
pub(crate) struct Balancing {
    /// The policy.
    pub(crate) policy: Policy,
    /// `locality_weighted_lb_config` is set: weights of localities count.
    pub(crate) locality_weighted: bool,
    /// Zone aware routing, unless weights of localities count.
    pub(crate) zone_aware: ZoneAwareConfig,
    /// `healthy_panic_threshold`, percent.
    pub(crate) panic_threshold: u32,
    /// Hash hostnames, not addresses.
    pub(crate) use_hostname: bool,
    /// `override_host`: request headers that name hosts, most important first.
    pub(crate) override_headers: Vec<String>,
    /// Hash policies of the cluster, which win over the route's.
    pub(crate) hash_policies: Vec<HashPolicy>,
    /// Settings seen here that are not enforced.
    pub(super) unsupported: Vec<&'static str>,
}

impl Balancing {
    /// Compiles the load balancing part of a cluster.
    pub(super) fn compile(cluster: &Cluster) -> Result<Self, String> {
        let mut balancing = match &cluster.load_balancing_policy {
            Some(policies) => first_known(policies)?,
            None => old(cluster)?,
        };
        let common = cluster.common_lb_config.as_ref();
        let threshold = common.and_then(|common| common.healthy_panic_threshold.as_ref());
        balancing.panic_threshold = threshold.map_or(PANIC_THRESHOLD, whole_percent);
        balancing.check()?;
        Ok(balancing)
    }

    /// Whether hosts are found by a hash.
    pub(crate) fn hashes(&self) -> bool {
        matches!(self.policy, Policy::Maglev(_) | Policy::RingHash(_))
    }

    /// Whether the balancer looks at active requests.
    pub(crate) fn counts_requests(&self) -> bool {
        matches!(self.policy, Policy::LeastRequest(..))
    }

    /// Whether the balancer looks at the time.
    pub(crate) fn slow_start(&self) -> Option<SlowStart> {
        match self.policy {
            Policy::LeastRequest(_, slow_start) | Policy::RoundRobin(slow_start) => slow_start,
            Policy::Maglev(_) | Policy::Random | Policy::RingHash(_) => None,
        }
    }

    fn of(policy: Policy) -> Self {
        Self {
            policy,
            locality_weighted: false,
            zone_aware: ZoneAwareConfig::default(),
            panic_threshold: PANIC_THRESHOLD,
            use_hostname: false,
            override_headers: Vec::new(),
            hash_policies: Vec::new(),
            unsupported: Vec::new(),
        }
    }

    fn locality(mut self, config: Option<&LocalityLbConfig>) -> Self {
        match config.and_then(|config| config.locality_config_specifier.as_ref()) {
            Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(_)) => {
                self.locality_weighted = true;
            }
            Some(LocalityConfigSpecifier::ZoneAwareLbConfig(zone_aware)) => {
                self.zone_aware = ZoneAwareConfig::compile(zone_aware);
                self.unsupported.extend(self.zone_aware.needs_zone());
            }
            None => {}
        }
        self
    }

    fn hashing(mut self, config: Option<&ConsistentHashingLbConfig>) -> Result<Self, String> {
        if let Some(config) = config {
            self.use_hostname |= config.use_hostname_for_hashing;
            self.hash_policies = hash_policy::compile(&config.hash_policy)?;
            if config.hash_balance_factor.is_some() {
                self.unsupported.push("hash_balance_factor");
            }
        }
        Ok(self)
    }

    /// Envoy refuses these at load, too.
    fn check(&self) -> Result<(), String> {
        match self.policy {
            Policy::RingHash(ring) if ring.minimum_ring_size > ring.maximum_ring_size => {
                Err("minimum_ring_size is above maximum_ring_size".to_owned())
            }
            Policy::RingHash(ring) if ring.maximum_ring_size > LARGEST_RING => {
                Err(format!("maximum_ring_size is above {LARGEST_RING}"))
            }
            Policy::Maglev(size) if size > LARGEST_TABLE || !is_prime(size) => Err(format!(
                "table_size {size} is not a prime up to {LARGEST_TABLE}"
            )),
            _ => Ok(()),
        }
    }
}

fn first_known(policies: &LoadBalancingPolicy) -> Result<Balancing, String> {
    let configs = policies.policies.iter();
    let configs = configs.filter_map(|policy| policy.typed_extension_config.as_ref());
    let mut known = configs.filter_map(|config| extension(config).transpose());
    let known = known.next();
    known.ok_or_else(|| "no known load_balancing_policy".to_owned())?
}

/// The policy below it, with what requests may ask for.
fn override_host(config: &OverrideHost) -> Result<Balancing, String> {
    let fallback = config.fallback_policy.as_ref();
    let mut balancing = first_known(fallback.ok_or("override_host without fallback_policy")?)?;
    for source in &config.override_host_sources {
        if source.metadata.is_some() {
            balancing.unsupported.push("override_host_sources.metadata");
        } else {
            balancing.override_headers.push(source.header.clone());
        }
    }
    if config.selected_host_key.is_some() {
        balancing
            .unsupported
            .push("override_host.selected_host_key");
    }
    Ok(balancing)
}

/// A policy of `load_balancing_policy`; none if it is not known here.
fn extension(config: &TypedExtensionConfig) -> Result<Option<Balancing>, String> {
    let Some(packed) = &config.typed_config else {
        return Ok(None);
    };
    if let Some(config) = any::unpack::<RoundRobin>(packed) {
        let slow_start = slow_start(config.slow_start_config.as_ref());
        let balancing = Balancing::of(Policy::RoundRobin(slow_start));
        return Ok(Some(balancing.locality(config.locality_lb_config.as_ref())));
    }
    if let Some(config) = any::unpack::<ProtoLeastRequest>(packed) {
        let full =
            config.selection_method == 1 || config.enable_full_scan.is_some_and(|full| full.value);
        let least = least_request(
            number(config.choice_count.as_ref()),
            config.active_request_bias.as_ref(),
            full,
        );
        let slow_start = slow_start(config.slow_start_config.as_ref());
        let balancing = Balancing::of(Policy::LeastRequest(least, slow_start));
        return Ok(Some(balancing.locality(config.locality_lb_config.as_ref())));
    }
    if let Some(config) = any::unpack::<Random>(packed) {
        let balancing = Balancing::of(Policy::Random);
        return Ok(Some(balancing.locality(config.locality_lb_config.as_ref())));
    }
    if let Some(config) = any::unpack::<RingHash>(packed) {
        let ring = ring(
            config.minimum_ring_size.as_ref(),
            config.maximum_ring_size.as_ref(),
            config.hash_function == 2,
        );
        let mut balancing = Balancing::of(Policy::RingHash(ring));
        balancing.use_hostname = config.use_hostname_for_hashing;
        balancing.locality_weighted = config.locality_weighted_lb_config.is_some();
        if config.hash_balance_factor.is_some() {
            balancing.unsupported.push("hash_balance_factor");
        }
        return balancing
            .hashing(config.consistent_hashing_lb_config.as_ref())
            .map(Some);
    }
    if let Some(config) = any::unpack::<OverrideHost>(packed) {
        return override_host(&config).map(Some);
    }
    if let Some(config) = any::unpack::<Maglev>(packed) {
        let size = config
            .table_size
            .as_ref()
            .map_or(TABLE_SIZE, |size| size.value);
        let mut balancing = Balancing::of(Policy::Maglev(size));
        balancing.locality_weighted = config.locality_weighted_lb_config.is_some();
        return balancing
            .hashing(config.consistent_hashing_lb_config.as_ref())
            .map(Some);
    }
    Ok(None)
}

/// `lb_policy` with `lb_config`.
fn old(cluster: &Cluster) -> Result<Balancing, String> {
    let policy = match (cluster.lb_policy(), &cluster.lb_config) {
        (LbPolicy::RoundRobin, Some(LbConfig::RoundRobinLbConfig(config))) => {
            Policy::RoundRobin(old_slow_start(config.slow_start_config.as_ref()))
        }
        (LbPolicy::RoundRobin, _) => Policy::RoundRobin(None),
        (LbPolicy::LeastRequest, Some(LbConfig::LeastRequestLbConfig(config))) => {
            let choices = number(config.choice_count.as_ref());
            let bias = config.active_request_bias.as_ref();
            Policy::LeastRequest(
                least_request(choices, bias, false),
                old_slow_start(config.slow_start_config.as_ref()),
            )
        }
        (LbPolicy::LeastRequest, _) => Policy::LeastRequest(LeastRequest::default(), None),
        (LbPolicy::Random, _) => Policy::Random,
        (LbPolicy::RingHash, Some(LbConfig::RingHashLbConfig(config))) => Policy::RingHash(ring(
            config.minimum_ring_size.as_ref(),
            config.maximum_ring_size.as_ref(),
            // This message counts from XX_HASH, the extension's from DEFAULT_HASH.
            config.hash_function == 1,
        )),
        (LbPolicy::RingHash, _) => Policy::RingHash(RingConfig::default()),
        (LbPolicy::Maglev, Some(LbConfig::MaglevLbConfig(config))) => Policy::Maglev(
            config
                .table_size
                .as_ref()
                .map_or(TABLE_SIZE, |size| size.value),
        ),
        (LbPolicy::Maglev, _) => Policy::Maglev(TABLE_SIZE),
        (LbPolicy::ClusterProvided | LbPolicy::LoadBalancingPolicyConfig, _) => {
            return Err(format!("lb_policy {} is not usable", cluster.lb_policy));
        }
    };
    let mut balancing = Balancing::of(policy);
    if let Some(common) = &cluster.common_lb_config {
        match &common.locality_config_specifier {
            Some(OldLocality::LocalityWeightedLbConfig(_)) => balancing.locality_weighted = true,
            Some(OldLocality::ZoneAwareLbConfig(zone_aware)) => {
                balancing.zone_aware = ZoneAwareConfig::old(zone_aware);
                balancing
                    .unsupported
                    .extend(balancing.zone_aware.needs_zone());
            }
            None => {}
        }
        if let Some(hashing) = &common.consistent_hashing_lb_config {
            balancing.use_hostname = hashing.use_hostname_for_hashing;
            if hashing.hash_balance_factor.is_some() {
                balancing.unsupported.push("hash_balance_factor");
            }
        }
    }
    Ok(balancing)
}

fn least_request(
    choices: Option<u32>,
    bias: Option<&RuntimeDouble>,
    full_scan: bool,
) -> LeastRequest {
    let default = LeastRequest::default();
    LeastRequest {
        active_request_bias: bias.map_or(default.active_request_bias, |bias| bias.default_value),
        selection_method: if full_scan {
            SelectionMethod::FullScan
        } else {
            choices.map_or(default.selection_method, SelectionMethod::NChoices)
        },
    }
}

fn ring(least: Option<&UInt64Value>, most: Option<&UInt64Value>, murmur: bool) -> RingConfig {
    let default = RingConfig::default();
    RingConfig {
        minimum_ring_size: least.map_or(default.minimum_ring_size, |size| size.value),
        maximum_ring_size: most.map_or(default.maximum_ring_size, |size| size.value),
        hash_function: if murmur {
            HashFunction::MurmurHash2
        } else {
            HashFunction::XxHash
        },
    }
}

fn slow_start(config: Option<&SlowStartConfig>) -> Option<SlowStart> {
    let config = config?;
    build_slow_start(
        config.slow_start_window.as_ref(),
        config.aggression.as_ref(),
        config.min_weight_percent.as_ref(),
    )
}

fn old_slow_start(config: Option<&OldSlowStart>) -> Option<SlowStart> {
    let config = config?;
    build_slow_start(
        config.slow_start_window.as_ref(),
        config.aggression.as_ref(),
        config.min_weight_percent.as_ref(),
    )
}

/// No window, or one of zero, is no slow start.
fn build_slow_start(
    window: Option<&ProtoDuration>,
    aggression: Option<&RuntimeDouble>,
    least: Option<&Percent>,
) -> Option<SlowStart> {
    let window = window
        .map(duration)
        .filter(|window| window.as_millis() > 0)?;
    let mut slow_start = SlowStart::new(window);
    if let Some(aggression) = aggression {
        slow_start.aggression = aggression.default_value;
    }
    if let Some(percent) = least {
        slow_start.min_weight = percent.value / 100.0;
    }
    Some(slow_start)
}

/// As Envoy rounds: to the nearest whole percent.
pub(super) fn whole_percent(percent: &Percent) -> u32 {
    percent.value.round().clamp(0.0, 100.0) as u32
}

fn is_prime(number: u64) -> bool {
    number > 1
        && (2..)
            .take_while(|factor| factor * factor <= number)
            .all(|factor| !number.is_multiple_of(factor))
}

/// Envoy default, percent.
const PANIC_THRESHOLD: u32 = 50;
/// Envoy's limits.
const LARGEST_RING: u64 = 8_388_608;
const LARGEST_TABLE: u64 = 5_000_011;
