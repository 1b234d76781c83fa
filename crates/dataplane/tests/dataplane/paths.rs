// SPDX-License-Identifier: Apache-2.0
//! Paths and hosts, as they arrive and as they go on. Expected values are those of Envoy 1.40.

use sluicegate_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager::StripPortMode,
};

use crate::support::{Gateway, Upstream, client::Client, gateway::Resources, http2, xds};

type Change = fn(&mut HttpConnectionManager);

fn gateway(upstream: &Upstream, change: Change) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(change)];
    Gateway::start(&resources)
}

/// The path that goes upstream; else the status, with the place to go to instead.
fn outcome(upstream: &Upstream, client: &mut Client, path: &str) -> String {
    let before = upstream.count();
    let response = client.get(path);
    if upstream.count() > before {
        let head = upstream.last_exact();
        return head.split(' ').nth(1).unwrap().to_owned();
    }
    let location = response.field("location").unwrap_or_default();
    format!("{} {location}", response.status())
        .trim_end()
        .to_owned()
}

fn check(change: Change, table: &[(&str, &str)]) {
    let upstream = Upstream::ok();
    let gateway = gateway(&upstream, change);
    for (path, wanted) in table {
        let mut client = gateway.client();
        assert_eq!(outcome(&upstream, &mut client, path), *wanted, "{path}");
        assert!(!wanted.starts_with("400") || client.closed());
    }
}

fn normal(manager: &mut HttpConnectionManager) {
    manager.normalize_path = xds::yes();
    manager.merge_slashes = true;
}

/// Row 26.
#[test]
fn paths_go_on_as_they_came() {
    let same = [
        "/a/../b",
        "/a/%2e%2e/c",
        "/a/./b",
        "/../a",
        "/a/..",
        "/a//b",
        "//a",
        "/a\\b",
        "/a/%2F/b",
        "/a/%5c/b",
        "/a/%zz",
        "/a;x=1",
        "/a?x=/../y//z",
    ];
    let mut table: Vec<(&str, &str)> = same.map(|path| (path, path)).to_vec();
    table.push(("/a/b#f", "400"));
    check(|_| {}, &table);
}

/// Row 26.
#[test]
fn paths_are_normalised_on_demand() {
    let both = [
        ("/a/../b", "/b"),
        ("/a/%2e%2e/c", "/c"),
        ("/a/./b", "/a/b"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a\\b", "/a/b"),
        ("/a/%2F/b", "/a/%2F/b"),
        ("/a/%5c/b", "/a/%5c/b"),
        ("/a/%zz", "/a/%zz"),
        ("/a;x=1", "/a;x=1"),
        ("/a?x=/../y//z", "/a?x=/../y//z"),
        ("/a/b#f", "400"),
    ];
    check(normal, &both);
    check(normal, &[("/a//b", "/a/b"), ("//a", "/a")]);
    let only_dots: Change = |manager| manager.normalize_path = xds::yes();
    check(only_dots, &both);
    check(only_dots, &[("/a//b", "/a//b"), ("//a", "//a")]);
    check(
        |manager| manager.merge_slashes = true,
        &[
            ("/a//b", "/a/b"),
            ("//a", "/a"),
            ("/a/../b", "/a/../b"),
            ("/a\\b", "/a\\b"),
            ("/a?x=/../y//z", "/a?x=/../y//z"),
        ],
    );
}

/// Row 26.
#[test]
fn escaped_slashes_are_kept_refused_or_decoded() {
    let plain = [
        ("/a/../b", "/a/../b"),
        ("/a%252fb", "/a%252fb"),
        ("/a?%2f", "/a?%2f"),
    ];
    let escaped = [
        "/a/%2F/b",
        "/a/%5c/b",
        "/a%2fb",
        "/a%2F..%2Fb",
        "/a%5C..%5Cb?q=%2f",
    ];
    for (action, wanted) in [
        (1, escaped),
        (2, ["400"; 5]),
        (
            3,
            [
                "307 /a///b",
                "307 /a/\\/b",
                "307 /a/b",
                "307 /a/../b",
                "307 /a\\..\\b?q=%2f",
            ],
        ),
        (
            4,
            ["/a///b", "/a/\\/b", "/a/b", "/a/../b", "/a\\..\\b?q=%2f"],
        ),
    ] {
        let change: Change = match action {
            1 => |manager| manager.path_with_escaped_slashes_action = 1,
            2 => |manager| manager.path_with_escaped_slashes_action = 2,
            3 => |manager| manager.path_with_escaped_slashes_action = 3,
            _ => |manager| manager.path_with_escaped_slashes_action = 4,
        };
        check(change, &plain);
        let table: Vec<_> = escaped.into_iter().zip(wanted).collect();
        check(change, &table);
    }
    check(
        |manager| {
            normal(manager);
            manager.path_with_escaped_slashes_action = 3;
        },
        &[
            ("/a/../b", "/b"),
            ("/a/%2F/b", "307 /a/b"),
            ("/a%2F..%2Fb", "307 /b"),
            ("/a%5C..%5Cb?q=%2f", "307 /b?q=%2f"),
            ("/a/%2f/../b", "307 /a/b"),
        ],
    );
    check(
        |manager| {
            normal(manager);
            manager.path_with_escaped_slashes_action = 4;
        },
        &[
            ("/a/%2F/b", "/a/b"),
            ("/a/%5c/b", "/a/b"),
            ("/a%2F..%2Fb", "/b"),
            ("/a%5C..%5Cb?q=%2f", "/b?q=%2f"),
        ],
    );
}

/// Row 26.
#[test]
fn streams_of_http2_follow_the_same_rules() {
    let upstream = Upstream::ok();
    let gateway = gateway(&upstream, |manager| {
        normal(manager);
        manager.path_with_escaped_slashes_action = 3;
    });
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        assert_eq!(client.get("/a/../b").await.status, 200);
        assert!(upstream.last_exact().starts_with("GET /b HTTP/1.1\r\n"));
        let answer = client.get("/a%2f..%2fb?q").await;
        assert_eq!((answer.status, answer.field("location")), (307, "/b?q"));
        let mut request = http2::post("/a%2fb");
        let grpc = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", grpc);
        let answer = client.ask(request).await.unwrap();
        assert_eq!((answer.status, answer.field("grpc-status")), (200, "13"));
    });
}

/// Row 26.
#[test]
fn hosts_go_on_as_they_came_or_without_their_port() {
    let cases: [(Change, [&str; 4]); 3] = [
        (|_| {}, ["A.Example:8080", "a", "[::1]:80", "x:PORT"]),
        (
            |manager| manager.strip_port_mode = Some(StripPortMode::StripAnyHostPort(true)),
            ["A.Example", "a", "[::1]", "x"],
        ),
        (
            |manager| manager.strip_matching_host_port = true,
            ["A.Example:8080", "a", "[::1]:80", "x"],
        ),
    ];
    for (change, wanted) in cases {
        let upstream = Upstream::ok();
        let gateway = gateway(&upstream, change);
        let port = gateway.address().port().to_string();
        let sent = ["A.Example:8080", "a", "[::1]:80", "x:PORT"];
        for (host, wanted) in sent.into_iter().zip(wanted) {
            let host = host.replace("PORT", &port);
            gateway
                .client()
                .ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            let head = upstream.last_exact();
            let line = format!("host: {}", wanted.replace("PORT", &port));
            assert_eq!(head.lines().nth(1), Some(line.as_str()));
        }
    }
}
