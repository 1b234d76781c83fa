// SPDX-License-Identifier: Apache-2.0
//! Certificates of listeners over SDS.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};
use sluicegate_snapshot::ResourceType;
use sluicegate_testkit::{eventually, free_port};
use sluicegate_xds::pb::envoy::{
    config::core::v3::{DataSource, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{Secret, secret::Type},
};

use crate::support::{Fleet, Setup, poison};

/// A Gateway with an HTTPS listener in the namespace of its Secret.
fn manifests(port: u16, pair: &CertifiedKey<rcgen::KeyPair>) -> String {
    let indented = |pem: &str| pem.replace('\n', "\n    ");
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: http, namespace: kgateway-system}}
spec:
  gatewayClassName: kgateway
  listeners:
  - name: https
    protocol: HTTPS
    port: {port}
    tls: {{certificateRefs: [{{name: edge}}]}}
    allowedRoutes: {{namespaces: {{from: All}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: edge, namespace: kgateway-system}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
    {}
  tls.key: |
    {}
",
        indented(&pair.cert.pem()),
        indented(&pair.signing_key.serialize_pem()),
    )
}

/// Whether a client that trusts this certificate alone gets through its handshake.
fn trusted(port: u16, pair: &CertifiedKey<rcgen::KeyPair>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("edge.test").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let Ok(mut tcp) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    while connection.is_handshaking() {
        if connection.complete_io(&mut tcp).is_err() {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_reaches_envoy_without_its_listener() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let port = free_port();
        let pair = || generate_simple_self_signed(vec!["edge.test".to_owned()]).unwrap();
        let envoy = fleet.envoy(&binary).await;
        let first = pair();
        fleet.folder.write("gateway.yaml", &manifests(port, &first));
        let reaches = async |pair: &CertifiedKey<rcgen::KeyPair>| {
            eventually("a handshake with the certificate", async || {
                trusted(port, pair).then_some(())
            })
            .await
            .unwrap_or_else(|error| panic!("delta: {delta} {error}\n{}", envoy.log()));
        };
        reaches(&first).await;
        let listeners = envoy.stat("listener_manager.lds.update_success").await;
        let second = pair();
        fleet
            .folder
            .write("gateway.yaml", &manifests(port, &second));
        reaches(&second).await;
        let after = envoy.stat("listener_manager.lds.update_success").await;
        assert_eq!(after, listeners, "a certificate is no listener");
    }
}

/// Puts a key where none is.
fn break_key(secret: &mut Secret) {
    if let Some(Type::TlsCertificate(certificate)) = &mut secret.r#type {
        let text = "no key at all".to_owned();
        let specifier = Some(Specifier::InlineString(text));
        certificate.private_key = Some(DataSource {
            specifier,
            ..DataSource::default()
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_certificate_is_told_at_its_gateway() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let setup = Setup {
        delta: true,
        tamper: Some(poison(
            ResourceType::Secret,
            "kube_secret_kgateway-system_edge",
            break_key,
        )),
        ..Setup::default()
    };
    let fleet = Fleet::start(setup).await;
    let pair = generate_simple_self_signed(vec!["edge.test".to_owned()]).unwrap();
    let envoy = fleet.envoy(&binary).await;
    fleet
        .folder
        .write("gateway.yaml", &manifests(free_port(), &pair));
    eventually("status has Envoy's words", async || {
        let status = fleet.status("Gateway", "http").await;
        let told = ["Programmed", "refuses Secret", "Failed to load private key"];
        told.iter()
            .all(|words| status.contains(words))
            .then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
}
