// SPDX-License-Identifier: Apache-2.0
//! Load balancing algorithms: plain data, no I/O, no clock.

mod balancer;
mod edf;
mod hash;
mod least_request;
mod locality;
mod maglev;
mod normalise;
mod overrides;
mod previous_priorities;
mod priority;
mod random;
mod ring_hash;
mod slow_start;
mod zone_aware;

pub(crate) use balancer::{Balancer, HashTable, ListedHost, Pick, Policy, Table};
pub(crate) use hash::{
    HashFunction,
    policy::{
        CookieMethod, HashInput, HashMethod, HashPolicy, Hashed, HeaderMethod, hash_request,
        hash_source,
    },
};
pub(crate) use least_request::{LeastRequest, SelectionMethod};
pub(crate) use locality::{LocalityHosts, LocalityWeighted};
pub(crate) use maglev::TABLE_SIZE;
pub(crate) use normalise::{WeighedHost, normalise_hosts, normalise_localities};
pub(crate) use overrides::Overrides;
pub(crate) use previous_priorities::PreviousPriorities;
pub(crate) use priority::{Availability, Share, shares};
pub(crate) use ring_hash::RingConfig;
pub(crate) use slow_start::SlowStart;
pub(crate) use zone_aware::{Off, Routed, ZoneAware, ZoneLimits, ZoneSize, ZoneSizes};
