// SPDX-License-Identifier: Apache-2.0
//! The laws for a BackendTrafficPolicy: whatever is in it, base clusters and other routes stay.

use proptest::{
    prelude::{ProptestConfig, proptest},
    sample::Index,
};
use serde_json::{Value, json};
use sluicegate::pipeline::Options;
use sluicegate_snapshot::ResourceType;

use super::{
    Mutation, all, assert_fit, bystander_routes, check_every_change, document, harness, mutate,
    mutations, places, surroundings,
};

/// Every block that changes traffic, with values that are all accepted.
fn policy() -> Value {
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "BackendTrafficPolicy",
        "metadata": { "name": "traffic", "namespace": "httpbin" },
        "spec": {
            "targetRefs": [{ "kind": "HTTPRoute", "name": "httpbin" }],
            "loadBalancer": {
                "type": "ConsistentHash",
                "consistentHash": {
                    "type": "Cookie",
                    "tableSize": 1009,
                    "cookie": { "name": "c", "ttl": "1h", "path": "/", "attributes": { "a": "b" } },
                },
            },
            "circuitBreaker": {
                "maxConnections": 1,
                "maxRequests": 2,
                "maxParallelRetries": 3,
                "maxConnectionPools": 4,
                "maxRequestsPerConnection": 5,
                "perEndpoint": { "maxConnections": 6 },
                "retryBudget": { "percent": { "numerator": 1 }, "minRetryConcurrency": 2 },
            },
            "healthCheck": {
                "panicThreshold": 10,
                "active": {
                    "timeout": "1s",
                    "interval": "2s",
                    "initialJitter": "1s",
                    "unhealthyThreshold": 1,
                    "healthyThreshold": 1,
                    "http": {
                        "path": "/",
                        "hostname": "a",
                        "method": "GET",
                        "expectedStatuses": [200, 201],
                        "retriableStatuses": [503],
                        "expectedResponse": { "text": "ok" },
                    },
                },
                "passive": {
                    "consecutive5xxErrors": 1,
                    "interval": "1s",
                    "baseEjectionTime": "1s",
                    "maxEjectionPercent": 50,
                    "failurePercentageThreshold": 50,
                },
            },
            "tcpKeepalive": { "probes": 1, "idleTime": "1s", "interval": "1s" },
            "connection": { "bufferLimit": "32Ki", "connectionLimit": { "value": 1 } },
            "timeout": {
                "tcp": { "connectTimeout": "1s" },
                "http": {
                    "requestTimeout": "1s",
                    "connectionIdleTimeout": "1s",
                    "maxConnectionDuration": "1s",
                    "maxStreamDuration": "1s",
                    "streamIdleTimeout": "1s",
                },
            },
            "retry": {
                "numRetries": 1,
                "retryOn": { "triggers": ["retriable-status-codes"], "httpStatusCodes": [500] },
                "perRetryTimeout": "1s",
                "backoff": { "baseInterval": "1s", "maxInterval": "2s" },
            },
            "proxyProtocol": { "version": "V1" },
        },
    })
}

/// What is emitted is fit for Envoy; what is not of this policy is the same bytes as without it.
fn check(policy: &Value) {
    let mut documents = surroundings();
    let without = harness::round(&documents, Options::default());
    documents.extend(document(policy));
    let round = harness::round(&documents, Options::default());
    assert_fit(&round, policy);
    for resource in all(&round) {
        let new = without
            .translation
            .all
            .get(resource.resource_type, &resource.name);
        let same = new.is_some_and(|before| before == resource);
        let mine = resource.resource_type == ResourceType::Route || resource.name.contains("|btp|");
        assert!(same || mine, "{} changed\n{policy:#}", resource.name);
    }
    for before in all(&without) {
        let after = &round.translation.all;
        let after = after.get(before.resource_type, &before.name);
        assert!(after.is_some(), "{} is gone\n{policy:#}", before.name);
    }
    if !names_the_bystander(policy) {
        let routes = bystander_routes(&round);
        assert_eq!(routes, bystander_routes(&without), "{policy:#}");
    }
}

/// A mutation may point the policy at the route that is to stay as it is otherwise.
fn names_the_bystander(policy: &Value) -> bool {
    let targets = policy.pointer("/spec/targetRefs").and_then(Value::as_array);
    let mut targets = targets.into_iter().flatten();
    targets.any(|target| target["name"] == "bystander")
}

#[test]
fn the_policy_that_is_mutated_is_in_force() {
    let mut documents = surroundings();
    documents.extend(document(&policy()));
    let round = harness::round(&documents, Options::default());
    let verdict = &round.graph.traffic_policies[0];
    assert!(verdict.errors.is_empty(), "{:#?}", verdict.errors);
    assert!(verdict.ancestors[0].accepted.is_ok());
    let cluster = harness::cluster(&round, "kube_httpbin_httpbin_8000|btp|httpbin|traffic");
    for field in [
        "circuit_breakers",
        "health_checks",
        "load_balancing_policy",
        "outlier_detection",
        "transport_socket",
        "typed_extension_protocol_options",
        "upstream_connection_options",
    ] {
        assert_ne!(cluster[field], Value::Null, "{field}");
    }
}

#[test]
fn no_single_change_harms_anybody_else() {
    check_every_change(&policy(), check);
}

fn changed(mutations: &[(Index, Mutation)]) -> Value {
    let mut policy = policy();
    for (place, mutation) in mutations {
        let mut found = Vec::new();
        places(&policy, "", &mut found);
        if !found.is_empty() {
            mutate(&mut policy, &found[place.index(found.len())], mutation);
        }
    }
    policy
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_policy_harms_nobody_else(mutations in mutations()) {
        check(&changed(&mutations));
    }
}
