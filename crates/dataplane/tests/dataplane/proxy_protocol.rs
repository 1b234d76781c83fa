// SPDX-License-Identifier: Apache-2.0
//! The PROXY protocol on both sides.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{
            ProxyProtocolConfig, TlvEntry, TransportSocket,
            proxy_protocol_config::Version::{self, V1, V2},
        },
        config::listener::v3::{ListenerFilter, listener_filter::ConfigType},
        extensions::filters::listener::proxy_protocol::v3::ProxyProtocol,
        extensions::transport_sockets::{
            proxy_protocol::v3::ProxyProtocolUpstreamTransport, raw_buffer::v3::RawBuffer,
            tls::v3::UpstreamTlsContext,
        },
    },
};

use crate::support::{
    Client, Gateway, Upstream,
    client::find,
    gateway::Resources,
    pki::Pair,
    tls::{TlsUpstream, Wants, socket},
    xds,
};

fn around(version: Version, inner: Option<TransportSocket>) -> Option<TransportSocket> {
    let inner = inner.or_else(|| socket("raw_buffer", &RawBuffer::default()));
    let transport = ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig {
            version: version as i32,
            added_tlvs: vec![TlvEntry {
                r#type: 0xe0,
                value: b"hi".to_vec(),
                ..TlvEntry::default()
            }],
            ..ProxyProtocolConfig::default()
        }),
        transport_socket: inner,
        ..ProxyProtocolUpstreamTransport::default()
    };
    socket("upstream_proxy_protocol", &transport)
}

/// Keeps what arrives up to the first request of each connection; answers all requests.
fn raw() -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let prefaces = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = prefaces.clone();
    thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let kept = kept.clone();
            thread::spawn(move || {
                let mut first = true;
                let (mut piece, mut seen) = ([0; 4096], Vec::new());
                while let Ok(count @ 1..) = tcp.read(&mut piece) {
                    seen.extend_from_slice(&piece[..count]);
                    if !seen.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let at = find(&seen, b"GET ").expect("a request");
                    assert!(first || at == 0, "a header in the middle");
                    if first {
                        kept.lock().unwrap().push(seen[..at].to_vec());
                    }
                    seen.clear();
                    first = false;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    tcp.write_all(answer).unwrap();
                }
            });
        }
    });
    (address, prefaces)
}

fn ports(client: &Client) -> (SocketAddr, SocketAddr) {
    let stream = &client.stream;
    (stream.local_addr().unwrap(), stream.peer_addr().unwrap())
}

fn text(client: &Client) -> Vec<u8> {
    let (source, destination) = ports(client);
    let (from, to) = (source.port(), destination.port());
    format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").into_bytes()
}

/// Row 64.
#[test]
fn a_connection_announces_its_client_and_serves_no_other() {
    let (address, prefaces) = raw();
    let mut resources = Resources::simple(&[address]);
    resources.clusters[0].transport_socket = around(V1, None);
    // Each client may have a connection, as each has a pool of its own.
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_connections = xds::number(1);
    });
    let gateway = Gateway::start(&resources);
    let (mut one, mut two) = (gateway.client(), gateway.client());
    for _ in 0..2 {
        assert_eq!(one.get("/").status(), 200);
        assert_eq!(two.get("/").status(), 200);
    }
    assert_eq!(*prefaces.lock().unwrap(), [text(&one), text(&two)]);
    gateway.expect("cluster.c.upstream_cx_total", 2);
    // A client that has left leaves its connection idle.
    drop(one);
    assert_eq!(gateway.client().get("/").status(), 200);
    gateway.expect("cluster.c.upstream_cx_total", 3);
    gateway.expect("cluster.c.upstream_cx_active", 3);
}

/// Row 64.
#[test]
fn the_binary_form() {
    let (address, prefaces) = raw();
    let mut resources = Resources::simple(&[address]);
    resources.clusters[0].transport_socket = around(V2, None);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    assert_eq!(client.get("/").status(), 200);
    let (source, destination) = ports(&client);
    let mut wanted = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\x7f\0\0\x01\x7f\0\0\x01".to_vec();
    wanted.extend(source.port().to_be_bytes());
    wanted.extend(destination.port().to_be_bytes());
    wanted.extend(b"\xe0\0\x02hi");
    assert_eq!(*prefaces.lock().unwrap(), [wanted]);
}

/// Row 64.
#[test]
fn tls_inside_the_proxy_protocol() {
    let wants = Wants {
        preface: true,
        ..Wants::default()
    };
    let upstream = TlsUpstream::start(&Pair::self_signed(&["a.example"], false), wants);
    let mut resources = Resources::simple(&[upstream.address]);
    let inner = socket("tls", &UpstreamTlsContext::default());
    resources.clusters[0].transport_socket = around(V1, inner);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(client.get("/").status(), 200);
    }
    let seen = upstream.seen();
    assert_eq!((seen.len(), &seen[0].preface), (1, &text(&client)));
}

#[test]
fn a_client_is_who_the_header_says() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let start = |resources: &mut Resources, optional| {
        resources.listeners = vec![xds::listener(|manager| {
            manager.use_remote_address = xds::yes();
        })];
        let filter = ProxyProtocol {
            allow_requests_without_proxy_protocol: optional,
            ..ProxyProtocol::default()
        };
        resources.listeners[0].listener_filters = vec![ListenerFilter {
            name: "envoy.filters.listener.proxy_protocol".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any::pack(&filter))),
            ..ListenerFilter::default()
        }];
        Gateway::start(resources)
    };
    let gateway = start(&mut resources, false);
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x09\x7f\0\0\x01\x12\x34\0\x50\xe0\0\0";
    let headers: [(&[u8], &str); 3] = [
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 5 80\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::1 ::1 5 80\r\n", "2001:db8::1"),
        (v2, "192.0.2.9"),
    ];
    for (header, peer) in headers {
        let mut client = gateway.client();
        let (first, rest) = header.split_at(4);
        client.send(first);
        thread::sleep(std::time::Duration::from_millis(20));
        client.send(rest);
        assert_eq!(client.get("/").status(), 200);
        let heads = upstream.heads.lock().unwrap();
        let wanted = format!("x-forwarded-for: {peer}");
        assert!(heads.last().unwrap().contains(&wanted), "{heads:?}");
    }
    for bad in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY TCP4 x y z\r\n"] {
        let mut client = gateway.client();
        client.send(bad);
        assert_eq!(client.rest(), b"");
    }
    let optional = start(&mut resources, true);
    assert_eq!(optional.client().get("/").status(), 200);
    let mut client = optional.client();
    client.send("PROXY UNKNOWN\r\n");
    assert_eq!(client.get("/").status(), 200);
}
