// SPDX-License-Identifier: Apache-2.0
//! Where Gateways listen, as a running process tells it to whoever has manifests, which do not say it.
//!
//! In: a round with the pools of the installation, or what `/sluicegate/cluster` answers. Out: JSON for
//! that page, or the options of a pipeline that puts Gateways where they are.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sluicegate_attach::{Listening, Pool};
use sluicegate_resource::ObjectRef;

use crate::pipeline::{Options, Round};

/// Where Gateways are; each is named as `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    mode: Mode,
    /// The address of each Gateway that has one of its own.
    addresses: BTreeMap<String, IpAddr>,
    /// Pools that Gateways get their addresses of.
    pools: Vec<String>,
    /// Every Gateway, the oldest first: of those that want one port it has it.
    oldest: Vec<String>,
}

/// A way to have several Gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// On every address, a port is one Gateway's.
    Everywhere,
    /// Something in front of each maps its ports.
    Mapped,
    /// Each on an address of its own.
    OwnAddress,
}

impl Whereabouts {
    /// Where the Gateways of `round` are, with `pools` for those to come.
    pub fn of(round: &Round, pools: &[Pool]) -> Self {
        let graph = &round.graph;
        let (mode, known) = match &graph.listening {
            Listening::AsSeen | Listening::Everywhere => (Mode::Everywhere, None),
            Listening::Mapped => (Mode::Mapped, None),
            Listening::OwnAddress(known) => (Mode::OwnAddress, Some(known)),
        };
        let known = known.into_iter().flatten();
        let mut gateways: Vec<_> = graph.gateways.iter().map(|it| &it.object).collect();
        gateways.sort_by(|a, b| a.metadata.age_order().cmp(&b.metadata.age_order()));
        Self {
            mode,
            addresses: known.map(|(it, ip)| (name(it), *ip)).collect(),
            pools: pools.iter().map(Pool::to_string).collect(),
            oldest: gateways.iter().map(|it| name(it.reference())).collect(),
        }
    }

    /// What a page of a process says, which need not say it.
    ///
    /// # Errors
    /// When the text is no such page.
    pub fn read(page: &str) -> anyhow::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Page {
            listening: Option<Whereabouts>,
        }
        let page: Page = serde_json::from_str(page).context("the answer cannot be read")?;
        Ok(page.listening)
    }

    /// Puts Gateways there.
    ///
    /// # Errors
    /// When a pool is none.
    pub fn apply(&self, options: &mut Options) -> anyhow::Result<()> {
        let options = &mut options.attach;
        options.listening = match self.mode {
            Mode::Everywhere => Listening::Everywhere,
            Mode::Mapped => Listening::Mapped,
            Mode::OwnAddress => {
                let known = self.addresses.iter();
                Listening::OwnAddress(
                    known
                        .filter_map(|(it, ip)| Some((gateway(it)?, *ip)))
                        .collect(),
                )
            }
        };
        let pools = self.pools.iter().map(|it| it.parse::<Pool>());
        options.address_pool = pools
            .collect::<Result<_, _>>()
            .map_err(anyhow::Error::msg)?;
        options.oldest = self.oldest.iter().filter_map(|it| gateway(it)).collect();
        Ok(())
    }
}

fn name(gateway: &ObjectRef) -> String {
    format!("{}/{}", gateway.namespace, gateway.name)
}

fn gateway(name: &str) -> Option<ObjectRef> {
    let (namespace, name) = name.split_once('/')?;
    let group = "gateway.networking.k8s.io";
    Some(ObjectRef::new(group, "Gateway", namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_read() {
        let page = r#"{"address": "https://10.0.0.1", "listening": {"mode": "own_address",
            "addresses": {"shop/edge": "192.0.2.7"}, "pools": ["192.0.2.7-192.0.2.9"],
            "oldest": ["shop/edge", "default/a"]}}"#;
        let told = Whereabouts::read(page).unwrap().unwrap();
        let mut options = Options::default();
        told.apply(&mut options).unwrap();
        let edge = gateway("shop/edge").unwrap();
        let known = BTreeMap::from([(edge.clone(), "192.0.2.7".parse().unwrap())]);
        assert_eq!(options.attach.listening, Listening::OwnAddress(known));
        assert_eq!(options.attach.oldest, [edge, gateway("default/a").unwrap()]);
        let pools: Vec<String> = options
            .attach
            .address_pool
            .iter()
            .map(Pool::to_string)
            .collect();
        assert_eq!(pools, told.pools);
        let again = serde_json::json!({ "listening": told }).to_string();
        assert_eq!(Whereabouts::read(&again).unwrap(), Some(told));
        assert_eq!(Whereabouts::read("{}").unwrap(), None);
        assert!(Whereabouts::read("no page").is_err());
    }
}
