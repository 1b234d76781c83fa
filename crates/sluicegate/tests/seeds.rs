// SPDX-License-Identifier: Apache-2.0
//! The founding documents, word by word.
//!
//! In: the texts in `tests/seeds/`, read as they are, with the Services that they take for granted.
//! Out: every example loads, attaches where its text says and comes to the cluster that it shows.

// A panic is the failure report.
#![allow(clippy::unwrap_used)]

#[path = "common/documents.rs"]
mod documents;
#[path = "common/harness.rs"]
mod harness;

use std::iter;

use documents::{example_output, manifests, seed};
use harness::{cluster, round_of};
use serde_json::{Value, json};
use sluicegate::pipeline::Round;
use sluicegate_attach::verdict::Attachment;
use sluicegate_manifest::Severity;
use sluicegate_translate::names;

const CONNECTION: &str = "000_c8f54e3f9dbeff2a.txt";
const ATTACHMENT: &str = "001_74973c71868e9fb0.txt";
const KEEPALIVE: &str = "003_4a7ee5975684ffcd.txt";
const KEEPALIVE_FLAT: &str = "004_91e1ad34d78ea297.txt";

/// The httpbin sample, as the documents assume it, in `namespace`.
fn httpbin(namespace: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata:
  name: httpbin
  namespace: {namespace}
  labels:
    app: httpbin
    service: httpbin
spec:
  selector:
    app: httpbin
  ports:
    - name: http
      port: 8000
      targetPort: 8080
    - name: tcp
      port: 9000
"
    )
}

/// Services that no example means.
const DECOYS: &str = "apiVersion: v1
kind: Service
metadata:
  name: one-label
  namespace: httpbin
  labels:
    app: httpbin
spec:
  ports:
    - port: 80
---
apiVersion: v1
kind: Service
metadata:
  name: other-value
  namespace: httpbin
  labels:
    app: httpbin
    service: other
spec:
  ports:
    - port: 80
---
apiVersion: v1
kind: Service
metadata:
  name: no-labels
  namespace: httpbin
spec:
  selector:
    app: httpbin
    service: httpbin
  ports:
    - port: 80
---
apiVersion: v1
kind: Service
metadata:
  name: httpbin
  namespace: elsewhere
  labels:
    app: httpbin
    service: httpbin
spec:
  ports:
    - port: 8000
";

/// A round over documents, without errors.
fn load(documents: &[&str]) -> Round {
    let round = round_of(&documents.join("\n---\n"));
    let errors: Vec<_> = round
        .diagnostics
        .iter()
        .filter(|found| found.severity != Severity::Advice)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(round.translation.refused.is_empty());
    round
}

/// The clusters with a policy on them.
fn bound(round: &Round) -> Vec<String> {
    let bound = round.graph.backends.values();
    let mut bound: Vec<String> = bound
        .filter(|backend| !backend.bound.is_empty())
        .map(|backend| names::cluster(&backend.key))
        .collect();
    bound.sort();
    bound
}

/// The targets of the only policy, which is fully in force on each of them.
fn targets(round: &Round) -> Vec<String> {
    let [policy] = round.graph.policies.as_slice() else {
        panic!("one policy");
    };
    assert!(policy.errors.is_empty() && policy.unmatched_selectors.is_empty());
    let targets = policy.ancestors.iter().map(|ancestor| {
        assert!(ancestor.accepted.is_ok());
        assert_eq!(ancestor.attachment, Attachment::Attached);
        ancestor.ancestor.to_string()
    });
    targets.collect()
}

fn assert_attaches(documents: &[&str], object: &[&str], clusters: &[&str]) -> Round {
    let round = load(documents);
    assert_eq!(targets(&round), object);
    assert_eq!(bound(&round), clusters);
    round
}

#[test]
fn every_example_about_connections_attaches_to_httpbin() {
    let manifests = manifests(&seed(CONNECTION));
    assert_eq!(manifests.len(), 5);
    for (index, manifest) in manifests.iter().enumerate() {
        let namespace = if index == 4 { "httpbin" } else { "gwtest" };
        let other = if index == 4 { "gwtest" } else { "httpbin" };
        let round = assert_attaches(
            &[manifest, &httpbin(namespace), &httpbin(other), DECOYS],
            &[&format!("Service {namespace}/httpbin")],
            &[
                &format!("kube_{namespace}_httpbin_8000"),
                &format!("kube_{namespace}_httpbin_9000"),
            ],
        );
        assert!(
            round
                .diagnostics
                .iter()
                .all(|found| found.code == "no-effect" || found.code == "older-spelling"),
            "{:#?}",
            round.diagnostics
        );
    }
}

/// The four separate examples say what the walk-through says together.
#[test]
fn separate_examples_come_to_the_parts_of_the_whole() {
    let manifests = manifests(&seed(CONNECTION));
    let whole = load(&[&manifests[4], &httpbin("httpbin")]);
    let whole = cluster(&whole, "kube_httpbin_httpbin_8000");
    let part = |index: usize| {
        let round = load(&[&manifests[index], &httpbin("gwtest")]);
        cluster(&round, "kube_gwtest_httpbin_8000")
    };
    let options = |cluster: &Value| {
        let options = &cluster["typed_extension_protocol_options"];
        options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].clone()
    };
    let general = part(0);
    assert_eq!(general["connect_timeout"], whole["connect_timeout"]);
    let limit = "per_connection_buffer_limit_bytes";
    assert_eq!(general[limit], whole[limit]);
    assert_eq!(general["upstream_connection_options"], Value::Null);
    let keepalive = part(1);
    let connection = "upstream_connection_options";
    assert_eq!(keepalive[connection], whole[connection]);
    assert_eq!(keepalive[limit], Value::Null);
    let common = options(&part(2));
    let field = "common_http_protocol_options";
    assert_eq!(common[field], options(&whole)[field]);
    // Envoy refuses common options without a protocol.
    let protocol = json!({ "http_protocol_options": {} });
    assert_eq!(common["explicit_http_config"], protocol);
    let http1 = options(&part(3));
    let field = "explicit_http_config";
    assert_eq!(http1[field], options(&whole)[field]);
    assert_eq!(http1["common_http_protocol_options"], Value::Null);
}

#[test]
fn the_walk_about_connections_shows_what_it_promises() {
    let document = seed(CONNECTION);
    let manifest = manifests(&document).pop().unwrap();
    let round = load(&[&manifest, &httpbin("httpbin")]);
    assert_shows(&round, &example_output(&document));
}

#[test]
fn the_walk_about_keepalive_shows_what_it_promises() {
    let document = seed(KEEPALIVE);
    let manifests = manifests(&document);
    let [manifest] = manifests.as_slice() else {
        panic!("one manifest");
    };
    let round = assert_attaches(
        &[manifest, &httpbin("httpbin"), DECOYS],
        &["Service httpbin/httpbin"],
        &["kube_httpbin_httpbin_8000", "kube_httpbin_httpbin_9000"],
    );
    assert_shows(&round, &example_output(&document));
}

/// The same walk in a text that lost its line breaks.
#[test]
fn the_flattened_walk_shows_what_it_promises() {
    let document = seed(KEEPALIVE_FLAT);
    let flat = between(&document, "<<EOF ", " EOF");
    let round = assert_attaches(
        &[&unflatten(flat), &httpbin("httpbin"), DECOYS],
        &["Service httpbin/httpbin"],
        &["kube_httpbin_httpbin_8000", "kube_httpbin_httpbin_9000"],
    );
    let promised = words(between(&document, "Example output\n... ", " ...\n"));
    let dump = words(&dump(&round));
    assert!(dump.contains(&promised), "{promised}\nnot in\n{dump}");
}

#[test]
fn the_flattened_manifest_is_the_other_one() {
    let flat = seed(KEEPALIVE_FLAT);
    let restored = unflatten(between(&flat, "<<EOF ", " EOF"));
    let fields = |text: &str| {
        let round = load(&[text]);
        let policy = round.store.backend_config_policies.values().next().unwrap();
        policy.document.root.to_json()
    };
    assert_eq!(fields(&restored), fields(&manifests(&seed(KEEPALIVE))[0]));
}

#[test]
fn an_individual_backend_is_named() {
    let manifests = manifests(&seed(ATTACHMENT));
    let round = assert_attaches(
        &[&manifests[0], &httpbin("httpbin"), DECOYS],
        &["Service httpbin/httpbin"],
        &["kube_httpbin_httpbin_8000", "kube_httpbin_httpbin_9000"],
    );
    let cluster = cluster(&round, "kube_httpbin_httpbin_8000");
    assert_eq!(cluster["connect_timeout"], "5s");
    assert_eq!(cluster["per_connection_buffer_limit_bytes"], 1024);
}

/// The group that the example writes is one that today's upstream refuses.
#[test]
fn labels_select_services_that_have_all_of_them() {
    let manifests = manifests(&seed(ATTACHMENT));
    let round = assert_attaches(
        &[&manifests[1], &httpbin("httpbin"), DECOYS],
        &["Service httpbin/httpbin"],
        &["kube_httpbin_httpbin_8000", "kube_httpbin_httpbin_9000"],
    );
    assert_limits(&round, "kube_httpbin_httpbin_8000");
    assert_limits(&round, "kube_httpbin_httpbin_9000");
}

#[test]
fn labels_select_every_service_that_has_them() {
    let manifests = manifests(&seed(ATTACHMENT));
    let second = httpbin("httpbin").replace("name: httpbin\n", "name: second\n");
    assert_attaches(
        &[&manifests[1], &httpbin("httpbin"), &second, DECOYS],
        &["Service httpbin/httpbin", "Service httpbin/second"],
        &[
            "kube_httpbin_httpbin_8000",
            "kube_httpbin_httpbin_9000",
            "kube_httpbin_second_8000",
            "kube_httpbin_second_9000",
        ],
    );
}

/// What Istio makes of a Service with global scope.
const GLOBAL_ENTRY: &str = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: autogen.gwtest.httpbin
  namespace: gwtest
  labels:
    app: httpbin
    service: httpbin
spec:
  hosts:
    - httpbin.gwtest.mesh.internal
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
    - number: 8000
      name: http
      protocol: HTTP
  endpoints:
    - address: 10.0.0.1
";

#[test]
fn a_global_hostname_is_that_of_a_service_entry() {
    let manifests = manifests(&seed(ATTACHMENT));
    let other = GLOBAL_ENTRY
        .replace("    service: httpbin\n", "")
        .replace("autogen.gwtest.httpbin", "half");
    let elsewhere = GLOBAL_ENTRY.replace("namespace: gwtest", "namespace: elsewhere");
    // The Service beside it has the labels, but no global scope: it is no Hostname.
    let documents = [
        &manifests[2],
        GLOBAL_ENTRY,
        &other,
        &elsewhere,
        &httpbin("gwtest"),
        DECOYS,
    ];
    let name = "istio-se_gwtest_autogen.gwtest.httpbin_httpbin.gwtest.mesh.internal_8000";
    let round = assert_attaches(
        &documents,
        &["ServiceEntry gwtest/autogen.gwtest.httpbin"],
        &[name],
    );
    assert_limits(&round, name);
}

#[test]
fn a_global_hostname_is_that_of_a_global_service() {
    let manifests = manifests(&seed(ATTACHMENT));
    let scope = "  labels:\n    solo.io/service-scope: global\n";
    let global = httpbin("gwtest").replace("  labels:\n", scope);
    let decoys = DECOYS.replace("  labels:\n", scope);
    // In the policy's namespace too: global without labels, and labelled without global.
    let unlabelled = global
        .replace("    app: httpbin\n    service: httpbin\n", "")
        .replace("name: httpbin\n", "name: unlabelled\n");
    let half = global
        .replace("    service: httpbin\n", "")
        .replace("name: httpbin\n", "name: half\n");
    let local = httpbin("gwtest").replace("name: httpbin\n", "name: local\n");
    let services = [&global, &decoys, &unlabelled, &half, &local];
    let documents: Vec<&str> = iter::once(&manifests[2])
        .chain(services)
        .map(String::as_str)
        .collect();
    let round = assert_attaches(
        &documents,
        &["Service gwtest/httpbin"],
        &["kube_gwtest_httpbin_8000", "kube_gwtest_httpbin_9000"],
    );
    assert_limits(&round, "kube_gwtest_httpbin_8000");
}

/// The settings of both selector examples.
fn assert_limits(round: &Round, name: &str) {
    let cluster = cluster(round, name);
    assert_eq!(cluster["connect_timeout"], "5s");
    let options = &cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
    let expected = json!({ "max_headers_count": 15, "max_requests_per_connection": 100 });
    assert_eq!(options["common_http_protocol_options"], expected);
}

/// The cluster as `config_dump` prints it, which is what the documents look at.
fn dump(round: &Round) -> String {
    let cluster = cluster(round, "kube_httpbin_httpbin_8000");
    let entry = json!({ "version_info": "1", "cluster": cluster, "last_updated": "now" });
    sluicegate_xds::json::to_string(&entry)
}

/// Every line of the example, one after the other; from the second on with the same indentation
/// but for a constant (the first one stands alone in the founding documents).
fn assert_shows(round: &Round, example: &str) {
    let dump = dump(round);
    documents::assert_shows(&dump, example);
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap() + from.len();
    let end = text[start..].find(to).unwrap() + start;
    &text[start..end]
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The fields of a flattened manifest that have fields of their own, with those fields.
const SHAPE: &[(&str, &[&str])] = &[
    ("", &["kind", "apiVersion", "metadata", "spec"]),
    ("metadata", &["name", "namespace"]),
    ("spec", &["targetRefs", "tcpKeepalive"]),
    ("targetRefs", &["name", "group", "kind"]),
    (
        "tcpKeepalive",
        &["keepAliveProbes", "keepAliveTime", "keepAliveInterval"],
    ),
];

/// Line breaks and indentation for a manifest that lost them. A key belongs to the innermost open
/// field that has such a key; every value is the text's own.
fn unflatten(flat: &str) -> String {
    let mut open: Vec<&str> = vec![""];
    let mut yaml = String::new();
    let mut item = false;
    for word in flat.split_whitespace() {
        let Some(key) = word.strip_suffix(':') else {
            match word {
                "-" => item = true,
                value => yaml.push_str(&format!(" {value}")),
            }
            continue;
        };
        let fields = |name: &str| {
            let shape = SHAPE.iter().find(|(field, _)| *field == name);
            shape.map_or(&[][..], |(_, fields)| fields)
        };
        while !fields(open[open.len() - 1]).contains(&key) {
            open.pop();
            assert!(!open.is_empty(), "no place for {key} in {flat}");
        }
        let indentation = "    ".repeat(open.len() - 1);
        let (indentation, dash) = match item {
            true => (&indentation[2..], "- "),
            false => (&indentation[..], ""),
        };
        item = false;
        yaml.push_str(&format!("\n{indentation}{dash}{key}:"));
        if !fields(key).is_empty() {
            open.push(key);
        }
    }
    yaml
}
