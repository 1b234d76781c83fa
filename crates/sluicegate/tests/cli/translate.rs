// SPDX-License-Identifier: Apache-2.0
//! `translate`.

use std::sync::Arc;

use sluicegate_manifest::{SourceText, parse};

use crate::{
    manifests::BROKEN,
    support::{HTTPBIN, run, run_with},
};

#[test]
fn clusters_have_the_founding_shape() {
    let run = run(&["translate", "--type", "clusters", HTTPBIN]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = "\
- name: kube_httpbin_httpbin_8000
  type: EDS
  eds_cluster_config:
    eds_config:
      ads: {}
      resource_api_version: V3
  connect_timeout: 5s
  per_connection_buffer_limit_bytes: 1024
  metadata: {}
";
    assert!(run.stdout.starts_with(expected), "{}", run.stdout);
}

#[test]
fn json_and_yaml_have_the_same_content() {
    let json = run(&["translate", "-o", "json", HTTPBIN]).json();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(names, ["clusters", "endpoints", "listeners", "routes"]);
    // Our own reader wants an object of Kubernetes.
    let yaml = run(&["translate", HTTPBIN]).stdout;
    let text = format!("apiVersion: v1\nkind: Any\n{yaml}");
    let parsed = parse(Arc::new(SourceText::new("t", text)));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let read = parsed.documents[0].root.to_json();
    for name in names {
        assert_eq!(read[name], json[name], "{name}");
    }
}

#[test]
fn one_document_of_resources_and_statuses() {
    let run = run(&["translate", "-o", "resources", HTTPBIN]);
    let sections: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    let expected = [
        "Clusters:",
        "Endpoints:",
        "Listeners:",
        "Routes:",
        "Statuses:",
    ];
    assert_eq!(sections, expected);
    run.says(&["controllerName: sluicegate.dev/gateway-controller"]);
}

#[test]
fn one_gateway_by_name() {
    let all = run(&["translate", HTTPBIN]);
    let one = run(&["translate", "--gateway", "kgateway-system/http", HTTPBIN]);
    assert_eq!(all.stdout, one.stdout);
    let wrong = run(&["translate", "--gateway", "kgateway-system/htp", HTTPBIN]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("did you mean kgateway-system/http?"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn errors_go_to_standard_error_and_the_rest_is_printed() {
    let run = run_with(&["translate", "-o", "json", HTTPBIN, "-"], BROKEN);
    assert_eq!(run.code, 1);
    assert!(run.json()["listeners"].is_array());
    assert!(
        run.stderr.contains("error[backend-not-found]"),
        "{}",
        run.stderr
    );
}

/// Keys of listeners (Secret resources) and of clusters (inline) alike.
#[test]
fn private_keys_are_redacted_unless_asked_for() {
    for case in ["listener-https", "tls-parameters"] {
        let path = format!("tests/cases/{case}/manifests");
        for format in ["json", "yaml", "resources"] {
            let hidden = run(&["translate", "-o", format, &path]);
            assert!(!hidden.stdout.contains("PRIVATE KEY"), "{case} {format}");
            assert!(hidden.stdout.contains("[redacted]"), "{case} {format}");
        }
        let shown = run(&["translate", "--show-secrets", &path]);
        assert!(shown.stdout.contains("PRIVATE KEY"), "{case}");
        assert!(!shown.stdout.contains("[redacted]"), "{case}");
    }
}
