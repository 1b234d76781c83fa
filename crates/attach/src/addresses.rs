// SPDX-License-Identifier: Apache-2.0
//! On which address each Gateway listens.
//!
//! In: Gateways, the oldest first, and what the installation says of addresses. Out: the address that
//! each was given of a pool, and the one that its listeners are on.

mod pool;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use sluicegate_resource::{Object, ObjectRef, Store, gateway};

use crate::{Gateway, Options};

pub use pool::Pool;

/// Where Gateways listen. No manifest says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listening {
    /// As the controller of a cluster does that these objects are from: its Services and the addresses
    /// in status show it.
    AsSeen,
    /// On every address: a port is the oldest Gateway's.
    #[default]
    Everywhere,
    /// On every address, behind something for each Gateway that maps its ports, such as a Service:
    /// several Gateways may have the same one.
    Mapped,
    /// Each on an address of its own: that of the pool, or where there is none the one that is known
    /// here. A Gateway keeps what is known of it.
    OwnAddress(BTreeMap<ObjectRef, IpAddr>),
}

/// Where the proxy listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenAddress {
    /// The address; `None` is every one.
    pub ip: Option<IpAddr>,
    /// The port, 1..65535.
    pub port: u16,
}

/// Why a Gateway does not have its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressProblem {
    /// None could be given, yet or at all.
    NotAssigned(String),
    /// What it asks for cannot be given.
    NotUsable(String),
    /// Nobody answers at what was given.
    NobodyThere(String),
}

/// Annotation of what is made for a Gateway: its `namespace/name`.
pub const OF_GATEWAY: &str = "sluicegate.dev/gateway";

/// Gives every Gateway its address, and says what was meant by [`Listening::AsSeen`].
pub(crate) fn give(gateways: &mut [Gateway], store: &Store, options: &Options) -> Listening {
    let listening = match &options.listening {
        Listening::AsSeen => as_seen(gateways, store),
        said => said.clone(),
    };
    let Listening::OwnAddress(known) = &listening else {
        return listening;
    };
    let pools = &options.address_pool;
    let mut given = match pools.is_empty() {
        true => BTreeMap::new(),
        false => pool::assign(pools, wishes(gateways, known)),
    };
    let mut addresses = BTreeMap::new();
    for gateway in gateways {
        let reference = gateway.object.reference();
        gateway.given = given.remove(reference);
        let ip = match &gateway.given {
            Some(given) => given.as_ref().ok(),
            None => known.get(reference),
        };
        addresses.extend(ip.map(|ip| (reference.clone(), *ip)));
        gateway.listens = ip.is_some() || gateway.given.is_none();
        let ip = ip.copied();
        gateway.listeners.iter_mut().for_each(|it| it.at.ip = ip);
    }
    Listening::OwnAddress(addresses)
}

/// Services that are made for Gateways map their ports; and where no two Gateways have the same
/// address in their status, each has one of its own.
fn as_seen(gateways: &[Gateway], store: &Store) -> Listening {
    let whole = |gateway: &Gateway| {
        let reference = gateway.object.reference();
        format!("{}/{}", reference.namespace, reference.name)
    };
    let names: BTreeSet<String> = gateways.iter().map(whole).collect();
    let services = store.services.values();
    let mut owners = services.filter_map(|it| it.metadata.annotations.get(OF_GATEWAY));
    if owners.any(|owner| names.contains(owner)) {
        return Listening::Mapped;
    }
    let mut known = BTreeMap::new();
    let mut different = BTreeSet::new();
    for gateway in gateways {
        match status_addresses(&gateway.object).as_slice() {
            [] => {}
            [one] if different.insert(*one) => {
                known.insert(gateway.object.reference().clone(), *one);
            }
            _ => return Listening::Everywhere,
        }
    }
    match known.len() {
        // It says nothing of others.
        0 | 1 => Listening::Everywhere,
        _ => Listening::OwnAddress(known),
    }
}

/// What each Gateway asks for, and has had: what is in its status first, of which others know.
fn wishes(gateways: &[Gateway], known: &BTreeMap<ObjectRef, IpAddr>) -> Vec<pool::Wish> {
    let wishes = gateways.iter().map(|gateway| {
        let reference = gateway.object.reference();
        let mut had = status_addresses(&gateway.object);
        had.extend(known.get(reference));
        pool::Wish {
            gateway: reference.clone(),
            wanted: gateway.wanted_address(),
            had,
        }
    });
    wishes.collect()
}

fn status_addresses(gateway: &Object<gateway::Gateway>) -> Vec<IpAddr> {
    let status = gateway.document.root.get("status");
    let addresses = status.and_then(|status| status.get("addresses"));
    let addresses = addresses.map(|addresses| addresses.to_json());
    let addresses = addresses.iter().filter_map(|it| it.as_array()).flatten();
    let values = addresses.filter_map(|it| it["value"].as_str()?.parse().ok());
    values.collect()
}

impl Gateway {
    /// The IP address that it asks for. Of several the first counts.
    pub fn wanted_address(&self) -> Option<IpAddr> {
        let addresses = self.object.spec.addresses.iter();
        let mut values = addresses.filter(|(kind, _)| kind == "IPAddress");
        values.find_map(|(_, value)| value.as_ref()?.parse().ok())
    }
}

/// The port, with the address in front where it is not every one.
impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(ip) => SocketAddr::new(ip, self.port).fmt(f),
            None => self.port.fmt(f),
        }
    }
}

/// What [`Display`](fmt::Display) writes.
impl FromStr for ListenAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(port) = text.parse() {
            return Ok(Self { ip: None, port });
        }
        let address: SocketAddr = text.parse()?;
        Ok(Self {
            ip: Some(address.ip()),
            port: address.port(),
        })
    }
}

#[cfg(test)]
mod tests;
