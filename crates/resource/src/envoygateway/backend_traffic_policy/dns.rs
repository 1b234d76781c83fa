// SPDX-License-Identifier: Apache-2.0
//! `dns`.
//!
//! In: the block. Out: how names of backends are resolved.

use std::time::Duration;

use crate::admission::Block;

/// Resolution of backends that are names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dns {
    /// `dnsRefreshRate`, at least 2 ms (Envoy wants more than 1 ms). Absent: that of the backend, else
    /// 60 s (Envoy default; 30 s in Envoy Gateway).
    pub dns_refresh_rate: Option<Duration>,
    /// `respectDnsTtl`: the answer's own time takes the place of the rate. Absent: as the backend has
    /// it, else false (Envoy default; true in Envoy Gateway).
    pub respect_dns_ttl: Option<bool>,
    /// `lookupFamily`. Absent: `IPv4Preferred` (Envoy Gateway default).
    pub lookup_family: Option<LookupFamily>,
}

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupFamily {
    /// `IPv4`.
    Ipv4,
    /// `IPv4AndIPv6`: both are used.
    Ipv4AndIpv6,
    /// `IPv4Preferred`: IPv6 where there is no IPv4.
    Ipv4Preferred,
    /// `IPv6`.
    Ipv6,
    /// `IPv6Preferred`: IPv4 where there is no IPv6.
    Ipv6Preferred,
}

impl Dns {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        Self {
            dns_refresh_rate: block.duration_from("dnsRefreshRate", Duration::from_millis(2)),
            respect_dns_ttl: block.boolean("respectDnsTtl"),
            lookup_family: block.choice(
                "lookupFamily",
                &[
                    ("IPv4", LookupFamily::Ipv4),
                    ("IPv6", LookupFamily::Ipv6),
                    ("IPv4Preferred", LookupFamily::Ipv4Preferred),
                    ("IPv6Preferred", LookupFamily::Ipv6Preferred),
                    ("IPv4AndIPv6", LookupFamily::Ipv4AndIpv6),
                ],
            ),
        }
    }
}
