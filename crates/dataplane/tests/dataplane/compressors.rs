// SPDX-License-Identifier: Apache-2.0
//! Compressed responses.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use http::Response;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::{DataSource, TypedExtensionConfig, data_source::Specifier},
            route::v3::{DirectResponseAction, route},
        },
        extensions::{
            compression::{
                brotli::compressor::v3::Brotli, gzip::compressor::v3::Gzip,
                zstd::compressor::v3::Zstd,
            },
            filters::{
                http::compressor::v3::{
                    Compressor, CompressorOverrides, CompressorPerRoute,
                    ResponseDirectionOverrides,
                    compressor::{CommonDirectionConfig, ResponseDirectionConfig},
                    compressor_per_route::Override,
                },
                network::http_connection_manager::v3::HttpFilter,
            },
        },
    },
    prost::{Message, Name},
};

use crate::support::{
    Gateway, Upstream,
    client::{Response as Answer, joined},
    coded::decoded,
    gateway::Resources,
    http2, xds,
};

const NAME: &str = "envoy.filters.http.compressor.";
const TEXT: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";

fn compressor<M: Message + Name>(kind: &str, library: &M, choose_first: bool) -> HttpFilter {
    let config = Compressor {
        compressor_library: Some(TypedExtensionConfig {
            name: format!("envoy.compression.{kind}.compressor"),
            typed_config: Some(any::pack(library)),
        }),
        response_direction_config: Some(ResponseDirectionConfig {
            common_config: Some(CommonDirectionConfig {
                min_content_length: xds::number(40),
                ..CommonDirectionConfig::default()
            }),
            ..ResponseDirectionConfig::default()
        }),
        choose_first,
        ..Compressor::default()
    };
    xds::filter(&format!("{NAME}{kind}"), &config)
}

fn enabled(hides: bool) -> CompressorPerRoute {
    CompressorPerRoute {
        r#override: Some(Override::Overrides(CompressorOverrides {
            response_direction_config: Some(ResponseDirectionOverrides {
                remove_accept_encoding_header: if hides { xds::yes() } else { xds::no() },
            }),
            ..CompressorOverrides::default()
        })),
    }
}

/// `/` has all three, zstd before its equals; `/free` has none, `/gone` no backend that answers.
fn resources(upstream: std::net::SocketAddr) -> Resources {
    let mut resources = Resources::simple(&[upstream]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.http_filters = vec![
            compressor("gzip", &Gzip::default(), false),
            compressor("brotli", &Brotli::default(), false),
            compressor("zstd", &Zstd::default(), true),
            xds::router(false),
        ];
    })];
    let mut routes = vec![
        xds::route("/direct", "c", |_| {}),
        xds::route("/gone", "nowhere", |_| {}),
        xds::route("/", "c", |_| {}),
    ];
    let text = DataSource {
        specifier: Some(Specifier::InlineString(TEXT.to_owned())),
        ..DataSource::default()
    };
    routes[0].action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 200,
        body: Some(text),
        ..DirectResponseAction::default()
    }));
    for route in &mut routes {
        for kind in ["gzip", "brotli", "zstd"] {
            xds::set_filter(route, &format!("{NAME}{kind}"), &enabled(kind == "zstd"));
        }
    }
    routes.insert(0, xds::route("/free", "c", |_| {}));
    resources.clusters.push(xds::cluster("nowhere", |_| {}));
    let closed = "127.0.0.1:1".parse().unwrap();
    resources
        .endpoints
        .push(xds::endpoints("nowhere", &[closed]));
    resources.routes = vec![xds::routes(routes)];
    resources
}

fn start(upstream: std::net::SocketAddr) -> Gateway {
    let gateway = Gateway::start(&resources(upstream));
    gateway.assert_enforced();
    gateway
}

fn ask(gateway: &Gateway, method: &str, path: &str, accept: &str) -> Answer {
    let mut client = gateway.client();
    client.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\n{accept}\r\n"
    ));
    client.response(method == "HEAD")
}

/// The body as the origin meant it.
fn text(answer: &Answer) -> String {
    let plain = joined(&answer.body).unwrap_or_else(|| answer.body.clone());
    let plain = decoded(&answer.head, &plain).unwrap_or(plain);
    String::from_utf8(plain).unwrap()
}

/// An upstream that answers with these fields, and [`TEXT`] unless they say otherwise.
fn origin(fields: &'static str) -> Upstream {
    Upstream::start(move |exchange| {
        let length = match fields.contains("Length") || fields.contains("Transfer") {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", TEXT.len()),
        };
        let head = format!("HTTP/1.1 200 OK\r\n{fields}{length}\r\n");
        let body = match fields.contains("chunked") {
            true => "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trail: 1\r\n\r\n",
            false => TEXT,
        };
        let stream = &mut exchange.stream;
        stream.write_all(head.as_bytes()).is_ok()
            && (exchange.head.starts_with("HEAD") || stream.write_all(body.as_bytes()).is_ok())
    })
}

#[test]
fn the_client_gets_what_it_prefers() {
    let upstream = origin("Content-Type: text/plain\r\n");
    let gateway = start(upstream.address);
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("br", Some("br")),
        ("gzip, br, zstd", Some("zstd")),
        ("gzip;q=0.5, br;q=0.9", Some("br")),
        ("*", Some("gzip")),
        ("gzip;q=0, *", Some("br")),
        ("identity, gzip", None),
        ("deflate", None),
        ("GZIP", None),
        ("gzip;q=0", None),
    ] {
        let answer = ask(
            &gateway,
            "GET",
            "/",
            &format!("Accept-Encoding: {accept}\r\n"),
        );
        assert_eq!(answer.field("content-encoding"), coding, "{accept}");
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{accept}");
        assert_eq!(answer.field("content-length").is_none(), coding.is_some());
        assert_eq!(text(&answer), TEXT, "{accept}");
    }
    assert_eq!(
        ask(&gateway, "GET", "/", "").field("content-encoding"),
        None
    );
    let lines = "Accept-Encoding: br;q=0.1\r\nAccept-Encoding: gzip\r\n";
    let answer = ask(&gateway, "GET", "/", lines);
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    let heads = upstream.heads.lock().unwrap().clone();
    assert!(
        heads
            .iter()
            .all(|head| !head.to_lowercase().contains("accept-enc"))
    );
    for (name, value) in [
        ("gzip.compressor.gzip.request.not_compressed", 12),
        ("gzip.compressor.gzip.response.compressed", 3),
        ("gzip.compressor.gzip.response.not_compressed", 9),
        ("gzip.compressor.gzip.header_compressor_used", 2),
        ("gzip.compressor.gzip.header_compressor_overshadowed", 3),
        ("gzip.compressor.gzip.header_wildcard", 2),
        ("gzip.compressor.gzip.header_identity", 1),
        ("gzip.compressor.gzip.header_not_valid", 3),
        ("gzip.compressor.gzip.no_accept_header", 1),
        (
            "gzip.compressor.gzip.response.total_uncompressed_bytes",
            210,
        ),
        ("brotli.compressor.brotli.response.compressed", 3),
        ("zstd.compressor.zstd.response.compressed", 1),
    ] {
        gateway.expect(
            &format!("http.test.compressor.envoy.compression.{name}"),
            value,
        );
    }
}

#[test]
fn a_route_without_compressors_is_left_alone() {
    let upstream = origin("Content-Type: text/plain\r\n");
    let gateway = start(upstream.address);
    let answer = ask(&gateway, "GET", "/free", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.field("content-encoding"), None);
    assert_eq!(answer.field("vary"), None);
    assert!(upstream.head().contains("\naccept-encoding: gzip"));
}

#[test]
fn heads_change_as_they_must() {
    for (fields, wanted) in [
        (
            "X-A: b\r\n",
            "x-a: b\n* vary: Accept-Encoding\ncontent-encoding: gzip",
        ),
        (
            "Content-Type: TEXT/HTML; charset=utf-8\r\n",
            "content-encoding: gzip",
        ),
        (
            "ETag: \"abc\"\r\nX-A: b\r\n",
            "x-a: b\n* vary: Accept-Encoding",
        ),
        ("ETag: W/\"abc\"\r\n", "etag: W/\"abc\"\n* vary"),
        (
            "Vary: Cookie\r\nX-A: b\r\n",
            "vary: Cookie, Accept-Encoding\nx-a: b\n* content-encoding: gzip",
        ),
        (
            "Vary: A\r\nX-A: b\r\nVary: B\r\n",
            "vary: A,B, Accept-Encoding\nx-a: b\n* content-encoding: gzip",
        ),
        (
            "Vary: Accept-Encoding\r\n",
            "vary: Accept-Encoding\n* content-encoding: gzip",
        ),
        (
            "Vary: accept-encoding\r\n",
            "vary: accept-encoding, Accept-Encoding\n",
        ),
    ] {
        let upstream = origin(fields);
        let gateway = start(upstream.address);
        let answer = ask(&gateway, "GET", "/", "Accept-Encoding: gzip\r\n");
        let time = "x-envoy-upstream-service-time: *\n";
        let head = answer.head.replace(time, "* ");
        assert!(head.contains(wanted), "{fields}: {head}");
        assert_eq!(answer.field("content-length"), None);
        assert_eq!(text(&answer), TEXT);
    }
}

#[test]
fn what_is_not_for_compression_goes_as_it_is() {
    for (fields, vary) in [
        ("Content-Type: image/png\r\n", None),
        ("Content-Type: application/grpc\r\n", None),
        ("Content-Type: \r\n", None),
        ("Content-Encoding: identity\r\n", None),
        ("Cache-Control: max-age=1, No-Transform\r\n", None),
        ("Content-Length: 39\r\n", None),
        (
            "Vary: Cookie\r\nContent-Type: text/event-stream\r\n",
            Some("Cookie"),
        ),
    ] {
        let upstream = origin(fields);
        let gateway = start(upstream.address);
        let answer = ask(&gateway, "GET", "/", "Accept-Encoding: gzip\r\n");
        assert_ne!(answer.field("content-encoding"), Some("gzip"), "{fields}");
        assert_eq!(answer.field("vary"), vary, "{fields}");
    }
}

#[test]
fn a_head_alone_says_that_it_varies() {
    let upstream = origin("Content-Type: text/plain\r\n");
    let gateway = start(upstream.address);
    let answer = ask(&gateway, "HEAD", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.field("content-length"), Some("70"));
    assert_eq!(answer.field("content-encoding"), None);
    assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
    let empty = Upstream::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let gateway = start(empty.address);
    let answer = ask(&gateway, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.field("content-encoding"), None);
    assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
}

#[test]
fn answers_of_the_gateway_are_compressed_too() {
    let upstream = Upstream::ok();
    let gateway = start(upstream.address);
    for (path, status, part) in [
        ("/direct", 200, TEXT),
        (
            "/gone",
            503,
            "upstream connect error or disconnect/reset before headers.",
        ),
    ] {
        let answer = ask(&gateway, "GET", path, "Accept-Encoding: br\r\n");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.field("content-encoding"), Some("br"));
        assert_eq!(answer.field("content-length"), None);
        assert!(text(&answer).contains(part), "{}", text(&answer));
        let answer = ask(&gateway, "HEAD", path, "Accept-Encoding: br\r\n");
        assert_eq!(answer.field("content-encoding"), None);
        assert!(answer.field("content-length").is_some());
    }
}

#[test]
fn bodies_of_any_framing_are_compressed() {
    let chunked = origin("Transfer-Encoding: chunked\r\n");
    let gateway = start(chunked.address);
    let answer = ask(&gateway, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    assert_eq!(text(&answer), "hello world");
    let until_close = Upstream::start(|exchange| {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        let _ = exchange.stream.write_all(head.as_bytes());
        let _ = exchange.stream.write_all(TEXT.as_bytes());
        false
    });
    let gateway = start(until_close.address);
    let answer = ask(&gateway, "GET", "/", "Accept-Encoding: zstd\r\n");
    assert_eq!(answer.field("content-encoding"), Some("zstd"));
    assert_eq!(text(&answer), TEXT);
}

#[test]
fn what_has_come_does_not_wait_for_more() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let upstream = Upstream::start(move |exchange| {
        let start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        let stream = &mut exchange.stream;
        let _ = stream.write_all(start.as_bytes());
        let _ = gate.lock().unwrap().recv_timeout(Duration::from_secs(10));
        stream.write_all(b"6\r\n world\r\n0\r\n\r\n").is_ok()
    });
    // Envoy keeps what zstd has not made a block of.
    for coding in ["gzip", "br"] {
        let gateway = start(upstream.address);
        let mut client = gateway.client();
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"
        ));
        let ends_chunk = |bytes: &[u8]| {
            let head = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
            let body = &bytes[head..];
            (body.len() > 6 && body.ends_with(b"\r\n")).then_some(bytes.len())
        };
        client.until(ends_chunk);
        go.send(()).unwrap();
        let answer = client.response(false);
        assert_eq!(text(&answer), "hello world", "{coding}");
    }
}

#[test]
fn a_large_body_comes_out_whole() {
    let upstream = Upstream::start(|exchange| {
        let body = TEXT.repeat(20_000);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let stream = &mut exchange.stream;
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(body.as_bytes()).is_ok()
    });
    let gateway = start(upstream.address);
    let mut client = gateway.client();
    for coding in ["gzip", "br", "zstd"] {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"
        ));
        let answer = client.response(false);
        assert!(answer.body.len() < 100_000, "{}", answer.body.len());
        assert_eq!(text(&answer).len(), TEXT.len() * 20_000);
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn streams_of_http2_are_compressed() {
    let builder = h2::server::Builder::new();
    let upstream = http2::Upstream::start(builder, |_, mut respond| async move {
        let Ok(mut send) = respond.send_response(Response::new(()), false) else {
            return;
        };
        let _ = send.send_data(Bytes::from_static(TEXT.as_bytes()), false);
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-trail", "1".parse().unwrap());
        let _ = send.send_trailers(trailers);
    });
    let mut resources = resources(upstream.address);
    xds::http2(
        &mut resources.clusters[0],
        Default::default(),
        Default::default(),
    );
    let gateway = Gateway::start(&resources);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        for coding in ["gzip", "br", "zstd"] {
            let mut request = http2::get("/");
            let value = coding.parse().unwrap();
            request.headers_mut().insert("accept-encoding", value);
            let answer = client.ask(request).await.unwrap();
            assert_eq!(answer.field("content-encoding"), coding);
            assert_eq!(answer.trailers.as_ref().unwrap()["x-trail"], "1");
            let head = format!("content-encoding: {coding}");
            let plain = decoded(&head, &answer.body).unwrap();
            assert_eq!(plain, TEXT.as_bytes());
        }
    });
    let answer = ask(&gateway, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    assert_eq!(text(&answer), TEXT);
    let upstream = origin("");
    let gateway = start(upstream.address);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let mut request = http2::get("/");
        let value = "br".parse().unwrap();
        request.headers_mut().insert("accept-encoding", value);
        let answer = client.ask(request).await.unwrap();
        assert_eq!(answer.field("content-length"), "");
        let plain = decoded("content-encoding: br", &answer.body).unwrap();
        assert_eq!(plain, TEXT.as_bytes());
    });
}
