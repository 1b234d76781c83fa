// SPDX-License-Identifier: Apache-2.0
//! What `sluicegate bootstrap` prints, as Envoy takes it.

use std::process::Command;

use sluicegate::bootstrap::AdsTls;
use sluicegate_ads::TlsFiles;

use crate::{
    pki,
    support::{Fleet, Folder, Setup},
};

/// `envoy -c <(sluicegate bootstrap …)` as it is printed in the help.
fn validate(arguments: &str) {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let script = format!(
        "'{}' --mode validate -c <('{}' bootstrap {arguments})",
        binary.display(),
        env!("CARGO_BIN_EXE_sluicegate"),
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
    for word in ["[error]", "deprecated", "removed guard"] {
        assert!(!said.contains(word), "{said}");
    }
}

#[test]
fn envoy_takes_the_bootstrap_as_printed() {
    validate("--gateway default/http");
    validate("--gateway default/http --ads '[::1]:18000' --variant sotw --node-id x");
    validate("--gateway default/http --ads ads.internal:18000");
}

#[test]
fn envoy_takes_the_bootstrap_with_tls() {
    let folder = Folder::new();
    pki::write(&folder.0);
    let [ca, cert, key] = ["ca.crt", "tls.crt", "tls.key"].map(|name| folder.path(name));
    let tls = format!("--tls-ca {ca} --tls-cert {cert} --tls-key {key}");
    validate(&format!("--gateway default/http {tls}"));
    validate(&format!(
        "--gateway default/http --ads ads.internal:18000 --tls-ca {ca} --tls-server-name other"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_connects_with_a_client_certificate() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let folder = Folder::new();
    pki::write(&folder.0);
    let path = |name: &str| folder.path(name);
    let server = TlsFiles {
        certificate: path("tls.crt").into(),
        key: path("tls.key").into(),
        client_ca: Some(path("ca.crt").into()),
    };
    let client = AdsTls {
        ca: path("ca.crt"),
        certificate: Some(path("tls.crt")),
        key: Some(path("tls.key")),
        server_name: None,
    };
    let setup = Setup {
        delta: true,
        tls: Some((server, client)),
        ..Setup::default()
    };
    let fleet = Fleet::start(setup).await;
    let _envoy = fleet.envoy(&binary).await;
}
