// SPDX-License-Identifier: Apache-2.0
//! Kinds of active health checks, what they take for an answer, and what is logged about them.

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, HeaderValue, Response};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{
            HealthCheck, Http2ProtocolOptions, HttpProtocolOptions as Common, RequestMethod,
            TypedExtensionConfig,
            header_value_option::HeaderAppendAction,
            health_check::{
                GrpcHealthCheck, HealthChecker, HttpHealthCheck, Payload, TcpHealthCheck,
                TlsOptions, payload,
            },
        },
        extensions::health_check::event_sinks::file::v3::HealthCheckEventFileSink,
        r#type::v3::{CodecClientType, Int64Range},
    },
};

use sluicegate_testkit::free_address;

use crate::support::{
    Gateway, Upstream,
    checked::{checked, host, live, resources},
    gateway::{Resources, eventually},
    http2,
    pki::Authority,
    plane::decided,
    tls::{TlsUpstream, Wants, socket, trusting},
    xds,
};

fn http_check(check: &mut HealthCheck) -> &mut HttpHealthCheck {
    match &mut check.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) => http,
        other => panic!("{other:?}"),
    }
}

fn hex(text: &str) -> Payload {
    Payload {
        payload: Some(payload::Payload::Text(text.to_owned())),
    }
}

/// Whether the only host is healthy, when it answers checks with these bytes.
fn healthy(answer: &'static str, change: impl FnOnce(&mut HttpHealthCheck)) -> bool {
    let upstream = Upstream::start(move |exchange| {
        let sent = exchange.stream.write_all(answer.as_bytes()).is_ok();
        // Without a length, the end of the connection is the end of the body.
        sent && (answer.contains("ength") || answer.contains("chunked"))
    });
    let mut resources = Resources::simple(&[upstream.address]);
    checked(&mut resources.clusters[0], 1);
    change(http_check(&mut resources.clusters[0].health_checks[0]));
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.stat("cluster.c.health_check.healthy") == 1
}

#[test]
fn bodies_of_any_framing_are_looked_at() {
    let ok = |http: &mut HttpHealthCheck| http.receive = vec![hex("6f6b")];
    for (answer, wanted) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nxxokxx", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxxo\r\n3\r\nkxx\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nok", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", false),
        ("nonsense, by the length of it\r\n\r\n", false),
    ] {
        assert_eq!(healthy(answer, ok), wanted, "{answer}");
    }
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nxxokxx";
    assert!(!healthy(short, |http| {
        ok(http);
        http.response_buffer_size =
            Some(sluicegate_xds::pb::google::protobuf::UInt64Value { value: 3 });
    }));
}

#[test]
fn a_check_may_send_a_body() {
    for (method, body, wanted) in [
        (RequestMethod::Post, "6869", "hi"),
        (RequestMethod::Put, "00ff", "\0\u{fffd}"),
    ] {
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let kept = bodies.clone();
        let upstream = Upstream::start(move |exchange| {
            let body = String::from_utf8_lossy(&exchange.read_body()).into_owned();
            kept.lock().unwrap().push(body);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            exchange.stream.write_all(answer.as_bytes()).is_ok()
        });
        let mut resources = Resources::simple(&[upstream.address]);
        checked(&mut resources.clusters[0], 1);
        let http = http_check(&mut resources.clusters[0].health_checks[0]);
        http.method = method as i32;
        http.send = Some(hex(body));
        let gateway = Gateway::start(&resources);
        gateway.assert_enforced();
        live(&gateway);
        assert_eq!(bodies.lock().unwrap()[0], wanted);
        assert_eq!(gateway.stat("cluster.c.health_check.healthy"), 1);
        let heads = upstream.heads.lock().unwrap();
        let length = format!("\ncontent-length: {}", body.len() / 2);
        assert!(heads[0].ends_with(&length), "{}", heads[0]);
    }
}

#[test]
fn statuses_can_be_expected_or_retriable() {
    let range = |start, end| Int64Range { start, end };
    let answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
    assert!(!healthy(answer, |_| {}));
    assert!(healthy(answer, |http| http.expected_statuses =
        vec![range(300, 303)]));
    assert!(!healthy(answer, |http| http.expected_statuses =
        vec![range(300, 302)]));
    let hosts = [host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        checked(cluster, 3);
        let check = http_check(&mut cluster.health_checks[0]);
        check.retriable_statuses = vec![range(500, 504)];
    }));
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    hosts[0].check.store(503, SeqCst);
    gateway.expect("cluster.c.health_check.healthy", 0);
    assert!(gateway.stat("cluster.c.health_check.failure") >= 3);
}

/// As Envoy 1.40 sends it.
#[test]
fn fields_of_a_check_can_be_changed() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    checked(&mut resources.clusters[0], 1);
    let http = http_check(&mut resources.clusters[0].health_checks[0]);
    http.host = "h".to_owned();
    http.set_method(sluicegate_xds::pb::envoy::config::core::v3::RequestMethod::Head);
    http.request_headers_to_remove = vec!["User-Agent".to_owned()];
    http.request_headers_to_add = vec![
        xds::header("X-A", "b", HeaderAppendAction::AppendIfExistsOrAdd as i32),
        xds::header("x-a", "c", HeaderAppendAction::AppendIfExistsOrAdd as i32),
        xds::header("x-b", "d", HeaderAppendAction::OverwriteIfExists as i32),
    ];
    let _gateway = Gateway::start(&resources);
    eventually("there was a check", || upstream.count() > 0);
    let head = upstream.heads.lock().unwrap()[0].clone();
    assert_eq!(head, "HEAD /hc HTTP/1.1\nhost: h\nx-a: b\nx-a: c");
}

/// An HTTP/2 upstream that says what it was asked, and answers gRPC checks with this state.
fn http2_upstream(serving: &Arc<AtomicI64>, seen: &Arc<Mutex<Vec<String>>>) -> http2::Upstream {
    let (serving, seen) = (serving.clone(), seen.clone());
    http2::Upstream::start(server::Builder::new(), move |request, mut respond| {
        let (serving, seen) = (serving.clone(), seen.clone());
        async move {
            let (parts, mut body) = request.into_parts();
            let body = http2::read_body(&mut body).await.unwrap_or_default();
            let fields: Vec<String> = parts
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            let (method, uri) = (&parts.method, &parts.uri);
            let text = format!("{method} {uri} {} {body:?}", fields.join(", "));
            seen.lock().unwrap().push(text);
            let state = serving.load(SeqCst);
            let grpc = uri.path().starts_with("/grpc");
            let mut response = Response::new(());
            if grpc {
                let kind = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert("content-type", kind);
            }
            if state < 0 {
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            }
            let Ok(mut send) = respond.send_response(response, !grpc) else {
                return;
            };
            if grpc {
                let message = [0, 0, 0, 0, 2, 8, u8::try_from(state).unwrap_or(2)];
                let _ = send.send_data(Bytes::copy_from_slice(&message), false);
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                let _ = send.send_trailers(trailers);
            }
        }
    })
}

#[test]
fn a_grpc_check_asks_for_its_service() {
    let (serving, seen) = (Arc::new(AtomicI64::new(1)), Arc::default());
    let upstream = http2_upstream(&serving, &seen);
    let mut resources = Resources::simple(&[upstream.address]);
    let cluster = &mut resources.clusters[0];
    checked(cluster, 3);
    xds::http2(cluster, Common::default(), Http2ProtocolOptions::default());
    cluster.health_checks[0].health_checker =
        Some(HealthChecker::GrpcHealthCheck(GrpcHealthCheck {
            service_name: "svc".to_owned(),
            authority: "auth".to_owned(),
            initial_metadata: vec![xds::header("x-a", "b", 0)],
        }));
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    let wanted = "POST http://auth/grpc.health.v1.Health/Check te: trailers, \
                  content-type: application/grpc, user-agent: Envoy/HC, x-a: b, \
                  grpc-timeout: 2000m [0, 0, 0, 0, 5, 10, 3, 115, 118, 99]";
    assert_eq!(seen.lock().unwrap()[0], wanted);
    eventually("there were more checks", || seen.lock().unwrap().len() > 3);
    assert_eq!(upstream.connections(), 1);
    // One NOT_SERVING is enough.
    serving.store(2, SeqCst);
    gateway.expect("cluster.c.health_check.healthy", 0);
    assert_eq!(gateway.stat("cluster.c.health_check.network_failure"), 0);
    serving.store(1, SeqCst);
    gateway.expect("cluster.c.health_check.healthy", 1);
    gateway.assert_enforced();
}

#[test]
fn a_check_over_http2_of_a_cluster_of_any_version() {
    let (serving, seen) = (Arc::new(AtomicI64::new(1)), Arc::default());
    let upstream = http2_upstream(&serving, &seen);
    let mut resources = Resources::simple(&[upstream.address]);
    let cluster = &mut resources.clusters[0];
    checked(cluster, 1);
    http_check(&mut cluster.health_checks[0]).set_codec_client_type(CodecClientType::Http2);
    cluster.health_checks[0].reuse_connection =
        Some(sluicegate_xds::pb::google::protobuf::BoolValue { value: false });
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    let wanted = "GET http://c/hc user-agent: Envoy/HC, x-a: b []";
    assert_eq!(seen.lock().unwrap()[0], wanted);
    eventually("each check has its connection", || {
        upstream.connections() > 2
    });
    serving.store(-1, SeqCst);
    gateway.expect("cluster.c.health_check.healthy", 0);
}

#[test]
fn a_check_that_cannot_be_carried_out_refuses_the_cluster() {
    let hosts = [host()];
    let grpc = || Some(HealthChecker::GrpcHealthCheck(GrpcHealthCheck::default()));
    let mut wrong = resources(&hosts, |cluster| checked(cluster, 1));
    wrong.clusters[0].health_checks[0].health_checker = grpc();
    let mut twice = resources(&hosts, |cluster| checked(cluster, 1));
    let again = twice.clusters[0].health_checks[0].clone();
    twice.clusters[0].health_checks.push(again);
    for (resources, part) in [(wrong, "must speak HTTP/2"), (twice, "only one")] {
        let gateway = Gateway::start(&resources);
        gateway.assert_refused("c", part);
    }
}

#[test]
fn checks_offer_the_protocols_of_their_tls_options() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), Wants::default());
    let mut resources = Resources::simple(&[upstream.address]);
    let cluster = &mut resources.clusters[0];
    cluster.transport_socket = socket("tls", &trusting(&authority.pem(), &[]));
    checked(cluster, 1);
    cluster.health_checks[0].tls_options = Some(TlsOptions {
        alpn_protocols: vec!["check".to_owned(), "http/1.1".to_owned()],
    });
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    assert_eq!(gateway.client().get("/").status(), 200);
    let seen = upstream.seen();
    assert_eq!(seen[0].alpn, ["check", "http/1.1"]);
    assert_eq!(seen[1].alpn, ["http/1.1"]);
}

/// Seen on Envoy 1.40: `connect_timeout` is for traffic, a check has its own limit.
#[test]
fn a_slow_handshake_is_within_the_time_of_a_check() {
    let authority = Authority::new("ca");
    let upstream = TlsUpstream::start(&authority.issue(&["a.example"]), Wants::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut resources = Resources::simple(&[listener.local_addr().unwrap()]);
    let to = upstream.address;
    std::thread::spawn(move || {
        for (mut near, mut far) in listener.incoming().map(|near| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            (near.unwrap(), std::net::TcpStream::connect(to).unwrap())
        }) {
            let (mut back, mut out) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back, &mut out));
            std::thread::spawn(move || std::io::copy(&mut near, &mut far));
        }
    });
    let cluster = &mut resources.clusters[0];
    cluster.connect_timeout = xds::seconds(0.1);
    cluster.transport_socket = socket("tls", &trusting(&authority.pem(), &[]));
    checked(cluster, 1);
    cluster.health_checks[0].timeout = xds::seconds(5.0);
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    assert_eq!(gateway.client().get("/").status(), 503);
}

#[test]
fn checks_go_to_the_port_of_the_endpoint() {
    let (traffic, checks) = (Upstream::ok(), Upstream::ok());
    let mut resources = Resources::simple(&[traffic.address]);
    checked(&mut resources.clusters[0], 1);
    xds::check_config(&mut resources.endpoints[0], |config| {
        config.port_value = u32::from(checks.address.port());
        config.hostname = "named".to_owned();
    });
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.health_check.healthy", 1);
    assert_eq!(traffic.count(), 0);
    let head = checks.heads.lock().unwrap()[0].clone();
    assert!(head.contains("host: named"), "{head}");
    xds::check_config(&mut resources.endpoints[0], |config| {
        config.disable_active_health_check = true;
    });
    let gateway = Gateway::start(&resources);
    live(&gateway);
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 38.
#[test]
fn a_tcp_check_only_connects() {
    let hosts = [host()];
    let mut resources = resources(&hosts, |cluster| {
        checked(cluster, 1);
        let check = HealthChecker::TcpHealthCheck(TcpHealthCheck::default());
        cluster.health_checks[0].health_checker = Some(check);
    });
    let address = free_address();
    let group = &mut resources.endpoints[0].endpoints[0];
    group.lb_endpoints.push(xds::endpoint(address));
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.membership_healthy", 1);
    let mut client = gateway.client();
    for _ in 0..6 {
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn events_go_to_a_file() {
    let path = std::env::temp_dir().join(format!("sluicegate-events-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let hosts = [host()];
    let sink = HealthCheckEventFileSink {
        event_log_path: path.to_str().unwrap().to_owned(),
    };
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        checked(cluster, 1);
        cluster.health_checks[0].event_logger = vec![TypedExtensionConfig {
            name: "envoy.health_check.event_sink.file".to_owned(),
            typed_config: Some(any::pack(&sink)),
        }];
    }));
    live(&gateway);
    for (check, healthy) in [(503, 0), (298, 1), (200, 1)] {
        hosts[0].check.store(check, SeqCst);
        gateway.expect("cluster.c.health_check.healthy", healthy);
        let degraded = match check {
            298 => 1,
            200 => decided("the gauge of degraded hosts", 0, 1),
            _ => 0,
        };
        gateway.expect("cluster.c.health_check.degraded", degraded);
    }
    gateway.assert_enforced();
    let read = || std::fs::read_to_string(&path).unwrap();
    eventually("five events are written", || read().lines().count() == 5);
    let text = read();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    for (line, part) in lines.iter().zip([
        r#""cluster_name":"c","add_healthy_event":{"first_check":true},"timestamp":""#,
        r#""eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503},"timestamp""#,
        r#""add_healthy_event":{"first_check":false}"#,
        r#","degraded_healthy_host":{},"locality":"#,
        r#","no_longer_degraded_host":{},"locality":"#,
    ]) {
        assert!(line.contains(part), "{line} without {part}");
    }
}
