// SPDX-License-Identifier: Apache-2.0
//! Ports that several Gateways have.
//!
//! In: Gateways, the oldest first, with the addresses that they listen on. Out: the port on which the
//! proxy listens for each listener. One proxy serves them all, so a port of an address is the oldest
//! Gateway's; the others' listeners are mapped to ports that nobody has, where something maps clients
//! there, and lose otherwise.

use std::collections::{BTreeMap, BTreeSet};

use sluicegate_resource::ObjectRef;

use crate::{Gateway, ListenAddress, verdict::Outcome};

/// Settles whose each port is.
pub(crate) fn share(gateways: &mut [Gateway], mapped: bool) {
    let listeners = gateways.iter().flat_map(|gateway| &gateway.listeners);
    let wanted: BTreeSet<u16> = listeners.map(|listener| listener.spec.port).collect();
    let mut taken: BTreeMap<ListenAddress, ObjectRef> = BTreeMap::new();
    for gateway in gateways.iter_mut().filter(|gateway| gateway.listens) {
        let reference = gateway.object.reference().clone();
        let mut own: BTreeMap<u16, u16> = BTreeMap::new();
        for listener in &mut gateway.listeners {
            let port = listener.spec.port;
            let ip = listener.at.ip;
            let other = taken.get(&listener.at).filter(|it| **it != reference);
            match (other, own.get(&port)) {
                (None, _) => {}
                (Some(_), Some(same)) => listener.at.port = *same,
                (Some(other), None) => {
                    let free = |port: &u16| {
                        let at = ListenAddress { ip, port: *port };
                        !taken.contains_key(&at) && !wanted.contains(port)
                    };
                    let found = candidates(&reference, port).find(free);
                    if let Some(found) = found.filter(|_| mapped) {
                        listener.at.port = found;
                        own.insert(port, found);
                    } else {
                        let message = format!("port {port} belongs to {other}");
                        listener.verdict.accepted = Outcome::No("PortUnavailable", message);
                    }
                }
            }
        }
        let serving = gateway.listeners.iter();
        for listener in serving.filter(|it| it.verdict.accepted.is_ok()) {
            let owner = || reference.clone();
            taken.entry(listener.at).or_insert_with(owner);
        }
    }
}

/// Ports to map to, in an order of the Gateway's own: what others do moves it as rarely as can be,
/// and every replica comes to the same.
fn candidates(gateway: &ObjectRef, port: u16) -> impl Iterator<Item = u16> + use<> {
    let text = format!("{}/{}/{port}", gateway.namespace, gateway.name);
    let hash = stable_hash(&text);
    let first = u16::try_from(hash % u32::from(MAPPED)).unwrap_or(0);
    (0..MAPPED).map(move |step| FIRST + (first + step) % MAPPED)
}

/// Whether a port is one of those to map to.
pub fn is_mapped(port: u16) -> bool {
    (FIRST..FIRST + MAPPED).contains(&port)
}

/// The same in every version of this program, unlike the standard library's: for what must not change
/// with an upgrade. FNV-1a.
pub fn stable_hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Ports to map to: below those that Linux gives to connections. Ours.
const FIRST: u16 = 20_000;

/// How many there are. Ours.
const MAPPED: u16 = 10_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_manifest::{SourceText, parse};
    use sluicegate_resource::{Decoder, ObjectRef, UnknownFields};

    use crate::{Attacher, Listening, Options};

    /// Where each listener is after `text`, and what became of it.
    fn shared(text: &str, mapped: bool) -> Vec<(String, u16, bool)> {
        shared_among(text, mapped, &[])
    }

    /// The same where somebody tells which Gateways are the oldest.
    fn shared_among(text: &str, mapped: bool, oldest: &[&str]) -> Vec<(String, u16, bool)> {
        let listening = match mapped {
            true => Listening::Mapped,
            false => Listening::Everywhere,
        };
        let source = Arc::new(SourceText::new("test.yaml", text.to_owned()));
        let store = Decoder::new(UnknownFields::Error).decode(&parse(source).documents);
        let gateway = |name: &&str| {
            let group = "gateway.networking.k8s.io";
            ObjectRef::new(group, "Gateway", "default", name)
        };
        let options = Options {
            listening,
            oldest: oldest.iter().map(gateway).collect(),
            ..Options::default()
        };
        let graph = Attacher::new(options).attach(&store);
        let listeners = graph.gateways.iter().flat_map(|gateway| {
            let name = gateway.object.reference().name.to_string();
            let of = move |it: &crate::Listener| {
                let whole = format!("{name}/{}", it.spec.name);
                (whole, it.at.port, it.verdict.accepted.is_ok())
            };
            gateway.listeners.iter().map(of)
        });
        listeners.collect()
    }

    fn gateway(name: &str, age: u32, listeners: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default, creationTimestamp: '2026-01-01T00:00:{age:02}Z'}}
spec:
  gatewayClassName: edge
  listeners: [{listeners}]
"
        )
    }

    const HTTP: &str = "{name: http, port: 80, protocol: HTTP}";
    const BOTH: &str = "{name: a, port: 80, protocol: HTTP, hostname: a.example.com}, \
                        {name: b, port: 80, protocol: HTTP, hostname: b.example.com}, \
                        {name: c, port: 8080, protocol: HTTP}";

    #[test]
    fn the_oldest_has_a_port_and_others_lose_it_or_are_mapped() {
        let old = gateway("old", 1, HTTP);
        let text = [gateway("new", 2, BOTH), old.clone()].join("---\n");
        let plain = shared(&text, false);
        let of = |all: &[(String, u16, bool)], name: &str| {
            let found = all.iter().find(|it| it.0 == name).unwrap();
            (found.1, found.2)
        };
        assert_eq!(of(&plain, "old/http"), (80, true));
        assert_eq!(of(&plain, "new/a"), (80, false));
        assert_eq!(of(&plain, "new/c"), (8080, true));
        let mapped = shared(&text, true);
        assert_eq!(of(&mapped, "old/http"), (80, true));
        let (port, accepted) = of(&mapped, "new/a");
        assert!(accepted && (20_000..30_000).contains(&port), "{port}");
        assert_eq!(of(&mapped, "new/b"), (port, true));
        assert_eq!(of(&mapped, "new/c"), (8080, true));

        // One that has this very port moves it, and nothing else does.
        let between = HTTP.replace("80", &port.to_string());
        let more = [text.clone(), gateway("between", 0, &between)].join("---\n");
        assert_ne!(of(&shared(&more, true), "new/a").0, port);
        let more = [text, gateway("another", 0, &HTTP.replace("80", "81"))].join("---\n");
        assert_eq!(of(&shared(&more, true), "new/a").0, port);
    }

    #[test]
    fn ages_that_are_told_go_before_those_of_manifests() {
        let text = ["a", "b", "c"]
            .map(|name| gateway(name, 1, HTTP))
            .join("---\n");
        let owner = |oldest: &[&str]| {
            let all = shared_among(&text, true, oldest);
            all.into_iter().find(|it| it.1 == 80).map(|it| it.0)
        };
        assert_eq!(owner(&[]).as_deref(), Some("a/http"));
        assert_eq!(owner(&["c", "a"]).as_deref(), Some("c/http"));
        assert_eq!(owner(&["gone", "b"]).as_deref(), Some("b/http"));
    }
}
