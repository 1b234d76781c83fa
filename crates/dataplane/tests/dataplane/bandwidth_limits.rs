// SPDX-License-Identifier: Apache-2.0
//! Bandwidth limits: bodies arrive whole, and not before their time.
//!
//! Through a full bucket go the bytes of a second at once, and from then on those of the time that
//! passes: [`least`] is what a transfer cannot do with less of.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Response;
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                core::v3::{
                    DataSource, Http1ProtocolOptions, TypedExtensionConfig, data_source::Specifier,
                },
                route::v3::{
                    DirectResponseAction, RetryPolicy, RouteAction, route,
                    route_action::RequestMirrorPolicy,
                },
            },
            extensions::{
                compression::gzip::compressor::v3::Gzip,
                filters::{
                    http::{
                        bandwidth_limit::v3::{BandwidthLimit, bandwidth_limit::EnableMode},
                        compressor::v3::{
                            Compressor, CompressorOverrides, CompressorPerRoute,
                            compressor_per_route::Override,
                        },
                    },
                    network::http_connection_manager::v3::http_connection_manager::UpgradeConfig,
                },
            },
        },
        google::protobuf::UInt64Value,
    },
};

use crate::support::{
    Client, Gateway, Upstream,
    client::joined,
    coded::decoded,
    gateway::{Resources, eventually},
    http2, xds,
};

const REQUEST: &str = "envoy.filters.http.bandwidth_limit.request";
const RESPONSE: &str = "envoy.filters.http.bandwidth_limit.response";
const STATS: &str = "limiter.http_bandwidth_limit";

fn limit(mode: EnableMode, kib: u64) -> BandwidthLimit {
    BandwidthLimit {
        stat_prefix: "limiter".to_owned(),
        enable_mode: mode as i32,
        limit_kbps: Some(UInt64Value { value: kib }),
        ..BandwidthLimit::default()
    }
}

fn responses(kib: u64) -> BandwidthLimit {
    limit(EnableMode::Response, kib)
}

fn requests(kib: u64) -> BandwidthLimit {
    limit(EnableMode::Request, kib)
}

/// With trailers that tell the delay.
fn telling(limit: BandwidthLimit) -> BandwidthLimit {
    BandwidthLimit {
        enable_response_trailers: true,
        response_trailer_prefix: "x-told".to_owned(),
        ..limit
    }
}

/// `/` has these limits, `/free` none.
fn resources(upstream: &Upstream, limits: &[(&str, BandwidthLimit)]) -> Resources {
    limited(Resources::simple(&[upstream.address]), limits, |_| {})
}

fn limited(
    mut resources: Resources,
    limits: &[(&str, BandwidthLimit)],
    change: impl FnOnce(&mut RouteAction),
) -> Resources {
    resources.listeners = vec![xds::listener(|manager| {
        let base = BandwidthLimit {
            stat_prefix: "limiter".to_owned(),
            ..BandwidthLimit::default()
        };
        let names = [REQUEST, RESPONSE].map(|name| xds::filter(name, &base));
        manager.http_filters = names.into_iter().chain([xds::router(false)]).collect();
        manager.http_protocol_options = Some(Http1ProtocolOptions {
            enable_trailers: true,
            ..Http1ProtocolOptions::default()
        });
        manager.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }];
    })];
    let mut route = xds::route("/", "c", change);
    for (name, limit) in limits {
        xds::set_filter(&mut route, name, limit);
    }
    resources.routes = vec![xds::routes(vec![xds::route("/free", "c", |_| {}), route])];
    resources
}

fn start(resources: &Resources) -> Gateway {
    let gateway = Gateway::start(resources);
    gateway.assert_enforced();
    gateway
}

/// The least time for so many bytes, at this many KiB per second.
fn least(bytes: usize, kib: u32) -> Duration {
    let second = kib as usize * 1024;
    Duration::from_millis((bytes.saturating_sub(second) * 1000 / second) as u64)
}

/// Bytes that are easily told apart.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + (at % 23) as u8).collect()
}

/// Answers with [`pattern`], of a length that the path ends with: in chunks, where it says so.
fn origin() -> Upstream {
    Upstream::start(|exchange| {
        exchange.read_body();
        let path = exchange.head.split(' ').nth(1).unwrap().to_owned();
        let length = path.rsplit('/').next().unwrap().parse().unwrap();
        let body = pattern(length);
        let stream = &mut *exchange.stream;
        if !path.contains("chunked") {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            return stream.write_all(&[head.as_bytes(), &body].concat()).is_ok();
        }
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(700) {
            answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            answer.extend_from_slice(piece);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        stream.write_all(&answer).is_ok()
    })
}

fn plain(body: &[u8]) -> Vec<u8> {
    joined(body).unwrap_or_else(|| body.to_vec())
}

#[test]
fn a_response_takes_its_time_and_arrives_whole() {
    let upstream = origin();
    for path in ["/24576", "/chunked/24576"] {
        let gateway = start(&resources(&upstream, &[(RESPONSE, responses(16))]));
        let begun = Instant::now();
        let answer = gateway.client().get(path);
        assert_eq!(answer.status(), 200);
        assert!(begun.elapsed() >= least(24_576, 16), "{path}");
        assert_eq!(plain(&answer.body), pattern(24_576), "{path}");
        gateway.expect(&format!("{STATS}.response_enabled"), 1);
        gateway.expect(&format!("{STATS}.response_incoming_total_size"), 24_576);
        gateway.expect(&format!("{STATS}.response_allowed_total_size"), 24_576);
        gateway.expect(&format!("{STATS}.response_pending"), 0);
        gateway.expect(&format!("{STATS}.request_enabled"), 0);
        assert!(gateway.stat(&format!("{STATS}.response_enforced")) > 0);
    }
}

#[test]
fn a_request_takes_its_time_and_arrives_whole() {
    let upstream = Upstream::start(|exchange| {
        let body = plain(&exchange.read_body());
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = [answer.as_bytes(), &body].concat();
        exchange.stream.write_all(&answer).is_ok()
    });
    let body = pattern(24_576);
    let length = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 24576\r\n\r\n".to_vec();
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for request in [
        [&length[..], &body].concat(),
        [&chunked[..], b"6000\r\n", &body, b"\r\n0\r\n\r\n"].concat(),
    ] {
        let gateway = start(&resources(&upstream, &[(REQUEST, requests(16))]));
        let mut client = gateway.client();
        let begun = Instant::now();
        let answer = client.ask(request);
        assert!(begun.elapsed() >= least(24_576, 16));
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body, body);
        // A request without a body does not wait, and the connection is in step.
        assert_eq!(client.get("/").status(), 200);
        gateway.expect(&format!("{STATS}.request_enabled"), 2);
        gateway.expect(&format!("{STATS}.request_incoming_total_size"), 24_576);
        gateway.expect(&format!("{STATS}.request_allowed_total_size"), 24_576);
        gateway.expect(&format!("{STATS}.request_pending"), 0);
        gateway.expect(&format!("{STATS}.response_enabled"), 0);
    }
}

#[test]
fn connections_share_the_limit_of_their_route() {
    let upstream = origin();
    let gateway = start(&resources(&upstream, &[(RESPONSE, responses(16))]));
    let begun = Instant::now();
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let mut client = gateway.client();
            thread::spawn(move || client.get("/12288").body)
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), pattern(12_288));
    }
    assert!(begun.elapsed() >= least(24_576, 16));
}

#[test]
fn a_route_beside_it_and_what_the_bucket_holds_do_not_wait() {
    let upstream = origin();
    let gateway = start(&resources(&upstream, &[(RESPONSE, responses(1))]));
    let mut slow = gateway.client();
    slow.send("GET /1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.expect(&format!("{STATS}.response_pending"), 1);
    let answer = gateway.client().get("/free/1000000");
    assert_eq!(answer.body, pattern(1_000_000));
    assert_eq!(gateway.stat(&format!("{STATS}.response_pending")), 1);
    assert!(gateway.stat(&format!("{STATS}.response_allowed_total_size")) < 1_000_000);
    // Whoever goes away does not stay behind.
    drop(slow);
    gateway.expect("http.test.downstream_rq_active", 0);
    let silent = Upstream::silent();
    let gateway = start(&resources(&silent, &[(REQUEST, requests(1))]));
    let mut slow = gateway.client();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
    slow.send([head.as_bytes(), &pattern(60_000)].concat());
    gateway.expect(&format!("{STATS}.request_incoming_total_size"), 60_000);
    drop(slow);
    gateway.expect("http.test.downstream_rq_active", 0);

    let gateway = start(&resources(&upstream, &[(RESPONSE, responses(100_000))]));
    assert_eq!(gateway.client().get("/50000").body, pattern(50_000));
    gateway.expect(&format!("{STATS}.response_allowed_total_size"), 50_000);
    assert_eq!(gateway.stat(&format!("{STATS}.response_enforced")), 0);
}

/// Nothing is read that would have to be kept.
#[test]
fn a_limited_response_holds_its_upstream_back() {
    const WHOLE: u64 = 256 * 1024 * 1024;
    let written = Arc::new(AtomicU64::new(0));
    let count = written.clone();
    let upstream = Upstream::start(move |exchange| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n");
        let mut well = exchange.stream.write_all(head.as_bytes()).is_ok();
        let piece = [b'x'; 65536];
        while well && count.load(SeqCst) < WHOLE {
            well = exchange.stream.write_all(&piece).is_ok();
            count.fetch_add(piece.len() as u64, SeqCst);
        }
        false
    });
    let gateway = start(&resources(&upstream, &[(RESPONSE, responses(4))]));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let before = AtomicU64::new(0);
    eventually("the upstream is held back", || {
        thread::sleep(Duration::from_millis(300));
        let now = written.load(SeqCst);
        before.swap(now, SeqCst) == now && now > 0
    });
    assert!(written.load(SeqCst) < WHOLE / 4);
    client.until(|bytes| (bytes.len() > 1000).then_some(1000));
}

#[test]
fn who_waits_for_a_limit_is_neither_idle_nor_late() {
    let upstream = origin();
    let limits = [(REQUEST, requests(8)), (RESPONSE, responses(8))];
    let resources = limited(Resources::simple(&[upstream.address]), &limits, |action| {
        action.timeout = xds::seconds(0.3);
        action.idle_timeout = xds::seconds(0.4);
    });
    let gateway = start(&resources);
    let begun = Instant::now();
    let body = pattern(12_288);
    let head = "POST /12288 HTTP/1.1\r\nHost: a\r\nContent-Length: 12288\r\n\r\n";
    let answer = gateway.client().ask([head.as_bytes(), &body].concat());
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body, body);
    assert!(begun.elapsed() >= least(12_288, 8) * 2);
    gateway.expect("http.test.downstream_rq_idle_timeout", 0);
    gateway.expect("cluster.c.upstream_rq_timeout", 0);
}

#[test]
fn trailers_tell_the_delay() {
    let upstream = origin();
    let limits = [(RESPONSE, telling(responses(1)))];
    let gateway = start(&resources(&upstream, &limits));
    // What the bucket holds goes first; in HTTP/1, a body of known length has no trailers.
    let mut client = gateway.client();
    assert_eq!(client.get("/1200").body, pattern(1200));
    let answer = client.get("/chunked/150");
    let text = String::from_utf8(plain(&answer.body)).unwrap();
    let trailers = text.strip_prefix(std::str::from_utf8(&pattern(150)).unwrap());
    let trailers: Vec<&str> = trailers.expect("the body").lines().collect();
    let value = |name: &str| -> u64 {
        let named = trailers.iter().find_map(|line| line.strip_prefix(name));
        let value = named.and_then(|value| value.strip_prefix(": "));
        value.expect("a trailer").parse().unwrap()
    };
    assert_eq!(trailers.len(), 2, "{trailers:?}");
    assert!(value("x-told-bandwidth-response-delay-ms") > 0);
    assert!(value("x-told-bandwidth-response-filter-delay-ms") >= 50);
}

#[test]
fn streams_of_http2_are_limited_too() {
    let builder = h2::server::Builder::new();
    let upstream = http2::Upstream::start(builder, |request, mut respond| async move {
        let mut body = request.into_body();
        let mut taken = Vec::new();
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
            taken.extend_from_slice(&piece);
        }
        let Ok(mut send) = respond.send_response(Response::new(()), false) else {
            return;
        };
        let _ = send.send_data(Bytes::from(taken), false);
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-trail", "1".parse().unwrap());
        let _ = send.send_trailers(trailers);
    });
    let mut base = Resources::simple(&[upstream.address]);
    xds::http2(
        &mut base.clusters[0],
        Default::default(),
        Default::default(),
    );
    // One filter for both directions, which have one bucket.
    let both = telling(limit(EnableMode::RequestAndResponse, 16));
    let gateway = start(&limited(base, &[(REQUEST, both)], |_| {}));
    let body = pattern(20_000);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let begun = Instant::now();
        let answer = client.post(http2::post("/"), &body).await;
        assert!(begun.elapsed() >= least(40_000, 16));
        assert_eq!(answer.body, body);
        let trailers = answer.trailers.expect("trailers");
        assert_eq!(trailers["x-trail"], "1");
        for name in ["request", "request-filter", "response", "response-filter"] {
            let name = format!("x-told-bandwidth-{name}-delay-ms");
            assert!(trailers.contains_key(&name), "{name}");
        }
    });

    let upstream = origin();
    let limits = [(RESPONSE, telling(responses(16)))];
    let gateway = start(&resources(&upstream, &limits));
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        for path in ["/20000", "/chunked/20000"] {
            let begun = Instant::now();
            let answer = client.get(path).await;
            assert_eq!(answer.body, pattern(20_000), "{path}");
            let trailers = answer.trailers.expect("trailers");
            assert!(trailers.contains_key("x-told-bandwidth-response-delay-ms"));
            assert!(begun.elapsed() >= least(20_000, 16));
        }
        let answer = client.get("/free/20000").await;
        assert_eq!(answer.body, pattern(20_000));
        assert!(answer.trailers.is_none());
    });
}

#[test]
fn answers_made_here_are_limited_too() {
    let upstream = origin();
    let mut resources = resources(&upstream, &[(RESPONSE, telling(responses(2)))]);
    let text = String::from_utf8(pattern(3000)).unwrap();
    let body = DataSource {
        specifier: Some(Specifier::InlineString(text.clone())),
        ..DataSource::default()
    };
    let routes = &mut resources.routes[0].virtual_hosts[0].routes;
    routes[1].action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 200,
        body: Some(body),
        ..DirectResponseAction::default()
    }));
    let gateway = start(&resources);
    let begun = Instant::now();
    let mut client = gateway.client();
    assert_eq!(client.get("/").text(), text);
    assert!(begun.elapsed() >= least(3000, 2));
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response(true).status(), 200);
    assert_eq!(client.get("/free/3").text(), "abc");
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let answer = client.get("/").await;
        assert_eq!(answer.text(), text);
        let trailers = answer.trailers.expect("trailers");
        assert!(trailers.contains_key("x-told-bandwidth-response-delay-ms"));
    });
}

#[test]
fn a_retry_sends_a_limited_request_once_more() {
    let upstream = Upstream::start(|exchange| {
        let body = exchange.read_body();
        let status = match exchange.connection {
            0 => "503 Service Unavailable",
            _ => "200 OK",
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), &body].concat();
        let _ = exchange.stream.write_all(&answer);
        false
    });
    let limits = [(REQUEST, requests(16))];
    let resources = limited(Resources::simple(&[upstream.address]), &limits, |action| {
        action.retry_policy = Some(RetryPolicy {
            retry_on: "5xx".to_owned(),
            ..RetryPolicy::default()
        });
    });
    let gateway = start(&resources);
    let body = pattern(24_576);
    let begun = Instant::now();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 24576\r\n\r\n";
    let answer = gateway.client().ask([head.as_bytes(), &body].concat());
    assert!(begun.elapsed() >= least(24_576, 16));
    assert_eq!((answer.status(), answer.body), (200, body));
    gateway.expect("cluster.c.upstream_rq_retry", 1);
    gateway.expect(&format!("{STATS}.request_allowed_total_size"), 24_576);
}

#[test]
fn a_tunnel_is_limited_both_ways() {
    let upstream = Upstream::start(|exchange| {
        let head =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        exchange.stream.write_all(head).unwrap();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = exchange.stream.read(&mut piece) {
            if exchange.stream.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        false
    });
    let limits = [(REQUEST, requests(8)), (RESPONSE, responses(8))];
    let gateway = start(&resources(&upstream, &limits));
    let mut client: Client = gateway.client();
    let answer = client
        .ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(answer.status(), 101);
    let body = pattern(12_288);
    let begun = Instant::now();
    client.send(&body);
    client.until(|bytes| (bytes == body).then_some(bytes.len()));
    assert!(begun.elapsed() >= least(12_288, 8));
    eventually("numbers", || {
        gateway.stat(&format!("{STATS}.request_allowed_total_size")) == 12_288
    });
    gateway.expect(&format!("{STATS}.response_allowed_total_size"), 12_288);
}

/// What waits is what the client gets.
#[test]
fn a_compressed_response_is_limited_as_it_is_sent() {
    const NAME: &str = "envoy.filters.http.compressor.gzip";
    let upstream = Upstream::start(|exchange| {
        // Digits of a number without end: they do not become much less.
        let mut state = 1_u32;
        let body: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{state:08x}")
        })
        .take(6000)
        .collect();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body.as_bytes()].concat();
        exchange.stream.write_all(&answer).is_ok()
    });
    let mut resources = resources(&upstream, &[(RESPONSE, telling(responses(16)))]);
    let compressor = Compressor {
        compressor_library: Some(TypedExtensionConfig {
            name: "envoy.compression.gzip.compressor".to_owned(),
            typed_config: Some(any::pack(&Gzip::default())),
        }),
        ..Compressor::default()
    };
    resources.listeners = vec![xds::listener(|manager| {
        manager.http_filters = vec![
            xds::filter(RESPONSE, &responses(1)),
            xds::filter(NAME, &compressor),
            xds::router(false),
        ];
        manager.http_protocol_options = Some(Http1ProtocolOptions {
            enable_trailers: true,
            ..Http1ProtocolOptions::default()
        });
    })];
    let enabled = CompressorPerRoute {
        r#override: Some(Override::Overrides(CompressorOverrides::default())),
    };
    for route in &mut resources.routes[0].virtual_hosts[0].routes {
        xds::set_filter(route, NAME, &enabled);
    }
    let gateway = start(&resources);
    let ask = |path: &str| {
        let begun = Instant::now();
        let mut client = gateway.client();
        let answer = client.ask(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
        ));
        let plain = joined(&answer.body).expect("chunks");
        (
            decoded(&answer.head, &plain).expect("gzip"),
            plain.len(),
            begun.elapsed(),
        )
    };
    let (wanted, ..) = ask("/free");
    let (got, length, took) = ask("/");
    assert_eq!(got.len(), 48_000);
    assert!(got == wanted);
    assert!(length < 40_000);
    // Of what was sent, some are trailers.
    assert!(took >= least(length - 200, 16));
    let allowed = gateway.stat(&format!("{STATS}.response_allowed_total_size"));
    assert!(allowed > 16_384 && allowed < 40_000);
}

/// Its rest is dropped, and the connection serves on.
#[test]
fn a_response_may_come_before_a_limited_request_has_gone() {
    let may_answer = Arc::new(AtomicU64::new(0));
    let seen = may_answer.clone();
    let upstream = Upstream::start(move |exchange| {
        exchange.rest.clear();
        while seen.load(SeqCst) == 0 {
            thread::sleep(Duration::from_millis(10));
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(answer).is_ok()
    });
    let gateway = start(&resources(&upstream, &[(REQUEST, requests(1))]));
    let mut client = gateway.client();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n";
    client.send([head.as_bytes(), &pattern(30_000)].concat());
    gateway.expect(&format!("{STATS}.request_incoming_total_size"), 30_000);
    may_answer.store(1, SeqCst);
    let answer = client.response(false);
    assert_eq!((answer.status(), answer.text()), (200, "ok"));
    assert_eq!(client.get("/free").text(), "ok");
    gateway.expect("http.test.downstream_cx_total", 1);
    gateway.expect("http.test.downstream_rq_active", 0);
}

/// In the framing of HTTP/1, whatever the backend speaks.
#[test]
fn a_mirror_gets_a_limited_request_whole() {
    let body = pattern(3000);
    for http2 in [false, true] {
        let mirrored = Arc::new(Mutex::new(Vec::new()));
        let kept = mirrored.clone();
        let mirror = Upstream::start(move |exchange| {
            *kept.lock().unwrap() = plain(&exchange.read_body());
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            exchange.stream.write_all(answer).is_ok()
        });
        let (of_http1, of_http2) = (origin(), http2::Upstream::echo());
        let address = match http2 {
            true => of_http2.address,
            false => of_http1.address,
        };
        let mut base = Resources::simple(&[address]);
        if http2 {
            let cluster = &mut base.clusters[0];
            xds::http2(cluster, Default::default(), Default::default());
        }
        base.clusters.push(xds::cluster("m", |_| {}));
        base.endpoints.push(xds::endpoints("m", &[mirror.address]));
        let limits = [(REQUEST, requests(2))];
        let gateway = start(&limited(base, &limits, |action| {
            action.request_mirror_policies = vec![RequestMirrorPolicy {
                cluster: "m".to_owned(),
                ..RequestMirrorPolicy::default()
            }];
        }));
        let head = "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n";
        let request = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let begun = Instant::now();
        assert_eq!(gateway.client().ask(request).status(), 200);
        assert!(begun.elapsed() >= least(3000, 2));
        gateway.expect("cluster.m.upstream_rq_200", 1);
        assert_eq!(*mirrored.lock().unwrap(), body);
    }
}

#[test]
fn several_limits_of_one_direction_are_reported() {
    let upstream = origin();
    let limits = [(REQUEST, responses(1000)), (RESPONSE, responses(1000))];
    let gateway = Gateway::start(&resources(&upstream, &limits));
    assert_eq!(gateway.client().get("/100").body, pattern(100));
    if let Some(report) = gateway.report() {
        let told = format!("{:?}", report.unsupported);
        assert!(
            told.contains("bandwidth_limit: several for one direction"),
            "{told}"
        );
    }
}
