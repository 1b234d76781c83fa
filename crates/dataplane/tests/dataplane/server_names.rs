// SPDX-License-Identifier: Apache-2.0
//! The choice among filter chains by what a client begins with.

use std::{
    io::{Read, Write},
    thread::sleep,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};
use sluicegate_xds::pb::envoy::config::listener::v3::FilterChainMatch;

use crate::support::{
    Client, Gateway, Upstream,
    gateway::Resources,
    pki::Authority,
    tcp::{self, Server},
    tls::{self, TlsUpstream, Wants, connect, get, inspector, serving, socket},
    xds,
};

/// A server that tells how many bytes of a hello it got, once all of that many are there.
fn counting(name: &'static str, bytes: usize) -> Server {
    Server::start(move |stream| {
        let mut hello = vec![0; bytes];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(name.as_bytes()).unwrap();
        stream.write_all(&hello).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// What a TLS client sends first.
fn hello(name: &str) -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Which server gets this hello, whole; nothing when the connection is closed.
fn reaches(gateway: &Gateway, hello: &[u8]) -> String {
    let mut client = gateway.client();
    client.send(hello);
    let mut name = [0; 1];
    if client.stream.read_exact(&mut name).is_err() {
        return String::new();
    }
    let mut same = vec![0; hello.len()];
    client.stream.read_exact(&mut same).unwrap();
    assert_eq!(same, hello);
    String::from_utf8(name.to_vec()).unwrap()
}

fn listener(name: &str) -> String {
    format!("listener.{}", name.replace(':', "_"))
}

/// Bytes of a hello for `name`: all of the names here have one length.
fn length() -> usize {
    hello("a.one.example").len()
}

fn by_name(default: bool) -> (Gateway, Vec<Server>) {
    let names: [(&'static str, &[&str]); 4] = [
        ("e", &["a.one.example", "b.one.example"]),
        ("w", &["*.one.example"]),
        ("s", &["*.example"]),
        ("n", &[]),
    ];
    let mut resources = Resources::simple(&[]);
    resources.routes.clear();
    resources.listeners[0].filter_chains.clear();
    resources.listeners[0].listener_filters = vec![inspector()];
    let mut servers = Vec::new();
    for (name, server_names) in names {
        let server = counting(name, length());
        tcp::also(&mut resources, name, &[server.address]);
        let chain = tcp::chain(server_names, tcp::proxy(name, |_| {}));
        if !server_names.is_empty() {
            resources.listeners[0].filter_chains.push(chain);
        } else if default {
            resources.listeners[0].default_filter_chain = Some(chain);
        }
        servers.push(server);
    }
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    (gateway, servers)
}

#[test]
fn the_name_decides_and_the_server_gets_every_byte() {
    let (gateway, _servers) = by_name(false);
    for (asked, served) in [
        ("a.one.example", "e"),
        ("B.ONE.example", "e"),
        ("z.one.example", "w"),
        ("a.two.example", "s"),
        ("a.example.one", ""),
    ] {
        assert_eq!(reaches(&gateway, &hello(asked)), served, "{asked}");
    }
    let address = listener(&gateway.address().to_string());
    gateway.expect(&format!("{address}.no_filter_chain_match"), 1);
    gateway.expect(&format!("{address}.downstream_cx_total"), 4);
    gateway.expect("tls_inspector.tls_found", 5);
    gateway.expect("tls_inspector.sni_found", 5);
    gateway.expect("tls_inspector.alpn_not_found", 5);
    // Not TLS at all.
    let mut plain = gateway.client();
    plain.send("GET / HTTP/1.1\r\nHost: a.one.example\r\n\r\n");
    assert_eq!(plain.rest(), b"");
    gateway.expect("tls_inspector.tls_not_found", 1);
    gateway.expect(&format!("{address}.no_filter_chain_match"), 2);
}

#[test]
fn a_name_that_nobody_has_reaches_the_default_chain() {
    let (gateway, _servers) = by_name(true);
    assert_eq!(reaches(&gateway, &hello("a.one.examplf")), "n");
    assert_eq!(reaches(&gateway, &hello("a.one.example")), "e");
}

/// A hello in pieces of every size, and one in two records.
#[test]
fn a_hello_may_come_in_pieces() {
    let (gateway, _servers) = by_name(false);
    let bytes = hello("a.one.example");
    let mut client = gateway.client();
    for piece in bytes.chunks(7) {
        client.send(piece);
        sleep(Duration::from_millis(1));
    }
    let mut answer = vec![0; 1 + bytes.len()];
    client.stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], b'e');
    assert_eq!(answer[1..], bytes);
    gateway.expect("tls_inspector.tls_found", 1);
}

/// A client that leaves in the middle of its hello, and one that never comes to its end.
#[test]
fn half_a_hello_reaches_nobody() {
    let mut resources = Resources::simple(&[]);
    let server = Server::shouting();
    tcp::also(&mut resources, "d", &[server.address]);
    resources.routes.clear();
    let chain = tcp::chain(&["a.one.example"], tcp::proxy("d", |_| {}));
    resources.listeners[0].filter_chains = vec![chain];
    resources.listeners[0].listener_filters = vec![inspector()];
    resources.listeners[0].listener_filters_timeout = xds::seconds(0.4);
    let gateway = Gateway::start(&resources);
    let address = listener(&gateway.address().to_string());
    let bytes = hello("a.one.example");
    let mut client = gateway.client();
    client.send(&bytes[..40]);
    drop(client);
    gateway.expect(
        &format!("{address}.downstream_listener_filter_remote_close"),
        1,
    );
    let mut client = gateway.client();
    client.send(&bytes[..40]);
    assert!(client.closed());
    gateway.expect(&format!("{address}.downstream_pre_cx_timeout"), 1);
    gateway.expect("tls_inspector.tls_found", 0);
    assert_eq!(server.connections(), 0);
}

/// One port: HTTP whose TLS ends here, TLS that is passed through, and plain HTTP.
#[test]
fn one_listener_for_http_and_for_tls_of_others() {
    let authority = Authority::new("ca");
    let upstream = Upstream::ok();
    let inner = TlsUpstream::start(&authority.issue(&["through.example"]), Wants::default());
    let mut resources = Resources::simple(&[upstream.address]);
    tcp::also(&mut resources, "inner", &[inner.address]);
    let plain = resources.listeners[0].filter_chains.remove(0);
    let mut http = plain.clone();
    http.name = "http".to_owned();
    http.transport_socket = socket("tls", &serving("a"));
    http.filter_chain_match = Some(FilterChainMatch {
        server_names: vec!["here.example".to_owned()],
        ..FilterChainMatch::default()
    });
    let mut raw = plain;
    raw.name = "raw".to_owned();
    raw.filter_chain_match = Some(FilterChainMatch {
        transport_protocol: "raw_buffer".to_owned(),
        ..FilterChainMatch::default()
    });
    resources.listeners[0].filter_chains = vec![
        http,
        tcp::chain(&["through.example"], tcp::proxy("inner", |_| {})),
        raw,
    ];
    resources.listeners[0].listener_filters = vec![inspector()];
    resources.secrets = vec![tls::secret("a", &authority.issue(&["here.example"]))];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let ca = authority.pem();
    for name in ["here.example", "through.example"] {
        let mut client = connect(gateway.address(), name, &ca, |_| {}, None).unwrap();
        for _ in 0..2 {
            let (head, _) = get(&mut client, name, "/").unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{name}: {head}");
        }
    }
    assert_eq!(inner.seen()[0].sni.as_deref(), Some("through.example"));
    assert_eq!(upstream.count(), 2);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert!(connect(gateway.address(), "other.example", &ca, |_| {}, None).is_err());
    gateway.expect("tcp.t.downstream_cx_total", 1);
    gateway.expect("http.test.downstream_cx_total", 2);
}

/// What cannot be told apart is refused.
#[test]
fn two_chains_for_one_name_are_refused() {
    let mut resources = Resources::simple(&[]);
    let chain = |name: &str| {
        let mut chain = tcp::chain(&["a.example"], tcp::proxy("c", |_| {}));
        chain.name = name.to_owned();
        chain
    };
    resources.listeners[0].filter_chains = vec![chain("one"), chain("two")];
    resources.listeners[0].listener_filters = vec![inspector()];
    let gateway = Gateway::start(&resources);
    gateway.assert_refused("listener~80", "two filter chains match a.example");
}

/// A hello that is longer than the inspector reads is taken for plain bytes, as in Envoy.
#[test]
fn a_hello_may_be_too_long() {
    let (gateway, _servers) = by_name(false);
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0, 0x7f, 0];
    record.extend([3, 3]);
    record.resize(5 + 0x4000, 0);
    let mut client: Client = gateway.client();
    client.send(&record);
    // It may be closed before the end of this.
    let _ = client.stream.write_all(&record);
    assert_eq!(client.rest(), b"");
    gateway.expect("tls_inspector.client_hello_too_large", 1);
    gateway.expect("tls_inspector.tls_found", 0);
}
