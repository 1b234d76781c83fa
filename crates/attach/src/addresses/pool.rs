// SPDX-License-Identifier: Apache-2.0
//! A pool of addresses, for machines without a load balancer.
//!
//! In: the pool, what Gateways ask for and what they have. Out: one address each, which a Gateway
//! keeps.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use sluicegate_resource::ObjectRef;

use super::AddressProblem;

/// Addresses from the first to the last, of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    first: IpAddr,
    last: IpAddr,
}

/// What a Gateway asks for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) gateway: ObjectRef,
    pub(super) wanted: Option<IpAddr>,
    pub(super) had: Vec<IpAddr>,
}

/// An address, or why there is none.
pub(super) type Given = Result<IpAddr, AddressProblem>;

/// Gives out addresses. Nobody loses one that it has, then those who ask for one get it, then the
/// others the lowest that are free.
pub(super) fn assign(pools: &[Pool], wishes: Vec<Wish>) -> BTreeMap<ObjectRef, Given> {
    let mut given = BTreeMap::new();
    let mut taken: BTreeMap<IpAddr, ObjectRef> = BTreeMap::new();
    for wish in &wishes {
        let mut had = wish.had.iter().copied();
        let fits = |it: &IpAddr| wish.wanted.is_none_or(|wanted| wanted == *it);
        let kept = had.find(|it| fits(it) && contains(pools, *it) && !taken.contains_key(it));
        if let Some(kept) = kept {
            taken.insert(kept, wish.gateway.clone());
            given.insert(wish.gateway.clone(), Ok(kept));
        }
    }
    let others = wishes
        .into_iter()
        .filter(|it| !given.contains_key(&it.gateway));
    let (asking, others): (Vec<_>, Vec<_>) = others.partition(|it| it.wanted.is_some());
    for wish in asking {
        let Some(wanted) = wish.wanted else {
            continue;
        };
        let outcome = match taken.get(&wanted) {
            Some(other) => Err(format!("{wanted} is in use by {other}")),
            None if !contains(pools, wanted) => Err(format!("{wanted} is not in the pool")),
            None => Ok(wanted),
        };
        if outcome.is_ok() {
            taken.insert(wanted, wish.gateway.clone());
        }
        given.insert(wish.gateway, outcome.map_err(AddressProblem::NotUsable));
    }
    let mut free = pools.iter().flat_map(Pool::addresses);
    let mut free = free.by_ref().filter(|it| !taken.contains_key(it));
    for wish in others {
        let none = || AddressProblem::NotAssigned(EXHAUSTED.to_owned());
        given.insert(wish.gateway, free.next().ok_or_else(none));
    }
    given
}

const EXHAUSTED: &str = "the address pool has no free address";

fn contains(pools: &[Pool], address: IpAddr) -> bool {
    let mut pools = pools.iter();
    pools.any(|pool| {
        pool.first.is_ipv4() == address.is_ipv4() && pool.first <= address && address <= pool.last
    })
}

impl Pool {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let v4 = self.first.is_ipv4();
        (bits(self.first)..=bits(self.last)).map(move |bits| address(bits, v4))
    }
}

/// `first-last`.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A CIDR block, all of it, or `first-last`.
impl FromStr for Pool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is neither a CIDR block nor first-last");
        let parse = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| problem());
        let pool = if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (parse(first)?, parse(last)?);
            Self { first, last }
        } else {
            let (network, length) = text.split_once('/').ok_or_else(problem)?;
            let first = parse(network)?;
            let v4 = first.is_ipv4();
            let most: u32 = if v4 { 32 } else { 128 };
            let length: u32 = length.parse().map_err(|_| problem())?;
            let host = most.checked_sub(length).ok_or_else(problem)?;
            let hosts = u128::MAX.checked_shr(128 - host).unwrap_or(0);
            if bits(first) & hosts != 0 {
                return Err(format!("{text:?} has bits beyond its prefix"));
            }
            let last = address(bits(first) | hosts, v4);
            Self { first, last }
        };
        if pool.first.is_ipv4() != pool.last.is_ipv4() || pool.first > pool.last {
            return Err(format!("{text:?}: the last address is before the first"));
        }
        Ok(pool)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(bits: u128, v4: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if v4 => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, Wish, assign};
    use sluicegate_resource::ObjectRef;

    fn wish(name: &str, wanted: &str, had: &str) -> Wish {
        Wish {
            gateway: ObjectRef::new("gateway.networking.k8s.io", "Gateway", "default", name),
            wanted: wanted.parse().ok(),
            had: had.parse().ok().into_iter().collect(),
        }
    }

    fn given(pool: &str, wishes: &[Wish]) -> Vec<String> {
        let pools = [pool.parse().unwrap()];
        let given = assign(&pools, wishes.to_vec()).into_values();
        let words = given.map(|it| match it {
            Ok(address) => address.to_string(),
            Err(problem) => format!("{problem:?}"),
        });
        words.collect()
    }

    #[test]
    fn everybody_gets_one_and_keeps_it() {
        let pool = "192.0.2.0/30";
        let fresh = [wish("a", "", ""), wish("b", "", "")];
        assert_eq!(given(pool, &fresh), ["192.0.2.0", "192.0.2.1"]);
        // One that comes before it in order takes nothing away.
        let later = [wish("a", "", ""), wish("b", "", "192.0.2.0")];
        assert_eq!(given(pool, &later), ["192.0.2.1", "192.0.2.0"]);
        // Nor does one that asks for it.
        let asking = [wish("a", "192.0.2.0", ""), wish("b", "", "192.0.2.0")];
        let refused = "NotUsable(\"192.0.2.0 is in use by Gateway default/b\")";
        assert_eq!(given(pool, &asking), [refused, "192.0.2.0"]);
        // An address that the pool does not have is not kept.
        let moved = [wish("a", "", "198.51.100.1"), wish("b", "192.0.2.0", "")];
        assert_eq!(given(pool, &moved), ["192.0.2.1", "192.0.2.0"]);
    }

    #[test]
    fn what_cannot_be_given_is_told() {
        let pool = "192.0.2.1-192.0.2.2";
        let wishes = [
            wish("a", "192.0.2.2", ""),
            wish("b", "192.0.2.2", "192.0.2.2"),
            wish("c", "203.0.113.1", ""),
            wish("d", "", ""),
            wish("e", "", ""),
        ];
        assert_eq!(
            given(pool, &wishes),
            [
                "NotUsable(\"192.0.2.2 is in use by Gateway default/b\")",
                "192.0.2.2",
                "NotUsable(\"203.0.113.1 is not in the pool\")",
                "192.0.2.1",
                "NotAssigned(\"the address pool has no free address\")",
            ]
        );
    }

    #[test]
    fn pools_are_blocks_or_ranges() {
        for (text, first, last) in [
            ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("2001:db8::/126", "2001:db8::", "2001:db8::3"),
            ("192.0.2.5 - 192.0.2.9", "192.0.2.5", "192.0.2.9"),
        ] {
            let pool: Pool = text.parse().unwrap();
            let ends = (pool.first.to_string(), pool.last.to_string());
            assert_eq!(ends, (first.to_owned(), last.to_owned()), "{text}");
            assert_eq!(pool.to_string().parse(), Ok(pool));
        }
        for text in [
            "192.0.2.1",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.9-192.0.2.5",
            "192.0.2.1-2001:db8::1",
        ] {
            assert!(text.parse::<Pool>().is_err(), "{text}");
        }
    }
}
