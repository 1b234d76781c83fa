// SPDX-License-Identifier: Apache-2.0
//! HTTPS listeners: certificates by secret and name, their rotation, client certificates.

use std::{net::SocketAddr, time::Duration};

use sluicegate_xds::pb::{
    envoy::{
        config::listener::v3::{FilterChain, FilterChainMatch},
        config::route::v3::{RedirectAction, Route, redirect_action, route},
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, DownstreamTlsContext,
            common_tls_context::ValidationContextType,
        },
    },
    google::protobuf::BoolValue,
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2,
    pki::{Authority, Pair},
    plane::differs,
    tls::{connect, connect_http2, get, inline, inspector, secret, serving, socket},
    xds,
};

/// A chain for these names.
fn chain(names: &[&str], context: &DownstreamTlsContext) -> FilterChain {
    let mut chain = xds::listener(|manager| {
        manager.use_remote_address = xds::yes();
    })
    .filter_chains
    .remove(0);
    chain.transport_socket = socket("tls", context);
    chain.filter_chain_match = (!names.is_empty()).then(|| FilterChainMatch {
        server_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..FilterChainMatch::default()
    });
    chain
}

fn resources(upstream: SocketAddr, chains: Vec<FilterChain>) -> Resources {
    let mut resources = Resources::simple(&[upstream]);
    resources.listeners[0].filter_chains = chains;
    resources.listeners[0].listener_filters = vec![inspector()];
    resources
}

fn ssl(gateway: &Gateway, name: &str) -> String {
    let address = gateway.address().to_string().replace(':', "_");
    format!("listener.{address}.{name}")
}

#[test]
fn https_is_served() {
    let authority = Authority::new("ca");
    let upstream = Upstream::ok();
    let mut resources = resources(upstream.address, vec![chain(&[], &serving("default~a"))]);
    resources.secrets = vec![secret("default~a", &authority.issue(&["a.example"]))];
    let gateway = Gateway::start(&resources);
    assert!(gateway.refused().is_empty());
    let alpn = |config: &mut rustls::ClientConfig| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    };
    let ca = authority.pem();
    let mut client = connect(gateway.address(), "a.example", &ca, alpn, None).unwrap();
    assert_eq!(client.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    for _ in 0..2 {
        let (head, body) = get(&mut client, "a.example", "/").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, b"ok");
    }
    let heads = upstream.heads.lock().unwrap().clone();
    assert!(heads[0].contains("x-forwarded-proto: https"), "{heads:?}");
    gateway.expect(&ssl(&gateway, "ssl.handshake"), 1);
    gateway.expect(&ssl(&gateway, "ssl.no_certificate"), 1);
    gateway.expect(&ssl(&gateway, "ssl.session_reused"), 0);
    gateway.expect(&ssl(&gateway, "ssl.versions.TLSv1.3"), 1);
    gateway.expect(&ssl(&gateway, "ssl.ciphers.TLS_AES_256_GCM_SHA384"), 1);
    gateway.expect("http.test.downstream_cx_ssl_active", 1);
    gateway.expect(&ssl(&gateway, "downstream_cx_active"), 1);
    // A protocol that nobody speaks is passed over, as Envoy does.
    let odd = |config: &mut rustls::ClientConfig| config.alpn_protocols = vec![b"odd".to_vec()];
    let mut client = connect(gateway.address(), "a.example", &ca, odd, None).unwrap();
    assert!(get(&mut client, "a.example", "/").is_ok());
    // Plain text is not served.
    let mut plain = gateway.client();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let rest = plain.rest();
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    gateway.expect(&ssl(&gateway, "ssl.connection_error"), 1);
}

#[test]
fn http2_is_served_to_clients_that_offer_it() {
    let authority = Authority::new("ca");
    let upstream = Upstream::ok();
    let mut resources = resources(upstream.address, vec![chain(&[], &serving("a"))]);
    resources.secrets = vec![secret("a", &authority.issue(&["a.example"]))];
    let gateway = Gateway::start(&resources);
    http2::run(async {
        let client = connect_http2(gateway.address(), "a.example", &authority.pem()).await;
        for _ in 0..3 {
            let answer = client.get("/").await;
            assert_eq!((answer.status, answer.text()), (200, "ok"));
        }
    });
    let heads = upstream.heads.lock().unwrap().clone();
    assert!(heads[2].contains("x-forwarded-proto: https"), "{heads:?}");
}

#[test]
fn a_redirect_keeps_the_scheme() {
    let authority = Authority::new("ca");
    let mut resources = resources(
        "127.0.0.1:9".parse().unwrap(),
        vec![chain(&[], &serving("a"))],
    );
    resources.secrets = vec![secret("a", &authority.issue(&["a.example"]))];
    resources.routes = vec![xds::routes(vec![Route {
        action: Some(route::Action::Redirect(RedirectAction {
            path_rewrite_specifier: Some(redirect_action::PathRewriteSpecifier::PathRedirect(
                "/new".to_owned(),
            )),
            ..RedirectAction::default()
        })),
        ..xds::route("/", "c", |_| {})
    }])];
    let gateway = Gateway::start(&resources);
    let ca = authority.pem();
    let mut client = connect(gateway.address(), "a.example", &ca, |_| {}, None).unwrap();
    let (head, _) = get(&mut client, "a.example", "/").unwrap();
    assert!(head.contains("location: https://a.example/new"), "{head}");
}

#[test]
fn the_name_chooses_the_chain() {
    let (one, two, three) = (
        Authority::new("1"),
        Authority::new("2"),
        Authority::new("3"),
    );
    let chains = vec![
        chain(&["a.example"], &serving("one")),
        chain(&["*.example"], &serving("two")),
        chain(&["*.deep.example"], &serving("three")),
        chain(&["gone.example"], &serving("missing")),
    ];
    let mut resources = resources(Upstream::ok().address, chains);
    let names = ["a.example", "b.example", "x.y.example", "z.deep.example"];
    resources.secrets = vec![
        secret("one", &one.issue(&names)),
        secret("two", &two.issue(&names)),
        secret("three", &three.issue(&names)),
    ];
    let gateway = Gateway::start(&resources);
    gateway.assert_refused("missing", "does not exist");
    let works = |name: &str, authority: &Authority| {
        let ca = authority.pem();
        connect(gateway.address(), name, &ca, |_| {}, None).is_ok()
    };
    assert!(works("a.example", &one));
    assert!(!works("a.example", &two));
    assert!(works("A.example", &one));
    assert!(works("b.example", &two));
    assert!(works("x.y.example", &two));
    assert!(works("z.deep.example", &three));
    gateway.expect(&ssl(&gateway, "no_filter_chain_match"), 0);
    assert!(!works("other.test", &one));
    gateway.expect(&ssl(&gateway, "no_filter_chain_match"), 1);
    // The chain without its certificate serves nobody, the others do.
    assert!(!works("gone.example", &two));
    assert!(works("a.example", &one));
}

#[test]
fn a_new_certificate_disturbs_nobody() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let upstream = Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(300));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        std::io::Write::write_all(exchange.stream, answer).is_ok()
    });
    let mut resources = resources(upstream.address, vec![chain(&[], &serving("a"))]);
    resources.secrets = vec![secret("a", &old.issue(&["a.example"]))];
    let gateway = Gateway::start(&resources);
    let address = gateway.address();
    let ca = old.pem();
    let running = std::thread::spawn(move || {
        let mut client = connect(address, "a.example", &ca, |_| {}, None).unwrap();
        let first = get(&mut client, "a.example", "/").unwrap().0;
        let second = get(&mut client, "a.example", "/").unwrap().0;
        (first, second)
    });
    std::thread::sleep(Duration::from_millis(100));
    resources.secrets = vec![secret("a", &new.issue(&["a.example"]))];
    gateway.publish(&resources);
    assert!(connect(address, "a.example", &old.pem(), |_| {}, None).is_err());
    let mut fresh = connect(address, "a.example", &new.pem(), |_| {}, None).unwrap();
    assert!(get(&mut fresh, "a.example", "/").is_ok());
    let (first, second) = running.join().unwrap();
    for head in [first, second] {
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(!head.contains("connection: close"), "{head}");
    }
    gateway.expect("http.test.downstream_cx_drain_close", 0);
    if differs("a secret that is broken or gone") {
        return;
    }
    // A secret that is broken keeps its last good version and is reported; a missing one serves
    // nobody; one that comes back serves again.
    let broken = Pair {
        chain: "none".to_owned(),
        key: "none".to_owned(),
    };
    resources.secrets = vec![secret("a", &broken)];
    gateway.publish(&resources);
    assert_eq!(gateway.refused().len(), 1);
    assert!(connect(address, "a.example", &new.pem(), |_| {}, None).is_ok());
    resources.secrets.clear();
    gateway.publish(&resources);
    assert_eq!(gateway.refused().len(), 1);
    assert!(connect(address, "a.example", &new.pem(), |_| {}, None).is_err());
    resources.secrets = vec![secret("a", &old.issue(&["a.example"]))];
    gateway.publish(&resources);
    assert!(connect(address, "a.example", &old.pem(), |_| {}, None).is_ok());
    assert!(get(&mut fresh, "a.example", "/").is_ok());
    assert!(gateway.refused().is_empty());
}

#[test]
fn clients_show_certificates() {
    let authority = Authority::new("ca");
    let mut context = serving("a");
    context.require_client_certificate = Some(BoolValue { value: true });
    let common = context.common_tls_context.get_or_insert_default();
    common.validation_context_type = Some(ValidationContextType::ValidationContext(
        CertificateValidationContext {
            trusted_ca: inline(&authority.pem()),
            ..CertificateValidationContext::default()
        },
    ));
    let mut resources = resources(Upstream::ok().address, vec![chain(&[], &context)]);
    resources.secrets = vec![secret("a", &authority.issue(&["a.example"]))];
    let gateway = Gateway::start(&resources);
    let ca = authority.pem();
    let ask = |pair: Option<&Pair>| {
        let mut client = connect(gateway.address(), "a.example", &ca, |_| {}, pair)?;
        get(&mut client, "a.example", "/")
    };
    assert!(ask(Some(&authority.issue(&["client"]))).is_ok());
    assert!(ask(None).is_err());
    gateway.expect(&ssl(&gateway, "ssl.fail_verify_no_cert"), 1);
    assert!(ask(Some(&Authority::new("other").issue(&["client"]))).is_err());
    gateway.expect(&ssl(&gateway, "ssl.fail_verify_error"), 1);
    gateway.expect(&ssl(&gateway, "ssl.handshake"), 1);
}
