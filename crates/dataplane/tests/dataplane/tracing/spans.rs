// SPDX-License-Identifier: Apache-2.0
//! Spans of requests and of their attempts, with names and tags.

use sluicegate_xds::pb::envoy::{
    extensions::filters::network::http_connection_manager::v3::http_connection_manager::Tracing,
    r#type::tracing::v3::{
        CustomTag,
        custom_tag::{Environment, Header, Type},
    },
};

use super::{Backend, literal, resources, start, tag, tracing};
use crate::support::{collector::Collector, http2, logs::LogFile, xds};

#[test]
fn requests_and_attempts_have_spans() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let gateway = start(&resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    }));
    let mut ask = gateway.client();
    let mut get = |path: &str| ask.get(path).status();
    assert_eq!(get("/good"), 200);
    assert_eq!(get("/missing"), 404);
    assert_eq!(get("/broken"), 500);
    assert_eq!(get("/none"), 503);
    assert_eq!(get("/refused"), 503);
    assert_eq!(get("/reset"), 503);
    assert_eq!(get("/slow"), 504);
    assert_eq!(get("/retry"), 200);
    let body = "POST /sent HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(ask.ask(body).status(), 200);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        assert_eq!(client.get("/http2").await.status, 200);
    });

    assert_eq!(
        collector.told("/good", 1),
        [
            server("ingress", "0x101", &["http.url=http://test/good"]),
            client("c", "0x101", &[])
        ]
    );
    assert_eq!(
        collector.told("/missing", 1),
        [
            server(
                "ingress",
                "0x101",
                &["http.url=http://test/missing", "http.status_code=404"]
            ),
            client("c", "0x101 failed", &["http.status_code=404"]),
        ]
    );
    let broken = [
        "http.url=http://test/broken",
        "http.status_code=500",
        "error=true",
    ];
    assert_eq!(
        collector.told("/broken", 1),
        [
            server("ingress", "0x101 failed", &broken),
            client("c", "0x101 failed", &broken[1..]),
        ]
    );
    let none = [
        "http.url=http://test/none",
        "http.status_code=503",
        "error=true",
        "response_flags=UH",
        "response_size=19",
        "upstream_cluster=none",
        "upstream_cluster.name=none",
    ];
    assert_eq!(
        collector.told("/none", 0),
        [server("ingress", "0x101 failed", &none)]
    );
    let refused = [
        "upstream_cluster=refused",
        "upstream_cluster.name=refused",
        "error=true",
        "response_flags=UF",
    ];
    let told = collector.told("/refused", 1);
    assert!(
        told[0].starts_with("server ingress 0x101 failed"),
        "{told:?}"
    );
    assert_eq!(
        told[1],
        client(
            "refused",
            "0x101",
            &[
                &refused[..],
                &[
                    "http.status_code=0",
                    "http.protocol=-",
                    "error.reason=remote connection failure"
                ]
            ]
            .concat()
        )
    );
    let told = collector.told("/reset", 1);
    assert_eq!(
        told[1],
        client(
            "c",
            "0x101",
            &[
                "http.status_code=0",
                "error=true",
                "error.reason=connection termination",
                "response_flags=UC"
            ]
        )
    );
    assert_eq!(
        collector.told("/slow", 1),
        [
            server(
                "ingress",
                "0x101 failed",
                &[
                    "http.url=http://test/slow",
                    "http.status_code=504",
                    "error=true",
                    "response_flags=UT",
                    "response_size=24"
                ]
            ),
            client(
                "c",
                "0x101",
                &["http.status_code=0", "error=true", "canceled=true"]
            ),
        ]
    );
    assert_eq!(
        collector.told("/retry", 2),
        [
            server("ingress", "0x101", &["http.url=http://test/retry"]),
            client(
                "c",
                "0x101 failed",
                &["http.status_code=503", "error=true", "canceled=true"]
            ),
            client("c", "0x101", &["retry.count=1"]),
        ]
    );
    let sent = [
        "http.url=http://a/sent",
        "http.method=POST",
        "request_size=5",
        "user_agent=me",
    ];
    assert_eq!(
        collector.told("/sent", 1)[0],
        server("ingress", "0x101", &sent)
    );
    let http2 = ["http.url=http://test/http2", "http.protocol=HTTP/2"];
    assert_eq!(
        collector.told("/http2", 1),
        [
            server("ingress", "0x101", &http2),
            client("c", "0x101", &[])
        ]
    );
    gateway.expect("http.test.tracing.random_sampling", 10);
    gateway.expect("http.test.tracing.not_traceable", 0);
    gateway.expect("tracing.opentelemetry.spans_sent", 20);
    gateway.expect("tracing.opentelemetry.spans_dropped", 0);
    let resource = collector.resource();
    let mut attributes = resource.attributes.iter();
    assert!(
        attributes.any(|one| one.key == "service.name"),
        "{resource:?}"
    );
}

#[test]
fn answers_made_here_have_spans_too() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let mut resources = resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    });
    resources.routes[0].virtual_hosts[0].domains = vec!["a".to_owned()];
    let gateway = start(&resources);
    let mut ask = gateway.client();
    let long = "x".repeat(300);
    assert_eq!(
        ask.ask(format!("GET /{long} HTTP/1.1\r\nHost: b\r\n\r\n"))
            .status(),
        404
    );
    let path = format!("/{}", &long[..255]);
    let wanted = [
        &*format!("http.url=http://b{path}"),
        "http.status_code=404",
        "response_flags=NR",
        "response_size=0",
        "upstream_cluster=",
        "upstream_cluster.name=",
    ];
    assert_eq!(
        collector.told(&path, 0),
        [server("ingress", "0x101", &wanted)]
    );
}

#[test]
fn grpc_is_told_in_its_own_words() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let upstream = http2::Upstream::echo();
    let mut resources = resources(&backend, &collector, |manager| {
        manager.tracing = Some(tracing(true));
    });
    resources.clusters[0] = xds::cluster("c", |cluster| {
        xds::http2(cluster, Default::default(), Default::default());
    });
    resources.endpoints[0] = xds::endpoints("c", &[upstream.address]);
    let gateway = start(&resources);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let request = |path: &str| {
            let mut request = http2::post(path);
            let fields = request.headers_mut();
            fields.insert("content-type", "application/grpc".parse().unwrap());
            fields.insert("te", "trailers".parse().unwrap());
            request
        };
        assert_eq!(client.ask(request("/none")).await.unwrap().status, 200);
        for (path, status) in [("/good", "0"), ("/lost", "15"), ("/denied", "7")] {
            let (response, mut send) = client.open(request(path), false).await;
            let mut trailers = ::http::HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            trailers.insert("grpc-message", "so it is".parse().unwrap());
            send.send_data("abc".into(), false).unwrap();
            send.send_trailers(trailers).unwrap();
            assert_eq!(http2::read(response).await.unwrap().status, 200);
        }
    });
    let none = [
        "error=true",
        "grpc.authority=test",
        "grpc.content_type=application/grpc",
        "grpc.message=no healthy upstream",
        "grpc.path=/none",
        "grpc.status_code=14",
        "http.method=POST",
        "http.protocol=HTTP/2",
        "http.url=http://test/none",
        "response_flags=UH",
        "response_size=0",
        "upstream_cluster.name=none",
        "upstream_cluster=none",
    ];
    let told = collector.told("/none", 0);
    assert_eq!(told, [server("ingress", "0x101 failed", &none)]);
    for (path, status, failed, flags) in [
        ("/good", "0", "error=", ["0x101"; 2]),
        ("/lost", "15", "error=true", ["0x101 failed"; 2]),
        ("/denied", "7", "error=", ["0x101", "0x101 failed"]),
    ] {
        let status = format!("grpc.status_code={status}");
        let of_attempt = [
            failed,
            "grpc.message=so it is",
            &status,
            "http.protocol=HTTP/2",
        ];
        let path_tag = format!("grpc.path={path}");
        let url = format!("http.url=http://test{path}");
        let of_request = [
            "grpc.authority=test",
            "grpc.content_type=application/grpc",
            "http.method=POST",
            "request_size=3",
            "response_size=3",
            &path_tag,
            &url,
        ];
        assert_eq!(
            collector.told(path, 1),
            [
                server(
                    "ingress",
                    flags[0],
                    &[&of_attempt[..], &of_request].concat()
                ),
                client("c", flags[1], &of_attempt),
            ]
        );
    }
}

#[test]
fn tags_and_names_come_from_the_configuration() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let mut resources = resources(&backend, &collector, |manager| {
        manager.tracing = Some(Tracing {
            custom_tags: vec![
                literal("of", "the listener"),
                tag(
                    "path",
                    Type::Environment(Environment {
                        name: "SLUICEGATE_NOT_SET".to_owned(),
                        default_value: "unset".to_owned(),
                    }),
                ),
                tag(
                    "gone",
                    Type::Environment(Environment {
                        name: "SLUICEGATE_NOT_SET".to_owned(),
                        default_value: String::new(),
                    }),
                ),
                field("tenant", "x-tenant", "nobody"),
                field("added", "x-added", ""),
            ],
            ..tracing(true)
        });
    });
    resources.routes[0].request_headers_to_add = vec![xds::header("x-added", "here", 0)];
    let gateway = start(&resources);
    let mut ask = gateway.client();
    let response = ask.ask("GET /decorated HTTP/1.1\r\nHost: a\r\nX-Tenant: t\r\n\r\n");
    assert_eq!(
        response.field("x-envoy-decorator-operation"),
        Some("checkout")
    );
    let tags = [
        "added=here",
        "more=yes",
        "of=the route",
        "path=unset",
        "tenant=t",
    ];
    let mut lines = tags.to_vec();
    lines.push("http.url=http://a/decorated");
    assert_eq!(
        collector.told("/decorated", 1),
        [
            server("checkout", "0x101", &lines),
            client("c", "0x101", &tags)
        ]
    );
    let named = "GET /decorated?2 HTTP/1.1\r\nHost: a\r\nX-Envoy-Decorator-Operation: mine\r\n\r\n";
    let response = ask.ask(named);
    assert_eq!(response.field("x-envoy-decorator-operation"), None);
    let told = collector.told("/decorated?2", 1);
    assert!(told[0].starts_with("server mine 0x101\n"), "{told:?}");
    assert!(told[0].contains("\n  tenant=nobody\n"), "{told:?}");
    let (head, _) = backend.last();
    assert!(!head.contains("decorator"), "{head}");
}

#[test]
fn names_and_tags_may_be_formats() {
    let (backend, collector) = (Backend::start(), Collector::start());
    let log = LogFile::new();
    let format = |name: &str, text: &str| tag(name, Type::Value(text.to_owned()));
    let mut resources = resources(&backend, &collector, |manager| {
        manager.access_log = vec![log.text("%TRACE_ID% %SPAN_ID% %REQ(traceparent)%")];
        manager.tracing = Some(Tracing {
            verbose: true,
            operation: "op %REQ(:method)% %REQ(x-no)%%RESPONSE_CODE% %RESP(content-length)%"
                .to_owned(),
            upstream_operation: "try %REQ(:path)% %UPSTREAM_CLUSTER% %RESPONSE_CODE%".to_owned(),
            custom_tags: vec![
                format(
                    "how",
                    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_SENT%",
                ),
                format("gone", "%REQ(x-no)%"),
                format("whose", "the listener's"),
            ],
            ..tracing(true)
        });
    });
    for route in &mut resources.routes[0].virtual_hosts[0].routes {
        if let (Some(tracing), Some(_)) = (&mut route.tracing, &route.decorator) {
            tracing.operation = "route %REQ(:path)%".to_owned();
            tracing.custom_tags.push(format("whose", "the route's"));
        }
    }
    let gateway = start(&resources);
    let mut ask = gateway.client();
    let mut lines = 0;
    let mut told = |path: &str, attempts: usize| {
        ask.get(path);
        lines += 1;
        (
            collector.told(path, attempts),
            log.lines(lines)[lines - 1].clone(),
        )
    };

    let (spans, line) = told("/good", 1);
    let tagged = ["how=200 - via_upstream 2", "whose=the listener's"];
    let mut wanted = tagged.to_vec();
    wanted.push("http.url=http://test/good");
    assert_eq!(
        spans,
        [
            server("op GET 200 2", "0x101", &wanted),
            span("client", "try /good c 200", "0x101", &tagged, &CLIENT)
        ]
    );
    let ids: Vec<&str> = line.split(' ').collect();
    let sent: Vec<&str> = ids[2].split('-').collect();
    assert_eq!(
        (ids[0], ids[0].len(), ids[1].len()),
        (sent[1], 32, 16),
        "{line}"
    );
    assert_ne!(ids[1], sent[2], "the attempt has its own");

    let (spans, _) = told("/refused", 1);
    let refused = "upstream_reset_before_response_started\
                   {remote_connection_failure|delayed_connect_error:_Connection_refused}";
    assert!(spans[0].starts_with("server op GET 503 98 "), "{spans:?}");
    assert!(
        spans[0].contains(&format!("\n  how=503 UF {refused} 98\n")),
        "{spans:?}"
    );
    assert!(
        spans[1].starts_with("client try /refused refused 0 "),
        "{spans:?}"
    );
    assert!(spans[1].contains("\n  how=0 -  0\n"), "{spans:?}");

    let (spans, _) = told("/retry", 2);
    assert!(spans[1].starts_with("client try /retry c 0 "), "{spans:?}");
    assert!(
        spans[1].contains("\n  how=0 - via_upstream 0\n"),
        "{spans:?}"
    );
    assert!(
        spans[2].starts_with("client try /retry c 200 "),
        "{spans:?}"
    );

    let (spans, _) = told("/decorated", 1);
    assert!(spans[0].starts_with("server route /x 0x101\n"), "{spans:?}");
    assert!(spans[0].contains("\n  whose=the route's\n"), "{spans:?}");
    assert!(
        spans[1].starts_with("client try /x c 200 0x101\n"),
        "{spans:?}"
    );

    let named = "GET /decorated?2 HTTP/1.1\r\nHost: a\r\nX-Envoy-Decorator-Operation: mine\r\n\r\n";
    ask.ask(named);
    let spans = collector.told("/decorated?2", 1);
    assert!(
        spans[0].starts_with("server route /x?2 0x101\n"),
        "{spans:?}"
    );
    ask.ask("GET /good?2 HTTP/1.1\r\nHost: a\r\ntraceparent: nonsense\r\n\r\n");
    assert_eq!(log.lines(6)[5], "- - nonsense");

    for route in &mut resources.routes[0].virtual_hosts[0].routes {
        if let Some(tracing) = &mut route.tracing {
            tracing.operation.clear();
        }
    }
    gateway.publish(&resources);
    let named = "GET /decorated?3 HTTP/1.1\r\nHost: a\r\nX-Envoy-Decorator-Operation: mine\r\n\r\n";
    ask.ask(named);
    let spans = collector.told("/decorated?3", 1);
    assert!(spans[0].starts_with("server op GET 200 2 "), "{spans:?}");
}

fn field(tag_name: &str, name: &str, default: &str) -> CustomTag {
    let header = Header {
        name: name.to_owned(),
        default_value: default.to_owned(),
    };
    tag(tag_name, Type::RequestHeader(header))
}

/// The span of a request.
fn server(name: &str, flags: &str, lines: &[&str]) -> String {
    span("server", name, flags, lines, &SERVER)
}

/// The span of an attempt.
fn client(cluster: &str, flags: &str, lines: &[&str]) -> String {
    let name = format!("router {cluster} egress");
    span("client", &name, flags, lines, &CLIENT)
}

fn span(kind: &str, name: &str, flags: &str, lines: &[&str], usual: &[&str]) -> String {
    let key = |line: &str| line.split('=').next().unwrap().to_owned();
    let mut all: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    for line in usual {
        if !all.iter().any(|other| key(other) == key(line)) {
            all.push((*line).to_owned());
        }
    }
    // A line that ends in `=` says that there is none of that name.
    all.retain(|line| !line.ends_with('=') || line == "zone=");
    all.sort_by_key(|line| key(line));
    let lines: String = all.iter().map(|line| format!("\n  {line}")).collect();
    format!("{kind} {name} {flags}{lines}")
}

const SERVER: [&str; 16] = [
    "component=proxy",
    "downstream_cluster=-",
    "guid:x-request-id=*-9*",
    "http.method=GET",
    "http.protocol=HTTP/1.1",
    "http.status_code=200",
    "http.url=http://a/",
    "node_id=peer",
    "peer.address=127.0.0.1",
    "request_size=0",
    "response_flags=-",
    "response_size=2",
    "upstream_cluster=c",
    "upstream_cluster.name=c",
    "user_agent=-",
    "zone=",
];

const CLIENT: [&str; 8] = [
    "component=proxy",
    "http.protocol=HTTP/1.1",
    "http.status_code=200",
    "peer.address=127.0.0.1:*",
    "response_flags=-",
    "upstream_address=127.0.0.1:*",
    "upstream_cluster=c",
    "upstream_cluster.name=c",
];
