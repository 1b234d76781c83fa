// SPDX-License-Identifier: Apache-2.0
//! Connections that are no HTTP: origins in the clear and in TLS, routes to them, one exchange.
//!
//! In: a Gateway with further listeners. Out: who answered. An origin says its name, takes a line and
//! gives it back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
};
use sluicegate_testkit::{eventually, free_port, patience};

/// Origins, and the ports of the Gateway that lead to them.
pub(crate) struct Scene {
    /// Where a TCP listener is.
    pub(crate) tcp: u16,
    /// Where a TCP listener without a good backend is.
    pub(crate) nowhere: u16,
    /// Where HTTPS and TLS listeners share a port.
    pub(crate) tls: u16,
    plain: u16,
    secure: u16,
    edge: CertifiedKey<KeyPair>,
    own: CertifiedKey<KeyPair>,
}

impl Scene {
    /// Starts the origins.
    pub(crate) fn start() -> Self {
        let names = |names: [&str; 2]| generate_simple_self_signed(names.map(str::to_owned));
        let edge = names(["term.example.com", "web.example.com"]).unwrap();
        let own = names(["pass.example.com", "other.example.com"]).unwrap();
        Self {
            tcp: free_port(),
            nowhere: free_port(),
            tls: free_port(),
            plain: origin("plain", None),
            secure: origin("secure", Some(&own)),
            edge,
            own,
        }
    }

    /// Further listeners of a Gateway, one YAML mapping each.
    pub(crate) fn listeners(&self) -> Vec<String> {
        let Self {
            tcp, nowhere, tls, ..
        } = self;
        let certificate = "certificateRefs: [{name: edge}]";
        vec![
            format!("{{name: tcp, protocol: TCP, port: {tcp}}}"),
            format!("{{name: nowhere, protocol: TCP, port: {nowhere}}}"),
            format!(
                "{{name: pass, protocol: TLS, port: {tls}, hostname: '*.example.com', \
                 tls: {{mode: Passthrough}}}}"
            ),
            format!(
                "{{name: term, protocol: TLS, port: {tls}, hostname: term.example.com, \
                 tls: {{mode: Terminate, {certificate}}}}}"
            ),
            format!(
                "{{name: web, protocol: HTTPS, port: {tls}, hostname: web.example.com, \
                 tls: {{{certificate}}}}}"
            ),
        ]
    }

    /// The routes of the Gateway `http`, and what is behind them, in one namespace.
    pub(crate) fn manifests(&self, namespace: &str) -> String {
        let route = |kind: &str, section: &str, hostnames: &str, service: &str| {
            format!(
                "apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {section}, namespace: {namespace}}}
spec:
  parentRefs: [{{name: http, sectionName: {section}}}]
  {hostnames}
  rules: [{{backendRefs: [{{name: {service}, port: 5432}}]}}]
---
"
            )
        };
        let pem = |text: &str| text.replace('\n', "\n    ");
        let (chain, key) = (
            pem(&self.edge.cert.pem()),
            pem(&self.edge.signing_key.serialize_pem()),
        );
        [
            route("TCPRoute", "tcp", "", "plain"),
            route("TCPRoute", "nowhere", "", "missing"),
            route(
                "TLSRoute",
                "pass",
                "hostnames: [pass.example.com]",
                "secure",
            ),
            route("TLSRoute", "term", "hostnames: ['*.example.com']", "plain"),
            service(namespace, "plain", self.plain),
            service(namespace, "secure", self.secure),
            format!(
                "apiVersion: v1
kind: Secret
metadata: {{name: edge, namespace: {namespace}}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
    {chain}
  tls.key: |
    {key}
"
            ),
        ]
        .concat()
    }

    /// A policy above the TCPRoute: one connection at a time, and settings that only requests know.
    pub(crate) fn limit(namespace: &str) -> String {
        format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: tcp, namespace: {namespace}}}
spec:
  targetRef: {{kind: TCPRoute, name: tcp}}
  connection: {{connectionLimit: {{value: 1, closeDelay: 100ms}}}}
  loadBalancer:
    type: ConsistentHash
    consistentHash: {{type: SourceIP}}
    endpointOverride: {{extractFrom: [{{header: x-host}}]}}
  telemetry: {{metrics: {{routeStatName: '%ROUTE_NAME%-limited'}}}}
"
        )
    }

    /// While a connection is there, a second one is closed; then there is room again.
    pub(crate) async fn check_limit(&self) {
        // Earlier connections may still count.
        let first = eventually("there is room for a connection", async || {
            let mut stream = connect(self.tcp)?;
            let mut greeting = [0; 6];
            stream.read_exact(&mut greeting).ok()?;
            Some(stream)
        });
        let first = first.await.unwrap();
        assert_eq!(self.over_tcp(self.tcp), None);
        assert_eq!(exchange(first, "ping\n").as_deref(), Some("ping\n"));
    }

    /// Waits until both ports have their routes.
    pub(crate) async fn served(&self) -> anyhow::Result<()> {
        let tls = || over_tls(self.tls, "pass.example.com", &self.own, "ping\n");
        let served = async || self.over_tcp(self.tcp).and_then(|_| tls()).map(drop);
        eventually("the routes are served", served).await
    }

    /// What a client of the TCP listener gets.
    pub(crate) fn over_tcp(&self, port: u16) -> Option<String> {
        exchange(connect(port)?, "ping\n")
    }

    /// Every way through the Gateway, once it is [`Self::served`].
    pub(crate) fn check(&self) {
        let tls = |name, trusted, line| over_tls(self.tls, name, trusted, line);
        let (edge, own) = (&self.edge, &self.own);
        assert_eq!(self.over_tcp(self.tcp).as_deref(), Some("plain ping\n"));
        assert_eq!(self.over_tcp(self.nowhere), None);
        let passed = tls("pass.example.com", own, "ping\n");
        assert_eq!(passed.as_deref(), Some("secure ping\n"));
        let ended = tls("term.example.com", edge, "ping\n");
        assert_eq!(ended.as_deref(), Some("plain ping\n"));
        let request = "GET /nowhere HTTP/1.1\r\nhost: web.example.com\r\nconnection: close\r\n\r\n";
        let answer = tls("web.example.com", edge, request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert_eq!(tls("other.example.com", own, "ping\n"), None);
    }
}

fn service(namespace: &str, name: &str, port: u16) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  ports: [{{name: tcp, port: 5432}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-1
  namespace: {namespace}
  labels: {{kubernetes.io/service-name: {name}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: tcp, port: {port}}}]
---
"
    )
}

/// An origin that lives as long as the test's process.
fn origin(name: &'static str, identity: Option<&CertifiedKey<KeyPair>>) -> u16 {
    let config = identity.map(|pair| {
        let key = pair.signing_key.serialize_pem();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key);
        Arc::new(config.unwrap())
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let config = config.clone();
            thread::spawn(move || match config {
                None => answer(name, tcp),
                Some(config) => {
                    let connection = ServerConnection::new(config).unwrap();
                    answer(name, StreamOwned::new(connection, tcp));
                }
            });
        }
    });
    port
}

fn answer(name: &str, mut stream: impl Read + Write) {
    if write!(stream, "{name} ").is_err() {
        return;
    }
    let mut line = String::new();
    if BufReader::new(&mut stream).read_line(&mut line).is_ok() {
        let _ = stream.write_all(line.as_bytes());
        let _ = stream.flush();
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
    stream.set_read_timeout(Some(patience())).ok()?;
    Some(stream)
}

fn over_tls(
    port: u16,
    name: &'static str,
    trusted: &CertifiedKey<KeyPair>,
    line: &str,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    exchange(StreamOwned::new(connection, connect(port)?), line)
}

/// What comes back before the connection ends, however it ends; `None` where that is nothing.
fn exchange(mut stream: impl Read + Write, line: &str) -> Option<String> {
    stream.write_all(line.as_bytes()).ok()?;
    let (mut all, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        all.extend_from_slice(&piece[..count]);
    }
    let text = String::from_utf8(all).unwrap();
    (!text.is_empty()).then_some(text)
}
