// SPDX-License-Identifier: Apache-2.0
//! The admission webhook, called by a real API server on behalf of the real `kubectl`.

use std::{fs, io, net::TcpListener};

use serde_json::json;
use sluicegate::server::{Admission, Config};
use sluicegate_ads::TlsFiles;
use sluicegate_testkit::{eventually, free_port};

use crate::{
    chart::{NAMESPACE, render},
    support::{ApiServer, CRDS, Gateway},
};

/// Neither the upstream's definitions nor a schema of ours can say what is wrong with it.
fn policy(cipher: &str, label: &str) -> String {
    format!(
        "
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: web, namespace: default, labels: {{label: {label}}}}}
spec:
  targetRefs: [{{group: '', kind: Service, name: web}}]
  tls:
    wellKnownCACertificates: System
    sni: web.example.com
    parameters: {{cipherSuites: [{cipher}]}}
"
    )
}

const RIGHT: &str = "ECDHE-RSA-AES128-GCM-SHA256";
const WRONG: &str = "ECDHE-RSA-AES128-GCM-SHA257";

/// The chart as Helm renders it, applied, and a gateway in place of its pods: with the certificate that
/// Helm made, at the address and port of the Service, by which the API server calls it.
async fn webhook(api: &ApiServer, warn_only: bool) -> Gateway {
    let rendered = render(&json!({ "admission": { "enabled": true, "warnOnly": warn_only } }));
    api.apply(&with_a_port_that_may_be_bound(rendered.unwrap()));
    let name = "sluicegate-admission";
    for file in ["tls.crt", "tls.key"] {
        let text = format!("go-template={{{{index .data \"{file}\" | base64decode}}}}");
        let text = api.kubectl(&["get", "secret", name, "-n", NAMESPACE, "-o", &text]);
        fs::write(api.folder().join(format!("admission-{file}")), text).unwrap();
    }
    let service = api.get(NAMESPACE, &format!("service/{name}"));
    let cluster_ip = service["spec"]["clusterIP"].as_str().unwrap();
    let port = &service["spec"]["ports"][0]["port"];
    let address = format!("{cluster_ip}:{port}").parse().unwrap();
    let file = |name: &str| api.folder().join(format!("admission-{name}"));
    let admission = Admission {
        address,
        tls: TlsFiles {
            certificate: file("tls.crt"),
            key: file("tls.key"),
            client_ca: None,
        },
        warn_only,
    };
    let change = |config: &mut Config| config.admission = Some(admission);
    api.gateway_with(&api.kubeconfig(), change).await
}

/// As it is, unless the Service's port takes a right that whoever runs this test lacks.
fn with_a_port_that_may_be_bound(rendered: String) -> String {
    let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if !TcpListener::bind("127.0.0.1:443").is_err_and(|error| denied(&error)) {
        return rendered;
    }
    let port = free_port();
    let service = "{name: sluicegate-admission, namespace: sluicegate-system";
    let with_port = [
        (
            "{name: https, port: 443,",
            format!("{{name: https, port: {port},"),
        ),
        (service, format!("{service}, port: {port}")),
    ];
    with_port.into_iter().fold(rendered, |text, (from, to)| {
        assert!(text.contains(from), "{text}");
        text.replace(from, &to)
    })
}

/// What `kubectl apply` says, and whether it succeeds.
fn apply(api: &ApiServer, manifest: &str) -> (bool, String) {
    let output = api.run(&["apply", "-f", "-"], manifest);
    let words = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), words)
}

/// Waits until the API server asks, and says what `kubectl` prints then.
async fn asked(api: &ApiServer) -> String {
    let probe = policy(WRONG, "probe").replace("name: web, namespace", "name: probe, namespace");
    let words = async || {
        let output = api.run(&["apply", "--dry-run=server", "-f", "-"], &probe);
        let words = String::from_utf8(output.stderr).unwrap();
        words.contains("unknown cipher suite").then_some(words)
    };
    eventually("our words", words).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_prints_what_is_wrong_and_goes_on_without_us() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    api.kubectl(&["create", "namespace", NAMESPACE]);
    let gateway = webhook(&api, false).await;
    let words = asked(&api).await;
    let refused = "admission webhook \"policies.sluicegate.dev\" denied the request: \
                   spec.tls.parameters.cipherSuites[0]: ";
    assert!(words.contains(refused), "{words}");
    let (done, words) = apply(&api, &policy(WRONG, "a"));
    assert!(!done && words.contains(refused), "{words}");
    assert_eq!(apply(&api, &policy(RIGHT, "a")), (true, String::new()));

    // Nobody is stopped by a webhook that is away.
    gateway.stop().await;
    let (done, words) = apply(&api, &policy(WRONG, "a"));
    assert!(done, "{words}");

    // What is there already can be labelled, but not changed into something else that is wrong.
    let gateway = webhook(&api, false).await;
    asked(&api).await;
    let (done, words) = apply(&api, &policy(WRONG, "b"));
    assert!(done && words.contains("unknown cipher suite"), "{words}");
    let other = policy(WRONG, "b").replace("web.example.com", "other.example.com");
    let (done, words) = apply(&api, &other);
    assert!(!done, "{words}");
    api.kubectl(&["delete", "backendconfigpolicy", "web"]);
    gateway.stop().await;

    let gateway = webhook(&api, true).await;
    let words = asked(&api).await;
    assert!(words.starts_with("Warning: "), "{words}");
    let (done, words) = apply(&api, &policy(WRONG, "c"));
    assert!(done, "{words}");
    gateway.stop().await;
}
