// SPDX-License-Identifier: Apache-2.0
//! TLS towards upstreams: the rows that were measured on Envoy.

use rustls::ProtocolVersion;
use sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    TlsParameters, UpstreamTlsContext,
    subject_alt_name_matcher::SanType::{Dns, IpAddress, Uri},
    tls_parameters::TlsProtocol,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    pki::{Authority, Pair},
    plane::decided,
    tls::{LARGE, TlsUpstream, Wants, certificate, socket, trusting},
    xds,
};

fn gateway(upstream: std::net::SocketAddr, context: &UpstreamTlsContext) -> Gateway {
    let mut resources = Resources::simple(&[upstream]);
    resources.clusters[0].transport_socket = socket("tls", context);
    Gateway::start(&resources)
}

fn common(
    context: &mut UpstreamTlsContext,
) -> &mut sluicegate_xds::pb::envoy::extensions::transport_sockets::tls::v3::CommonTlsContext {
    context.common_tls_context.get_or_insert_default()
}

/// The answer to a handshake that failed.
fn fails(gateway: &Gateway, counter: &str) {
    let response = gateway.client().get("/");
    assert_eq!(response.status(), 503, "{response:?}");
    assert_eq!(
        response.text(),
        "upstream connect error or disconnect/reset before headers. \
         reset reason: remote connection failure"
    );
    gateway.expect(&format!("cluster.c.ssl.{counter}"), 1);
    for other in ["connection_error", "fail_verify_error", "fail_verify_san"] {
        let wanted = i64::from(other == counter);
        assert_eq!(gateway.stat(&format!("cluster.c.ssl.{other}")), wanted);
    }
    gateway.expect("cluster.c.ssl.handshake", 0);
    gateway.expect("cluster.c.upstream_cx_connect_fail", 1);
    gateway.expect("cluster.c.upstream_rq_total", 0);
}

/// Row 65.
#[test]
fn a_request_over_tls() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), Wants::default());
    let mut context = trusting(&authority.pem(), &[]);
    context.sni = "other.example".to_owned();
    let gateway = gateway(upstream.address, &context);
    let mut client = gateway.client();
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!((response.status(), response.text()), (200, "oo"));
    }
    gateway.expect("cluster.c.ssl.handshake", 1);
    gateway.expect("cluster.c.upstream_cx_total", 1);
    let seen = upstream.seen();
    assert_eq!(seen.len(), 1);
    // Without matchers the names do not count.
    assert_eq!(seen[0].sni.as_deref(), Some("other.example"));
    assert_eq!(seen[0].alpn, ["http/1.1"]);
    assert_eq!(seen[0].version, Some(ProtocolVersion::TLSv1_2));
    let large = client.get("/large");
    assert_eq!(large.body.len(), LARGE);
    gateway.expect("cluster.c.ssl.versions.TLSv1.2", 1);
    gateway.expect("cluster.c.ssl.no_certificate", 0);
    let mut ciphers = gateway.stats();
    ciphers.retain(|(name, _)| name.contains(".ssl.ciphers."));
    let cipher = decided(
        "the cipher that this server takes",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    );
    let cipher = format!("cluster.c.ssl.ciphers.{cipher}");
    assert_eq!(ciphers, [(cipher, 1)]);
    // A session is resumed by the next connection.
    eventually("a resumed session", || {
        let mut both = [gateway.client(), gateway.client()];
        both.iter_mut()
            .for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        both.iter_mut()
            .for_each(|client| assert_eq!(client.response(false).status(), 200));
        gateway.stat("cluster.c.ssl.session_reused") > 0
    });
}

/// Row 65.
#[test]
fn tls_1_3_and_own_protocols() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), Wants::default());
    let mut context = trusting(&authority.pem(), &[]);
    common(&mut context).alpn_protocols = vec!["custom".to_owned(), "http/1.1".to_owned()];
    common(&mut context).tls_params = Some(TlsParameters {
        tls_maximum_protocol_version: TlsProtocol::TlSv13 as i32,
        ..TlsParameters::default()
    });
    let gateway = gateway(upstream.address, &context);
    let mut client = gateway.client();
    // Session tickets that arrive later must not count as a broken connection.
    for _ in 0..3 {
        assert_eq!(client.get("/").status(), 200);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    gateway.expect("cluster.c.upstream_cx_total", 1);
    let seen = upstream.seen();
    assert_eq!(seen[0].version, Some(ProtocolVersion::TLSv1_3));
    assert_eq!(seen[0].sni, None);
    assert_eq!(seen[0].alpn, ["custom", "http/1.1"]);
}

/// Row 65.
#[test]
fn without_a_validation_context_any_certificate_will_do() {
    let pair = Pair::self_signed(&["nobody.example"], false);
    let upstream = TlsUpstream::start(&pair, Wants::default());
    let gateway = gateway(upstream.address, &UpstreamTlsContext::default());
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 65.
#[test]
fn an_unknown_authority() {
    let upstream = TlsUpstream::start(
        &Authority::new("ca").issue(&["a.example"]),
        Wants::default(),
    );
    let context = trusting(&Authority::new("other").pem(), &[]);
    fails(&gateway(upstream.address, &context), "fail_verify_error");
    eventually("the server is told", || {
        let seen = upstream.seen();
        seen.first()
            .and_then(|seen| seen.error.clone())
            .is_some_and(|error| error.contains("UnknownCA"))
    });
}

/// Row 65.
#[test]
fn an_expired_certificate() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.expired(&["a.example"]), Wants::default());
    let context = trusting(&authority.pem(), &[]);
    fails(&gateway(upstream.address, &context), "fail_verify_error");
}

/// Row 65.
#[test]
fn names_decide_when_there_are_matchers() {
    let authority = Authority::new("ca");
    let names = ["a.example", "*.wild.example", "spiffe://x/y", "127.0.0.1"];
    let upstream = TlsUpstream::start(&authority.issue(&names), Wants::default());
    let good = [
        (Dns, "a.example"),
        (Dns, "b.wild.example"),
        (Uri, "spiffe://x/y"),
        (IpAddress, "127.0.0.1"),
    ];
    for name in good {
        let gateway = gateway(upstream.address, &trusting(&authority.pem(), &[name]));
        assert_eq!(gateway.client().get("/").status(), 200, "{name:?}");
    }
    let one_fits = [(Dns, "no.example"), (Dns, "a.example")];
    let either = gateway(upstream.address, &trusting(&authority.pem(), &one_fits));
    assert_eq!(either.client().get("/").status(), 200);
    let bad = [
        (Dns, "b.example"),
        (Dns, "wild.example"),
        (Dns, "c.b.wild.example"),
        (Uri, "spiffe://x"),
        (IpAddress, "127.0.0.2"),
    ];
    for name in bad {
        let gateway = gateway(upstream.address, &trusting(&authority.pem(), &[name]));
        fails(&gateway, "fail_verify_san");
    }
}

#[test]
fn a_self_signed_certificate_given_as_authority() {
    for authority in [false, true] {
        let pair = Pair::self_signed(&["a.example"], authority);
        let upstream = TlsUpstream::start(&pair, Wants::default());
        let context = trusting(&pair.chain, &[(Dns, "a.example")]);
        let gateway = gateway(upstream.address, &context);
        assert_eq!(gateway.client().get("/").status(), 200, "{authority}");
    }
}

/// Row 65.
#[test]
fn a_client_certificate_is_sent_when_there_is_one() {
    let authority = Authority::new("ca");
    let wants = Wants {
        client_ca: Some(authority.pem()),
        ..Wants::default()
    };
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), wants);
    let mut context = trusting(&authority.pem(), &[]);
    fails(&gateway(upstream.address, &context), "connection_error");
    let client = authority.issue(&["client.example"]);
    common(&mut context).tls_certificates = vec![certificate(&client)];
    let gateway = gateway(upstream.address, &context);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(
        upstream.seen().last().map(|seen| seen.certificates),
        Some(1)
    );
}

/// Row 65.
#[test]
fn a_silent_port_is_a_connect_timeout() {
    let upstream = Upstream::silent();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].transport_socket = socket("tls", &UpstreamTlsContext::default());
    resources.clusters[0].connect_timeout = xds::seconds(0.2);
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert!(
        response.text().ends_with("connection timeout"),
        "{response:?}"
    );
    gateway.expect("cluster.c.upstream_cx_connect_timeout", 1);
}

/// Row 65.
#[test]
fn plain_text_to_a_tls_port_is_a_termination() {
    let pair = Pair::self_signed(&["a.example"], false);
    let upstream = TlsUpstream::start(&pair, Wants::default());
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let response = gateway.client().get("/");
    assert!(
        response.text().ends_with("connection termination"),
        "{response:?}"
    );
}

#[test]
fn another_context_makes_new_connections() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), Wants::default());
    let mut resources = Resources::simple(&[upstream.address]);
    let context = trusting(&authority.pem(), &[]);
    resources.clusters[0].transport_socket = socket("tls", &context);
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/").status(), 200);
    let strict = trusting(&authority.pem(), &[(Dns, "b.example")]);
    resources.clusters[0].transport_socket = socket("tls", &strict);
    gateway.publish(&resources);
    assert_eq!(gateway.client().get("/").status(), 503);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let refused = |change: fn(&mut UpstreamTlsContext), message: &str| {
        let mut context = UpstreamTlsContext::default();
        change(&mut context);
        let gateway = gateway("127.0.0.1:9".parse().unwrap(), &context);
        gateway.assert_refused("c", message);
        assert_eq!(gateway.client().get("/").status(), 503);
    };
    fn params(context: &mut UpstreamTlsContext) -> &mut TlsParameters {
        common(context).tls_params.get_or_insert_default()
    }
    refused(
        |context| params(context).tls_maximum_protocol_version = TlsProtocol::TlSv11 as i32,
        "tls_params: only TLS 1.2 and 1.3 are implemented, none is within TLSv1_2 to TLSv1_1",
    );
    refused(
        |context| params(context).cipher_suites = vec!["AES128-SHA".to_owned()],
        "tls_params: cipher suite AES128-SHA is not implemented",
    );
    refused(
        |context| params(context).ecdh_curves = vec!["P-521".to_owned()],
        "tls_params: curve P-521 is not implemented",
    );
}

#[test]
fn ciphers_go_by_both_of_their_names() {
    let pair = Pair::self_signed(&["a.example"], false);
    let upstream = TlsUpstream::start(&pair, Wants::default());
    for (name, works) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", true),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", true),
        ("ECDHE-RSA-AES128-GCM-SHA256", false),
    ] {
        let mut context = UpstreamTlsContext::default();
        common(&mut context).tls_params = Some(TlsParameters {
            cipher_suites: vec![name.to_owned()],
            ecdh_curves: vec!["P-256".to_owned()],
            ..TlsParameters::default()
        });
        let gateway = gateway(upstream.address, &context);
        let status = gateway.client().get("/").status();
        assert_eq!(status, if works { 200 } else { 503 }, "{name}");
    }
}
