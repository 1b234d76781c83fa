// SPDX-License-Identifier: Apache-2.0
//! What a bootstrap asks for and is not done is told with its line, and nothing is started.

use std::process::{Command, Output};

use super::support::Folder;

fn check(text: &str, more: &[&str]) -> (Output, String) {
    let folder = Folder::new();
    let path = folder.write("envoy.yaml", text);
    let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(["--color", "never", "proxy", "--check", "--bootstrap"])
        .arg(path)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let (output, said) = check(text, &[]);
    for words in words {
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[test]
fn takes_the_example() {
    let (output, said) = check(include_str!("../../../../examples/proxy/envoy.yaml"), &[]);
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn names_unknown_fields_types_and_values() {
    refused(
        "static_resources:
  clusters:
  - name: a
    conect_timeout: 1s
    type: STATICAL
    lb_policy: ROUND_ROBIN
    transport_socket:
      name: x
      typed_config: { \"@type\": type.googleapis.com/no.such.Thing }
  - name: b
    connect_timeout: soon
    max_requests_per_connection: -1
  - { name: 3 }
",
        &[
            "envoy.yaml:4:5",
            "envoy.config.cluster.v3.Cluster has no field conect_timeout",
            "did you mean connect_timeout?",
            "STATICAL is none of STATIC, STRICT_DNS",
            "\"type.googleapis.com/no.such.Thing\" is not implemented",
            "static_resources.clusters[0].transport_socket.typed_config",
            "static_resources.clusters[1].connect_timeout",
            "static_resources.clusters[1].max_requests_per_connection",
            "static_resources.clusters[2].name",
            "6 errors: nothing is started",
        ],
    );
}

#[test]
fn names_broken_constraints() {
    refused(
        "static_resources: { clusters: [ { name: a, connect_timeout: 0s } ] }",
        &[
            "connect_timeout",
            "greater than",
            "1 error: nothing is started",
        ],
    );
}

#[test]
fn names_what_the_process_does_not_do() {
    refused(
        "overload_manager: { refresh_interval: 1s }
layered_runtime: { layers: [ { name: l, rtds_layer: { name: r, rtds_config: { ads: {} } } } ] }
static_resources:
  clusters:
  - name: a
    type: EDS
    eds_cluster_config: { eds_config: { path_config_source: { path: /eds.yaml } } }
  - name: a
    type: ORIGINAL_DST
    lb_policy: CLUSTER_PROVIDED
",
        &[
            "overload_manager is not implemented",
            "rtds_layer is not implemented",
            "static_resources.clusters[0].eds_cluster_config",
            "path_config_source is not implemented",
            "Cluster a: there is another one of this name",
            "RESOURCE  NAME  WHY",
        ],
    );
}

#[test]
fn tells_what_would_not_be_enforced() {
    let text = "layered_runtime: { layers: [ { name: l, static_layer: { re2.max: 1 } } ] }
static_resources:
  clusters: [ { name: a, preconnect_policy: { predictive_preconnect_ratio: 2 } } ]
";
    refused(
        text,
        &["Cluster a: preconnect_policy.predictive_preconnect_ratio is not enforced"],
    );
    refused(
        "static_resources:
  clusters:
  - { name: a, common_lb_config: { override_host_status: { statuses: [HEALTHY] } } }
",
        &["Cluster a: common_lb_config.override_host_status is not enforced"],
    );
    let (output, said) = check(text, &["--allow-unenforced"]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in [
        "warning[envoy-unsupported]",
        "runtime key re2.max is not read",
    ] {
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
}
