// SPDX-License-Identifier: Apache-2.0
//! TLS on both sides of the whole gateway: manifests in a folder, an HTTPS listener, a backend with
//! a BackendTLSPolicy.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
};
use sluicegate::server::{Config, Logs, Server};
use sluicegate_manifest::source::Input;
use sluicegate_testkit::patience;

/// Answers each connection's first request over TLS.
fn backend(pair: &CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = PrivateKeyDer::from_pem_slice(pair.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, tcp);
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok_and(|count| count > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                let _ = stream.write_all(answer);
            }
        }
    });
    port
}

fn manifests(
    port: u16,
    backend: u16,
    listener: &CertifiedKey<rcgen::KeyPair>,
    authority: &str,
) -> String {
    let indented = |pem: &str| pem.replace('\n', "\n    ");
    let (chain, key) = (
        indented(&listener.cert.pem()),
        indented(&listener.signing_key.serialize_pem()),
    );
    let authority = indented(authority);
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: https}}
spec:
  gatewayClassName: kgateway
  listeners:
  - name: https
    protocol: HTTPS
    port: {port}
    tls: {{certificateRefs: [{{name: edge}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: https}}]
  rules:
  - backendRefs: [{{name: web, port: 443}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  ports: [{{name: https, port: 443}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: https, port: {backend}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: web}}
spec:
  targetRefs: [{{group: \"\", kind: Service, name: web}}]
  validation:
    hostname: web.internal
    caCertificateRefs: [{{group: \"\", kind: ConfigMap, name: authority}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: authority}}
data:
  ca.crt: |
    {authority}
---
apiVersion: v1
kind: Secret
metadata: {{name: edge}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
    {chain}
  tls.key: |
    {key}
"
    )
}

fn ask(port: u16, edge: &CertifiedKey<rcgen::KeyPair>) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(edge.cert.der().clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("shop.example").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut stream = StreamOwned::new(connection, tcp);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn https_in_front_and_tls_behind() {
    let edge = generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    let inner = generate_simple_self_signed(["web.internal".to_owned()]).unwrap();
    let other = generate_simple_self_signed(["web.internal".to_owned()]).unwrap();
    for (authority, status) in [(&inner, "HTTP/1.1 200"), (&other, "HTTP/1.1 503")] {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let name = format!("sluicegate-tls-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let text = manifests(port, backend(&inner), &edge, &authority.cert.pem());
        fs::write(folder.join("all.yaml"), text).unwrap();
        let config = Config {
            inputs: vec![Input::Path(folder.clone())],
            admin_address: ([127, 0, 0, 1], 0).into(),
            bind: Some([127, 0, 0, 1].into()),
            workers: Some(1),
            drain_time: Duration::from_secs(5),
            ..Config::new(Vec::new())
        };
        let server = Server::start(config, Logs::silent()).await.unwrap();
        assert!(server.ready(patience()).await);
        let answer = ask(port, &edge);
        assert!(answer.starts_with(status), "{answer}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
