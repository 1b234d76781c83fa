// SPDX-License-Identifier: Apache-2.0
//! Whole manifests to whole statuses.

mod traffic;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use sluicegate_attach::{AddressProblem, Attacher, BackendKey, CONTROLLER_NAME, ListenAddress};
use sluicegate_manifest::{Document, SourceText, parse};
use sluicegate_resource::{Decoder, ObjectRef, UnknownFields};

use super::{Addresses, Assignment, Context, Options, Runtime, condition::GATEWAY_API, list};

fn documents(text: &str) -> Vec<Arc<Document>> {
    let parsed = parse(Arc::new(SourceText::new("t.yaml", text.to_owned())));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    parsed.documents
}

fn of(documents: &[Arc<Document>], runtime: Option<&Runtime>) -> Value {
    let store = Decoder::new(UnknownFields::Error).decode(documents);
    let graph = Attacher::default().attach(&store);
    let context = Context {
        store: &store,
        graph: &graph,
        options: &Options::default(),
        runtime,
    };
    list(&context.statuses())
}

/// The status of one object of `text`.
fn status(text: &str, kind: &str, name: &str, runtime: Option<&Runtime>) -> Value {
    let list = of(&documents(text), runtime);
    let items = list["items"].as_array().unwrap();
    let found = items
        .iter()
        .find(|it| it["kind"] == kind && it["name"] == name);
    found.unwrap_or_else(|| panic!("{list:#}"))["status"].clone()
}

/// `Type=Status/Reason` of each condition.
fn words(conditions: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let conditions = conditions.as_array().unwrap().iter();
    conditions
        .map(|it| {
            assert!(it["observedGeneration"].is_i64(), "{it}");
            format!(
                "{}={}/{}",
                text(&it["type"]),
                text(&it["status"]),
                text(&it["reason"])
            )
        })
        .collect()
}

/// Conditions of the ancestor of that name.
fn ancestor<'v>(status: &'v Value, name: &str) -> &'v Value {
    let mut entries = status["ancestors"].as_array().unwrap().iter();
    let found = entries.find(|it| it["ancestorRef"]["name"] == name);
    &found.unwrap_or_else(|| panic!("{status:#}"))["conditions"]
}

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}]}
---
";

fn policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: {name}, generation: 3}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web}}]
  {spec}
---
"
    )
}

#[test]
fn policy_in_force() {
    let text = SERVICE.to_owned() + &policy("a", "connectTimeout: 1s");
    let expected = json!({"ancestors": [{
        "ancestorRef": {"group": "", "kind": "Service", "namespace": "default", "name": "web"},
        "controllerName": CONTROLLER_NAME,
        "conditions": [
            {"type": "Accepted", "status": "True", "reason": "Valid",
             "message": "Policy accepted", "observedGeneration": 3},
            {"type": "Attached", "status": "True", "reason": "Attached",
             "message": "Attached to all targets", "observedGeneration": 3},
        ],
    }]});
    assert_eq!(status(&text, "BackendConfigPolicy", "a", None), expected);
}

#[test]
fn policies_that_share_a_backend() {
    let text = SERVICE.to_owned()
        + &policy("a", "connectTimeout: 1s")
        + &policy(
            "b",
            "connectTimeout: 2s\n  healthCheck: {timeout: 1s, interval: 2s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /}}",
        )
        + &policy("c", "connectTimeout: 3s");
    let cases = [
        ("a", "Attached=True/Attached"),
        ("b", "Attached=True/Merged"),
        ("c", "Attached=False/Overridden"),
    ];
    for (name, expected) in cases {
        let status = status(&text, "BackendConfigPolicy", name, None);
        let words = words(ancestor(&status, "web"));
        assert_eq!(words, ["Accepted=True/Valid", expected], "{name}");
    }
}

#[test]
fn policies_that_are_not_in_force() {
    let invalid = SERVICE.to_owned() + &policy("a", "connectTimeout: 0s");
    let missing = policy("a", "connectTimeout: 1s");
    let cases = [
        (invalid, "Accepted=False/Invalid"),
        (missing, "Accepted=False/TargetNotFound"),
    ];
    for (text, expected) in cases {
        let status = status(&text, "BackendConfigPolicy", "a", None);
        let words = words(ancestor(&status, "web"));
        assert_eq!(words, [expected, "Attached=False/Pending"]);
    }
}

#[test]
fn warnings_name_their_paths() {
    let text = SERVICE.to_owned() + &policy("a", "http2ProtocolOptions: {maxConcurrentStreams: 1}");
    let status = status(&text, "BackendConfigPolicy", "a", None);
    let conditions = ancestor(&status, "web");
    assert_eq!(words(conditions)[2], "Warning=True/NoEffect");
    let message = conditions[2]["message"].as_str().unwrap();
    assert!(
        message.starts_with("spec.http2ProtocolOptions: "),
        "{message}"
    );
}

#[test]
fn backend_tls_policy_overrides_tls() {
    let text = SERVICE.to_owned()
        + &policy("a", "tls: {wellKnownCACertificates: System}")
        + "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: t}
spec:
  targetRefs: [{group: '', kind: Service, name: web}]
  validation: {wellKnownCACertificates: System, hostname: web.example}
";
    let mine = status(&text, "BackendConfigPolicy", "a", None);
    let conditions = ancestor(&mine, "web");
    assert_eq!(
        words(conditions)[2],
        "Overridden=True/ConflictedWithBackendTLSPolicy"
    );
    let message = "spec.tls overridden by BackendTLSPolicy default/t";
    assert_eq!(conditions[2]["message"], message);
    let theirs = status(&text, "BackendTLSPolicy", "t", None);
    let expected = ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"];
    assert_eq!(words(ancestor(&theirs, "web")), expected);
}

/// One missing target does not take the good one down.
#[test]
fn backend_tls_policy_has_a_verdict_per_target() {
    let text = SERVICE.to_owned()
        + "apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: t}
spec:
  targetRefs: [{group: '', kind: Service, name: gone}, {group: '', kind: Service, name: web}]
  validation: {wellKnownCACertificates: System, hostname: web.example}
";
    let mine = status(&text, "BackendTLSPolicy", "t", None);
    assert_eq!(words(ancestor(&mine, "web"))[0], "Accepted=True/Accepted");
    assert_eq!(
        words(ancestor(&mine, "gone"))[0],
        "Accepted=False/TargetNotFound"
    );
}

/// A selector that selects nothing has no target to show it at.
#[test]
fn selector_without_a_match_shows_at_the_policy_itself() {
    let text = "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: a}
spec:
  targetSelectors: [{group: '', kind: Service, matchLabels: {app: none}}]
  connectTimeout: 1s
";
    let mine = status(text, "BackendConfigPolicy", "a", None);
    let conditions = ancestor(&mine, "a");
    let expected = ["Accepted=False/TargetNotFound", "Attached=False/Pending"];
    assert_eq!(words(conditions), expected);
    assert_eq!(
        conditions[0]["message"],
        "spec.targetSelectors[0] selects no object"
    );
}

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ours}
spec: {controllerName: kgateway.dev/kgateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: ours
  listeners:
  - {name: one, port: 80, protocol: HTTP}
  - {name: two, port: 53, protocol: UDP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g, sectionName: one}, {name: g, sectionName: none}]
  rules: [{backendRefs: [{name: none, port: 80}]}]
";

fn runtime(bind_errors: &[(u16, &str)]) -> Runtime {
    Runtime {
        bind_errors: bind_errors
            .iter()
            .map(|(port, error)| {
                let at = ListenAddress {
                    ip: None,
                    port: *port,
                };
                (at, (*error).to_owned())
            })
            .collect::<BTreeMap<_, _>>(),
        addresses: Addresses::DataPlane(vec!["127.0.0.1".into()]),
        ..Runtime::default()
    }
}

#[test]
fn programmed_follows_what_was_assigned() {
    let programmed = |assignment: Assignment| {
        let gateway = ObjectRef::new(GATEWAY_API, "Gateway", "default", "g");
        let runtime = Runtime {
            addresses: Addresses::Assigned(BTreeMap::from([(gateway, assignment)])),
            ..Runtime::default()
        };
        let mine = status(GATEWAY, "Gateway", "g", Some(&runtime));
        let types = mine["addresses"].as_array().into_iter().flatten();
        let types: Vec<Value> = types.map(|it| it["type"].clone()).collect();
        (words(&mine["conditions"])[1].clone(), types)
    };
    let of = |addresses: &[&str], problem| Assignment {
        addresses: addresses.iter().map(|it| (*it).to_owned()).collect(),
        problem,
    };
    let none: [&str; 0] = [];
    let (word, types) = programmed(of(&[], None));
    assert_eq!(word, "Programmed=False/AddressNotAssigned");
    assert_eq!(types, none);
    let why = AddressProblem::NotUsable("taken".to_owned());
    let (word, _) = programmed(of(&["192.0.2.1"], Some(why)));
    assert_eq!(word, "Programmed=False/AddressNotUsable");
    let (word, types) = programmed(of(&["192.0.2.1", "lb.example.com"], None));
    assert_eq!(word, "Programmed=True/Programmed");
    assert_eq!(types, ["IPAddress", "Hostname"]);
}

/// The same words as for the data plane, from an Envoy of this Gateway only.
#[test]
fn programmed_follows_the_fleet() {
    let mut runtime = Runtime {
        addresses: Addresses::Fleet(BTreeMap::new()),
        ..Runtime::default()
    };
    let programmed = |runtime: &Runtime| {
        let mine = status(GATEWAY, "Gateway", "g", Some(runtime));
        words(&mine["conditions"])[1].clone()
    };
    assert_eq!(programmed(&runtime), "Programmed=False/AddressNotAssigned");
    let gateway = |name: &str| ObjectRef::new(GATEWAY_API, "Gateway", "default", name);
    let addresses = |name| BTreeMap::from([(gateway(name), vec!["10.0.0.1".to_owned()])]);
    runtime.addresses = Addresses::Fleet(addresses("other"));
    assert_eq!(programmed(&runtime), "Programmed=False/AddressNotAssigned");
    runtime.addresses = Addresses::Fleet(addresses("g"));
    assert_eq!(programmed(&runtime), "Programmed=True/Programmed");
    let refused = [("other", "no"), ("g", "duplicate match")];
    for (name, text) in refused {
        let port = (gateway(name), 80);
        runtime.refused_ports.insert(port, text.to_owned());
    }
    assert_eq!(programmed(&runtime), "Programmed=False/AddressNotUsable");
    let mine = status(GATEWAY, "Gateway", "g", Some(&runtime));
    let message = &mine["listeners"][0]["conditions"][1]["message"];
    assert_eq!(message, "port 80: duplicate match");
}

#[test]
fn what_an_envoy_refuses_is_told_on_the_policy_of_that_backend() {
    let service = ObjectRef::new("", "Service", "default", "web");
    let key = |port| BackendKey {
        object: service.clone(),
        host: None,
        port,
        grpc: false,
    };
    let text = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: a, port: 80}, {name: b, port: 81}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: '', kind: Service, name: web}, {group: '', kind: Service, name: other}]
  connectTimeout: 1s
";
    let words_of = |ports: &[u16], name: &str| {
        let refused = ports.iter().map(|port| (key(*port), format!("no {port}")));
        let runtime = Runtime {
            refused_backends: refused.collect(),
            ..Runtime::default()
        };
        let mine = status(text, "BackendConfigPolicy", "p", Some(&runtime));
        let conditions = ancestor(&mine, name);
        let last = conditions.as_array().unwrap().last().unwrap().clone();
        (words(conditions), last["message"].clone())
    };
    let (conditions, message) = words_of(&[80, 81], "web");
    let expected = [
        "Accepted=True/Valid",
        "Attached=True/Attached",
        "Programmed=False/Invalid",
    ];
    assert_eq!(conditions, expected);
    assert_eq!(message, "no 80; no 81");
    assert_eq!(words_of(&[80], "other").0.len(), 2);
    assert_eq!(words_of(&[], "web").0.len(), 2);
}

#[test]
fn gateway_with_one_bad_listener() {
    let mine = status(GATEWAY, "Gateway", "g", Some(&runtime(&[])));
    assert_eq!(
        mine["addresses"],
        json!([{"type": "IPAddress", "value": "127.0.0.1"}])
    );
    let expected = [
        "Accepted=True/ListenersNotValid",
        "Programmed=True/Programmed",
        "ResolvedRefs=True/ResolvedRefs",
    ];
    assert_eq!(words(&mine["conditions"]), expected);
    let [one, two] = [0, 1].map(|index| &mine["listeners"][index]);
    assert_eq!(one["attachedRoutes"], 1);
    let kinds = json!([
        {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"},
        {"group": "gateway.networking.k8s.io", "kind": "GRPCRoute"},
    ]);
    assert_eq!(one["supportedKinds"], kinds);
    assert_eq!(two["supportedKinds"], json!([]));
    let expected = [
        "Accepted=False/UnsupportedProtocol",
        "Programmed=False/Invalid",
        "ResolvedRefs=True/ResolvedRefs",
        "Conflicted=False/NoConflicts",
    ];
    assert_eq!(words(&two["conditions"]), expected);
}

#[test]
fn programmed_follows_the_data_plane() {
    let programmed = |runtime: Option<&Runtime>| {
        let mine = status(GATEWAY, "Gateway", "g", runtime);
        let listener = words(&mine["listeners"][0]["conditions"])[1].clone();
        (words(&mine["conditions"])[1].clone(), listener)
    };
    let unknown = "Programmed=Unknown/Pending".to_owned();
    assert_eq!(programmed(None), (unknown.clone(), unknown));
    let taken = runtime(&[(80, "address already in use")]);
    let (gateway, listener) = programmed(Some(&taken));
    assert_eq!(gateway, "Programmed=False/AddressNotUsable");
    assert_eq!(listener, "Programmed=False/Pending");
    let (gateway, _) = programmed(Some(&Runtime::default()));
    assert_eq!(gateway, "Programmed=False/AddressNotAssigned");
}

#[test]
fn route_has_an_entry_per_parent() {
    let mine = status(GATEWAY, "HTTPRoute", "r", None);
    let parents = mine["parents"].as_array().unwrap();
    assert_eq!(parents.len(), 2);
    // The class says which of our names this Gateway knows.
    assert_eq!(parents[0]["controllerName"], "kgateway.dev/kgateway");
    assert_eq!(parents[0]["parentRef"]["sectionName"], "one");
    let refs = "ResolvedRefs=False/BackendNotFound";
    assert_eq!(
        words(&parents[0]["conditions"]),
        ["Accepted=True/Accepted", refs]
    );
    assert_eq!(
        words(&parents[1]["conditions"]),
        ["Accepted=False/NoMatchingParent", refs]
    );
}

#[test]
fn class_and_backend() {
    let class = status(GATEWAY, "GatewayClass", "ours", None);
    let expected = [
        "Accepted=True/Accepted",
        "SupportedVersion=True/SupportedVersion",
    ];
    assert_eq!(words(&class["conditions"]), expected);
    let text = "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: b}
spec: {priorityGroups: [{backends: [{name: none}]}]}
";
    let backend = status(text, "Backend", "b", None);
    assert_eq!(words(&backend["conditions"]), ["Accepted=False/Invalid"]);
    let message = backend["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("Backend error: "), "{message}");
}

/// The API holds 16 entries.
#[test]
fn ancestors_are_sorted_and_capped() {
    let mut text = "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: a}
spec:
  targetSelectors: [{group: '', kind: Service, matchLabels: {app: x}}]
  connectTimeout: 1s
"
    .to_owned();
    for index in 0..20 {
        text += &format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{index}, labels: {{app: x}}}}\n\
             spec: {{ports: [{{port: 80}}]}}\n"
        );
    }
    let mine = status(&text, "BackendConfigPolicy", "a", None);
    let ancestors = mine["ancestors"].as_array().unwrap();
    let names: Vec<&str> = ancestors
        .iter()
        .map(|it| it["ancestorRef"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 16);
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn input_order_does_not_matter() {
    let text = [
        SERVICE,
        &policy("a", "connectTimeout: 1s"),
        &policy("b", "connectTimeout: 2s"),
        GATEWAY,
    ]
    .concat();
    let mut documents = documents(&text);
    let expected = of(&documents, None).to_string();
    for _ in 0..documents.len() {
        documents.rotate_left(1);
        assert_eq!(of(&documents, None).to_string(), expected);
        let reversed: Vec<_> = documents.iter().rev().cloned().collect();
        assert_eq!(of(&reversed, None).to_string(), expected);
    }
}
