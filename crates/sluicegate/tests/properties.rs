// SPDX-License-Identifier: Apache-2.0
//! Laws that hold for any input, tried on many.
//!
//! In: the policy of the founding document with a field deleted, repeated, retyped or set to
//! something odd. Out: no panic, nothing that Envoy would refuse, and no effect on other backends.

// A panic is the failure report.
#![allow(clippy::unwrap_used)]

#[path = "common/harness.rs"]
mod harness;
#[path = "properties/traffic.rs"]
mod traffic;

use std::{fs, sync::Arc};

use harness::{Texts, documents, repository, shuffle};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::Index,
};
use serde_json::{Map, Value, json};
use sluicegate::pipeline::{Options, Round, Stages};
use sluicegate_manifest::Document;
use sluicegate_snapshot::{Resource, ResourceType};
use sluicegate_xds::validate::violations;

/// The walk-through of the founding document on connections, and more blocks for mutations to hit.
fn seed_policy() -> Value {
    let example = repository().join("examples/httpbin/policy.yaml");
    let text = fs::read_to_string(example).unwrap();
    let (documents, problems) = documents(&vec![("policy.yaml".to_owned(), text)]);
    assert!(problems.is_empty());
    let mut policy = documents[0].root.to_json();
    let more = json!({
        "loadBalancer": {
            "healthyPanicThreshold": 10,
            "ringHash": {
                "minimumRingSize": 10,
                "maximumRingSize": 20,
                "hashPolicies": [{ "cookie": { "name": "s", "ttl": "1h", "path": "/" } }],
            },
        },
        "healthCheck": {
            "timeout": "1s",
            "interval": "2s",
            "unhealthyThreshold": 1,
            "healthyThreshold": 1,
            "http": { "path": "/", "host": "a" },
        },
        "outlierDetection": { "interval": "1s", "maxEjectionPercent": 50 },
        "circuitBreakers": { "maxConnections": 1, "maxRetries": 0 },
        "dns": { "refreshRate": "1s", "jitter": "1s", "respectTTL": true },
        "upstreamProxyProtocol": { "version": "V2" },
        "tls": {
            "wellKnownCACertificates": "System",
            "sni": "a",
            "alpnProtocols": ["h2"],
            "parameters": { "minVersion": "1.2", "maxVersion": "1.3", "ecdhCurves": ["X25519"] },
        },
    });
    let spec = policy["spec"].as_object_mut().unwrap();
    spec.extend(more.as_object().unwrap().clone());
    policy
}

/// Backends that the policy is not about, with a policy of their own, and the one that it is.
const OTHERS: &str = "apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: bystander, namespace: httpbin}
spec:
  targetRefs: [{group: '', kind: Service, name: bystander}]
  connectTimeout: 3s
  tls: {wellKnownCACertificates: System}
---
apiVersion: v1
kind: Service
metadata: {name: bystander, namespace: httpbin, labels: {app: httpbin}}
spec:
  ports: [{name: http, port: 80}]
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: named, namespace: httpbin}
spec:
  static:
    hosts: [{host: www.example.com, port: 443}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bystander, namespace: httpbin}
spec:
  parentRefs: [{name: http, namespace: kgateway-system}]
  hostnames: [bystander.example.com]
  rules: [{backendRefs: [{name: bystander, port: 80}]}]
";

fn surroundings() -> Vec<Arc<Document>> {
    let mut texts: Texts = vec![("others.yaml".to_owned(), OTHERS.to_owned())];
    for name in ["gateway.yaml", "httpbin.yaml"] {
        let path = repository().join("examples/httpbin").join(name);
        texts.push((name.to_owned(), fs::read_to_string(path).unwrap()));
    }
    let (documents, problems) = documents(&texts);
    assert!(problems.is_empty(), "{problems:#?}");
    documents
}

/// One change of one place.
#[derive(Debug, Clone)]
enum Mutation {
    Delete,
    /// A copy under another name, or once more in a list.
    Duplicate,
    Replace(Value),
}

fn odd_value() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "0s",
        "1ms",
        "5s",
        "99999h99999h",
        "-1s",
        "on",
        "System",
        "V1",
        "1.3",
        "1.0",
        "GET",
        "a\r\nb",
        "\u{0}",
        "ä",
        "64Ki",
        "%",
        "Service",
        "RejectRequest",
        "httpbin",
        "bystander",
    ];
    let numbers = [
        0,
        1,
        -1,
        2,
        100,
        101,
        1024,
        65_535,
        8_388_609,
        2_147_483_647,
        2_147_483_648,
        i64::MAX,
        i64::MIN,
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        proptest::sample::select(numbers.to_vec()).prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just("x".repeat(5000).into()),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, {}, 1, "a"])),
        Just(json!({ "name": "a", "path": 1 })),
    ]
}

fn mutations() -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let mutation = prop_oneof![
        2 => Just(Mutation::Delete),
        1 => Just(Mutation::Duplicate),
        4 => odd_value().prop_map(Mutation::Replace),
    ];
    vec((any::<Index>(), mutation), 1..5)
}

/// The pointers of everything below `value` but the identity of the object.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| (index.to_string(), item))
                .collect()
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, item)| (name.clone(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let name = name.replace('~', "~0").replace('/', "~1");
        let path = format!("{at}/{name}");
        let identity = ["/apiVersion", "/kind", "/metadata"];
        if !identity.contains(&path.as_str()) {
            found.push(path.clone());
            places(child, &path, found);
        }
    }
}

fn mutate(policy: &mut Value, path: &str, mutation: &Mutation) {
    if let Mutation::Replace(value) = mutation {
        *policy.pointer_mut(path).unwrap() = value.clone();
        return;
    }
    let (parent, name) = path.rsplit_once('/').unwrap();
    match policy.pointer_mut(parent).unwrap() {
        Value::Array(items) => {
            let index: usize = name.parse().unwrap();
            match mutation {
                Mutation::Delete => drop(items.remove(index)),
                _ => items.push(items[index].clone()),
            }
        }
        Value::Object(fields) => change_field(fields, &name.replace("~1", "/"), mutation),
        _ => {}
    }
}

fn change_field(fields: &mut Map<String, Value>, name: &str, mutation: &Mutation) {
    let Some(value) = fields.get(name).cloned() else {
        return;
    };
    match mutation {
        Mutation::Delete => drop(fields.shift_remove(name)),
        _ => drop(fields.insert(format!("{name}s"), value)),
    }
}

fn document(policy: &Value) -> Vec<Arc<Document>> {
    // JSON is YAML.
    let (documents, problems) = documents(&vec![("mutated.yaml".to_owned(), policy.to_string())]);
    assert!(documents.len() == 1 || !problems.is_empty());
    documents
}

fn all(round: &Round) -> impl Iterator<Item = &Arc<Resource>> {
    let all = &round.translation.all;
    let kinds = ResourceType::ALL.into_iter();
    kinds.flat_map(|kind| all.resources(kind).values())
}

/// Whether the mutated policy is about this resource. Its targets may be mutated too, so every
/// backend that it is bound to counts.
fn concerned(round: &Round, cluster: &str) -> bool {
    let backend = round
        .graph
        .backends
        .values()
        .find(|backend| sluicegate_translate::names::cluster(&backend.key) == cluster);
    backend.is_some_and(|backend| {
        let mut bound = backend.bound.iter();
        bound.any(|policy| policy.metadata.name() == "httpbin-connection")
    })
}

/// Nothing is held back, and Envoy would take everything.
fn assert_fit(round: &Round, policy: &Value) {
    let refused = &round.translation.refused;
    assert!(refused.is_empty(), "held back: {refused:?}\n{policy:#}");
    for resource in all(round) {
        let found = violations(resource.resource_type.message_name(), &resource.body).unwrap();
        assert!(found.is_empty(), "{}: {found:?}\n{policy:#}", resource.name);
    }
}

/// Law 5 and the promise behind it: whatever is in one policy, what is emitted is fit for Envoy, and
/// resources that it is not about are the same bytes as without it.
fn check(policy: &Value) {
    let mut documents = surroundings();
    let without = harness::round(&documents, Options::default());
    documents.extend(document(policy));
    let round = harness::round(&documents, Options::default());
    assert_fit(&round, policy);
    if !concerned(&round, "kube_httpbin_bystander_80") {
        let routes = bystander_routes(&round);
        assert_eq!(routes, bystander_routes(&without), "{policy:#}");
    }
    for before in all(&without) {
        // Listeners have the half of a policy that a cluster cannot have, and routes to a closed
        // backend answer 500; what they share with others is looked at above.
        let shared = [ResourceType::Listener, ResourceType::Route];
        if shared.contains(&before.resource_type) || concerned(&round, &before.name) {
            continue;
        }
        let after = round
            .translation
            .all
            .get(before.resource_type, &before.name);
        let same = after.is_some_and(|after| after == before);
        assert!(
            same,
            "{:?} {} changed\n{policy:#}",
            before.resource_type, before.name
        );
    }
}

/// The virtual host that has nothing to do with the policy.
fn bystander_routes(round: &Round) -> Value {
    let configurations = harness::messages(&round.translation.all, ResourceType::Route);
    let (_, configuration) = &configurations[0];
    let mut hosts = configuration["virtual_hosts"].as_array().unwrap().iter();
    hosts
        .find(|host| host["domains"][0] == "bystander.example.com")
        .unwrap()
        .clone()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_policy_harms_nobody_else(mutations in mutations(), plain in any::<bool>()) {
        let mut policy = seed_policy();
        if plain {
            // So that mistakes do not close the backend.
            let spec = policy["spec"].as_object_mut().unwrap();
            spec.retain(|name, _| name != "tls" && name != "upstreamProxyProtocol");
        }
        for (place, mutation) in &mutations {
            let mut found = Vec::new();
            places(&policy, "", &mut found);
            if !found.is_empty() {
                mutate(&mut policy, &found[place.index(found.len())], mutation);
            }
        }
        check(&policy);
    }

    /// Law 2 on top of the cases: any order, the same version; with and without memory.
    #[test]
    fn any_order_gives_the_same_version(seed in any::<u64>()) {
        let mut documents = surroundings();
        documents.extend(document(&seed_policy()));
        let mut stages = Stages::new(Options::default());
        let first = stages.round(&documents);
        shuffle(&mut documents, seed);
        let again = stages.round(&documents);
        let fresh = harness::round(&documents, Options::default());
        let version = first.translation.all.version();
        assert_eq!(version, again.translation.all.version());
        assert_eq!(version, fresh.translation.all.version());
        assert_eq!(again.translation.translated_backends, 0);
    }
}

#[test]
fn the_policy_that_is_mutated_is_in_force() {
    let mut documents = surroundings();
    documents.extend(document(&seed_policy()));
    let round = harness::round(&documents, Options::default());
    let mut policies = round.graph.policies.iter();
    assert!(policies.all(|policy| policy.errors.is_empty()));
    let cluster = harness::cluster(&round, "kube_httpbin_httpbin_8000");
    for field in [
        "health_checks",
        "outlier_detection",
        "circuit_breakers",
        "transport_socket",
    ] {
        assert_ne!(cluster[field], Value::Null, "{field}");
    }
}

/// Checks a policy with every single place changed, once with every kind of change: the mutations
/// that chance may miss.
fn check_every_change(policy: &Value, check: fn(&Value)) {
    let mut found = Vec::new();
    places(policy, "", &mut found);
    let changes = [
        Mutation::Delete,
        Mutation::Duplicate,
        Mutation::Replace(Value::Null),
        Mutation::Replace(0.into()),
        Mutation::Replace((-1).into()),
        Mutation::Replace(i64::MAX.into()),
        Mutation::Replace("".into()),
        Mutation::Replace("0s".into()),
        Mutation::Replace("a\r\nb".into()),
        Mutation::Replace("x".repeat(5000).into()),
        Mutation::Replace(json!([])),
        Mutation::Replace(json!({})),
        Mutation::Replace(true.into()),
    ];
    for path in &found {
        for change in &changes {
            let mut mutated = policy.clone();
            mutate(&mut mutated, path, change);
            check(&mutated);
        }
    }
}

#[test]
fn no_single_change_harms_anybody_else() {
    check_every_change(&seed_policy(), check);
}
