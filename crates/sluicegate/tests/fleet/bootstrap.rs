// SPDX-License-Identifier: Apache-2.0
//! What `sluicegate bootstrap` prints, as Envoy takes it.

use std::process::Command;

use sluicegate::bootstrap::AdsTls;
use sluicegate_ads::TlsFiles;

use crate::support::{Fleet, Folder, Setup};

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
    let files = Files::new();
    let Files { folder, .. } = &files;
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
    let files = Files::new();
    let path = |name: &str| files.folder.path(name);
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

/// A certificate for 127.0.0.1, good for both sides, and its authority.
struct Files {
    folder: Folder,
}

impl Files {
    fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let folder = Folder::new();
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A certificate whose issuer has its own name would pass for self-signed.
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        folder.write("ca.crt", &authority.pem());
        folder.write("tls.crt", &certificate.pem());
        folder.write("tls.key", &key.serialize_pem());
        Self { folder }
    }
}
