// SPDX-License-Identifier: Apache-2.0
//! A session against a client that behaves like Envoy, in random order.
//!
//! Guards what must hold whatever happens: the client ends with what the snapshot has, except what
//! it refuses; every cluster that warms gets its endpoints; nothing comes that was not asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use prost::Message;
use sluicegate_snapshot::{Builder, Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::pb::envoy::config::cluster::v3::{Cluster, cluster::EdsClusterConfig};

use super::{DeltaRequest, Reply, Session, Step, Variant, WorldRequest};

use ResourceType::{Cluster as Cds, Endpoint as Eds, Listener as Lds, Route as Rds};

/// The content that the client refuses.
const BAD: u8 = 0;

/// Each of a few names, or not, with one of a few contents. Endpoints change version with their
/// clusters, as translation has it: a client that comes back while a cluster warms lacks them.
fn random_snapshot(rng: &mut Rng) -> Arc<Snapshot> {
    let mut builder = Builder::default();
    let mut clusters: BTreeMap<String, Version> = BTreeMap::new();
    for resource_type in [Cds, Eds, Lds, Rds] {
        for name in ["a", "b", "c", "d", "e", "f"] {
            if rng.u8(0..4) == 0 {
                continue;
            }
            let mut made = resource(resource_type, name, rng.u8(BAD..6));
            let endpoints = super::endpoints_of(&made);
            if let (Cds, Some(endpoints)) = (resource_type, endpoints) {
                let sum = clusters.entry(endpoints).or_default();
                sum.0 = sum.0.wrapping_add(made.version.0);
            }
            if resource_type == Eds {
                let cluster = clusters.get(name).copied().unwrap_or_default();
                made = Resource::new(Eds, name, made.body.to_vec(), cluster);
            }
            builder.add(Arc::new(made));
        }
    }
    Arc::new(builder.build())
}

fn resource(resource_type: ResourceType, name: &str, content: u8) -> Resource {
    let cluster = Cluster {
        name: name.to_owned(),
        alt_stat_name: content.to_string(),
        // Some clusters share endpoints, some have none.
        eds_cluster_config: (content != 1).then(|| EdsClusterConfig {
            service_name: if content == 2 { "a" } else { "" }.to_owned(),
            ..EdsClusterConfig::default()
        }),
        ..Cluster::default()
    };
    let body = cluster.encode_to_vec();
    Resource::new(resource_type, name, body, Version(0))
}

fn is_bad(resource: &Resource) -> bool {
    let cluster = Cluster::decode(resource.body.clone()).unwrap();
    cluster.alt_stat_name == BAD.to_string()
}

/// What Envoy keeps, with what it has not read yet.
struct Client {
    variant: Variant,
    has: [BTreeMap<String, Arc<Resource>>; 5],
    /// Nonce of the newest response that was read, by type.
    nonces: [String; 5],
    endpoints: BTreeSet<String>,
    /// Endpoint names that clusters wait for.
    warming: BTreeSet<String>,
    /// Those that waited when a stream ended: should their endpoints be what it had before, Envoy
    /// goes on with these after 15 s.
    interrupted: BTreeSet<String>,
    unread: VecDeque<Reply>,
    refusals: usize,
}

impl Client {
    fn new(variant: Variant) -> Self {
        Self {
            variant,
            has: Default::default(),
            nonces: Default::default(),
            endpoints: BTreeSet::new(),
            warming: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            unread: VecDeque::new(),
            refusals: 0,
        }
    }

    /// Opens a stream: what was on the old one is lost, what is in force is not.
    fn connect(&mut self, snapshot: &Arc<Snapshot>) -> Session {
        self.unread.clear();
        self.interrupted.append(&mut self.warming.clone());
        self.nonces = Default::default();
        let mut session = Session::new(self.variant, snapshot.clone());
        for of in [Cds, Lds] {
            self.request(&mut session, of, (&[], &[]), None);
        }
        let names: Vec<String> = self.endpoints.iter().cloned().collect();
        self.request(&mut session, Eds, (&names, &[]), None);
        let routes = ["a", "b", "none"].map(str::to_owned);
        self.request(&mut session, Rds, (&routes, &[]), None);
        session
    }

    fn request(
        &self,
        session: &mut Session,
        of: ResourceType,
        (subscribe, unsubscribe): (&[String], &[String]),
        refusal: Option<&str>,
    ) {
        let has = self.has[of as usize].iter();
        let has: HashMap<String, String> = has
            .map(|(name, resource)| (name.clone(), resource.version.to_string()))
            .collect();
        let nonce = &self.nonces[of as usize];
        if self.variant == Variant::Delta {
            let request = DeltaRequest {
                subscribe,
                unsubscribe,
                initial_versions: &has,
                nonce,
                refusal,
            };
            session.delta_request(of, &request);
            return;
        }
        let names: Vec<String> = match of {
            Eds => self.endpoints.iter().cloned().collect(),
            Rds => ["a", "b", "none"].map(str::to_owned).into(),
            _ => Vec::new(),
        };
        let request = WorldRequest {
            names: &names,
            nonce,
            refusal,
            ..WorldRequest::default()
        };
        session.world_request(of, &request);
    }

    /// Reads one response and answers it.
    fn read(&mut self, session: &mut Session, rng: &mut Rng) {
        let Some(reply) = self.unread.pop_front() else {
            return;
        };
        let of = reply.resource_type;
        self.nonces[of as usize] = reply.nonce.to_string();
        let bad: Vec<&Arc<Resource>> = reply.resources.iter().filter(|it| is_bad(it)).collect();
        let refusal = (!bad.is_empty()).then(|| {
            let names: Vec<String> = bad.iter().map(|it| format!("{}: no", it.name)).collect();
            // Sometimes Envoy names nobody, and then it applies nothing.
            if rng.bool() {
                names.join(", ")
            } else {
                "something".to_owned()
            }
        });
        if refusal.as_deref() != Some("something") {
            self.apply(&reply);
        }
        self.refusals += usize::from(refusal.is_some());
        let wanted: BTreeSet<String> = self.has[Cds as usize]
            .values()
            .filter_map(|it| super::endpoints_of(it))
            .collect();
        let added: Vec<String> = wanted.difference(&self.endpoints).cloned().collect();
        let dropped: Vec<String> = self.endpoints.difference(&wanted).cloned().collect();
        self.warming.retain(|name| wanted.contains(name));
        self.endpoints = wanted;
        for name in &dropped {
            self.has[Eds as usize].remove(name);
        }
        if of == Eds {
            self.request(session, of, (&[], &[]), refusal.as_deref());
            return;
        }
        // Envoy asks for endpoints before it answers the cluster.
        let nonce = std::mem::take(&mut self.nonces[Eds as usize]);
        if self.variant == Variant::StateOfTheWorld {
            self.nonces[Eds as usize] = nonce;
        }
        if !added.is_empty() || !dropped.is_empty() {
            self.request(session, Eds, (&added, &dropped), None);
        }
        self.request(session, of, (&[], &[]), refusal.as_deref());
    }

    fn apply(&mut self, reply: &Reply) {
        let of = reply.resource_type;
        let has = &mut self.has[of as usize];
        let whole = self.variant == Variant::StateOfTheWorld && matches!(of, Cds | Lds);
        if whole {
            let names: BTreeSet<&str> = reply.resources.iter().map(|it| &*it.name).collect();
            has.retain(|name, _| names.contains(name.as_str()));
        }
        for name in &reply.removed {
            has.remove(&**name);
        }
        for resource in reply.resources.iter().filter(|it| !is_bad(it)) {
            if of == Eds && !self.endpoints.contains(&*resource.name) {
                // Nobody watches it any more.
                continue;
            }
            if of == Eds {
                self.warming.remove(&*resource.name);
            }
            let before = has.insert(resource.name.to_string(), resource.clone());
            let changed = before.is_none_or(|before| before.version != resource.version);
            if of == Cds && changed {
                self.warming.extend(super::endpoints_of(resource));
            }
        }
    }

    /// What is on its way was asked for: now, or by what the client has asked since.
    fn check(&self, reply: &Reply, ever: &BTreeSet<String>) {
        if reply.resource_type == Eds {
            for resource in &reply.resources {
                assert!(ever.contains(&*resource.name), "stray {}", resource.name);
            }
        }
    }

    /// The end of everything: what is good is here, what is bad is not, nothing waits.
    fn settled(&self, snapshot: &Snapshot) {
        for of in [Cds, Eds, Lds, Rds] {
            let has = &self.has[of as usize];
            for (name, resource) in snapshot.resources(of) {
                let wanted = match of {
                    Eds => self.endpoints.contains(&**name),
                    Rds => ["a", "b"].contains(&&**name),
                    _ => true,
                };
                if !wanted {
                    continue;
                }
                let version = has.get(&**name).map(|it| it.version);
                if is_bad(resource) {
                    assert_ne!(version, Some(resource.version), "{of:?} {name}");
                } else {
                    assert_eq!(version, Some(resource.version), "{of:?} {name}");
                }
            }
            // In the state of the world nothing but a whole list can say what is gone.
            if self.variant == Variant::Delta || matches!(of, Cds | Lds) {
                let stale = has.keys().find(|name| snapshot.get(of, name).is_none());
                assert_eq!(stale, None, "{of:?}");
            }
        }
        let endpoints = snapshot.resources(Eds);
        let good = |name: &&String| endpoints.get(name.as_str()).is_some_and(|it| !is_bad(it));
        let cached = |name: &&String| {
            self.interrupted.contains(*name) && self.has[Eds as usize].contains_key(*name)
        };
        let mut waiting = self.warming.iter().filter(good);
        assert_eq!(waiting.find(|name| !cached(name)), None, "waits for ever");
    }
}

fn run(variant: Variant, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut now = Instant::now();
    let mut client = Client::new(variant);
    let mut snapshot = random_snapshot(&mut rng);
    let mut session = client.connect(&snapshot);
    let mut ever: BTreeSet<String> = BTreeSet::new();
    let changes = rng.usize(0..60);
    let mut quiet = 0;
    for step in 0.. {
        assert!(step < 5000, "no end in sight");
        now += Duration::from_millis(rng.u64(0..50));
        if step < changes && rng.u8(0..4) == 0 {
            snapshot = random_snapshot(&mut rng);
            session.update(snapshot.clone());
        } else if step < changes && rng.u8(0..25) == 0 {
            session = client.connect(&snapshot);
        }
        // A client reads when it likes.
        if rng.bool() {
            client.read(&mut session, &mut rng);
        }
        ever.extend(client.endpoints.iter().cloned());
        match session.next(now) {
            Step::Reply(reply) => {
                client.check(&reply, &ever);
                client.unread.push_back(reply);
                quiet = 0;
            }
            Step::Wait(until) => {
                now = now.max(until.unwrap_or(now));
                quiet += usize::from(client.unread.is_empty());
            }
        }
        if step > changes && quiet > 100 {
            break;
        }
    }
    client.settled(&snapshot);
    assert!(client.refusals < 60 * (changes + 10), "{}", client.refusals);
}

/// How many runs; more with `SLUICEGATE_ADS_SEEDS`.
fn seeds() -> u64 {
    let asked = std::env::var("SLUICEGATE_ADS_SEEDS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn whatever_happens_the_client_ends_with_what_it_should_have() {
    for seed in 0..seeds() {
        for variant in [Variant::Delta, Variant::StateOfTheWorld] {
            let outcome = std::panic::catch_unwind(|| run(variant, seed));
            assert!(outcome.is_ok(), "{variant:?} with seed {seed}");
        }
    }
}

#[test]
fn no_more_than_eight_responses_wait_for_an_answer() {
    let of = |content| {
        let mut builder = Builder::default();
        builder.add(Arc::new(resource(Cds, "a", content)));
        Arc::new(builder.build())
    };
    let mut session = Session::new(Variant::Delta, of(1));
    let request = DeltaRequest {
        subscribe: &[],
        unsubscribe: &[],
        initial_versions: &HashMap::new(),
        nonce: "",
        refusal: None,
    };
    session.delta_request(Cds, &request);
    let mut nonces = Vec::new();
    for content in 2..20 {
        if let Step::Reply(reply) = session.next(Instant::now()) {
            nonces.push(reply.nonce);
        }
        session.update(of(content));
    }
    assert_eq!(nonces.len(), 8);
    // Whoever answers the last one has answered all, and gets the newest.
    let nonce = nonces[7].to_string();
    let request = DeltaRequest {
        nonce: &nonce,
        ..request
    };
    session.delta_request(Cds, &request);
    let Step::Reply(reply) = session.next(Instant::now()) else {
        panic!("a response");
    };
    assert_eq!(reply.resources[0].version, resource(Cds, "a", 19).version);
}
