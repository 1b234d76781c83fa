// SPDX-License-Identifier: Apache-2.0
//! Access logs: one line for each request, in Envoy's words.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread::sleep,
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, server};
use http::{HeaderMap, Response};
use serde_json::{Value, json};
use sluicegate_xds::pb::envoy::{
    config::{
        accesslog::v3::AccessLog,
        core::v3::{DataSource, Http2ProtocolOptions, HttpProtocolOptions, data_source::Specifier},
        route::v3::{DirectResponseAction, RetryPolicy, Route, RouteAction, route},
    },
    extensions::filters::network::http_connection_manager::v3::http_connection_manager::UpgradeConfig,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    http2::{self, Client, get, post, run},
    logs::LogFile,
    script::nobody,
    upstream::Exchange,
    xds,
};

/// What tells one failure from another.
const OUTCOME: &str = "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% \
    %ROUTE_NAME% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %GRPC_STATUS%";

/// By path: answers in chunks, cuts its answer, hangs up, talks nonsense, fails, hangs.
fn answer(exchange: &mut Exchange<'_>) -> bool {
    let path = exchange
        .head
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    if path.ends_with("/chunks") {
        // Read as it comes.
    } else {
        exchange.read_body();
    }
    let (bytes, stays): (&str, bool) = match path.rsplit('/').next().unwrap_or_default() {
        "chunks" => (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            true,
        ),
        "cut" => ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel", false),
        "gone" => ("", false),
        "nonsense" => ("nonsense\r\n\r\n", false),
        "fails" => ("HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nbad", true),
        "hangs" => {
            sleep(Duration::from_secs(2));
            ("", false)
        }
        _ => (
            "HTTP/1.1 200 OK\r\nX-Up: one\r\nX-Up: two\r\nContent-Length: 5\r\n\r\nhello",
            true,
        ),
    };
    exchange.stream.write_all(bytes.as_bytes()).is_ok() && stays
}

fn named(name: &str, mut route: Route) -> Route {
    route.name = name.to_owned();
    route
}

fn forward(prefix: &str, cluster: &str, change: impl FnOnce(&mut RouteAction)) -> Route {
    named(&prefix[1..], xds::route(prefix, cluster, change))
}

fn resources(upstream: SocketAddr, logs: &[AccessLog]) -> Resources {
    let mut resources = Resources::simple(&[upstream]);
    for (name, addresses) in [("dead", vec![nobody()]), ("empty", Vec::new())] {
        resources.clusters.push(xds::cluster(name, |_| {}));
        resources.endpoints.push(xds::endpoints(name, &addresses));
    }
    let retried = |action: &mut RouteAction| {
        action.retry_policy = Some(RetryPolicy {
            retry_on: "5xx,connect-failure,reset".to_owned(),
            num_retries: xds::number(1),
            ..RetryPolicy::default()
        });
    };
    let mut direct = forward("/direct", "c", |_| {});
    direct.action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 200,
        body: Some(DataSource {
            specifier: Some(Specifier::InlineString("hi there".to_owned())),
            ..DataSource::default()
        }),
        ..DirectResponseAction::default()
    }));
    resources.routes = vec![xds::routes(vec![
        direct,
        forward("/dead", "dead", |_| {}),
        forward("/empty", "empty", |_| {}),
        forward("/nowhere", "nowhere", |_| {}),
        forward("/again", "c", retried),
        forward("/twice-dead", "dead", retried),
        forward("/short", "c", |action| action.timeout = xds::seconds(0.2)),
        forward("/moved", "c", |action| {
            action.prefix_rewrite = "/up".to_owned()
        }),
        forward("/up", "c", |_| {}),
    ])];
    resources.listeners = vec![xds::listener(|manager| {
        manager.access_log = logs.to_vec();
        manager.request_headers_timeout = xds::seconds(0.4);
    })];
    resources
}

fn start(logs: &[AccessLog]) -> (Gateway, Upstream) {
    let upstream = Upstream::start(answer);
    let gateway = Gateway::start(&resources(upstream.address, logs));
    gateway.assert_enforced();
    (gateway, upstream)
}

fn ask(gateway: &Gateway, request: &str) {
    let mut client = gateway.client();
    client.send(request);
    // Until the answer is there, or the connection's end.
    let head_only = request.starts_with("HEAD");
    if request.contains("/cut") {
        client.rest();
    } else {
        client.response(head_only);
    }
}

#[test]
fn every_request_leaves_a_line_that_says_how_it_ended() {
    let log = LogFile::new();
    let (gateway, _upstream) = start(&[log.text(OUTCOME)]);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let reset = "upstream_reset_before_response_started";
    let refused =
        format!("{reset}{{remote_connection_failure|delayed_connect_error:_Connection_refused}}");
    let cases: Vec<(String, String)> = [
        (get("/up"), "GET /up HTTP/1.1 200 - - via_upstream 0 5 c up 1 -"),
        (
            "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody".to_owned(),
            "POST /up HTTP/1.1 200 - - via_upstream 4 5 c up 1 -",
        ),
        (
            "POST /up/chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nabcde\r\n0\r\n\r\n"
                .to_owned(),
            "POST /up/chunks HTTP/1.1 200 - - via_upstream 5 11 c up 1 -",
        ),
        (
            "HEAD /up HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "HEAD /up HTTP/1.1 200 - - via_upstream 0 0 c up 1 -",
        ),
        (
            get("/empty"),
            "GET /empty HTTP/1.1 503 UH NoHealthyUpstream no_healthy_upstream 0 19 empty empty 1 -",
        ),
        (
            get("/dead"),
            "GET /dead HTTP/1.1 503 UF UpstreamConnectionFailure {refused} 0 98 dead dead 1 -",
        ),
        (
            get("/twice-dead"),
            "GET /twice-dead HTTP/1.1 503 URX,UF \
             UpstreamRetryLimitExceeded,UpstreamConnectionFailure {refused} 0 121 dead twice-dead 2 -",
        ),
        (
            get("/none"),
            "GET /none HTTP/1.1 404 NR NoRouteFound route_not_found 0 0 - - 0 -",
        ),
        (
            get("/nowhere"),
            "GET /nowhere HTTP/1.1 503 NC NoClusterFound cluster_not_found 0 0 - nowhere 0 -",
        ),
        (
            get("/direct"),
            "GET /direct HTTP/1.1 200 - - direct_response 0 8 - direct 0 -",
        ),
        (
            get("/again/fails"),
            "GET /again/fails HTTP/1.1 503 URX UpstreamRetryLimitExceeded via_upstream 0 3 c again 2 -",
        ),
        (
            get("/again/gone"),
            "GET /again/gone HTTP/1.1 503 URX,UC \
             UpstreamRetryLimitExceeded,UpstreamConnectionTermination \
             {reset}{connection_termination} 0 118 c again 2 -",
        ),
        (
            get("/short/hangs"),
            "GET /short/hangs HTTP/1.1 504 UT UpstreamRequestTimeout response_timeout 0 24 c short 1 -",
        ),
        (
            get("/up/gone"),
            "GET /up/gone HTTP/1.1 503 UC UpstreamConnectionTermination \
             {reset}{connection_termination} 0 95 c up 1 -",
        ),
        (
            get("/up/cut"),
            "GET /up/cut HTTP/1.1 200 UPE UpstreamProtocolError \
             upstream_reset_after_response_started{protocol_error} 0 3 c up 1 -",
        ),
        (
            get("/up/nonsense"),
            "GET /up/nonsense HTTP/1.1 502 UPE UpstreamProtocolError \
             {reset}{protocol_error} 0 87 c up 1 -",
        ),
        (
            "nonsense\r\n\r\n".to_owned(),
            "- - HTTP/1.1 400 DPE DownstreamProtocolError http1.codec_error 0 11 - - 0 -",
        ),
        (
            "GET /up HTTP/1.1\r\n\r\n".to_owned(),
            "GET /up HTTP/1.1 400 - - missing_host_header 0 0 - - 0 -",
        ),
        (
            format!("GET /up HTTP/1.1\r\nHost: h\r\n{}\r\n", "x: a\r\n".repeat(110)),
            "- - HTTP/1.1 431 DPE DownstreamProtocolError http1.too_many_headers 0 31 - - 0 -",
        ),
        (
            "GET /up HTTP/1.0\r\nHost: h\r\n\r\n".to_owned(),
            "- - HTTP/1.1 426 DPE DownstreamProtocolError low_version 0 16 - - 0 -",
        ),
        (
            "GET /up HTTP/1.1\r\nHo".to_owned(),
            "- - HTTP/1.1 408 - - request_header_timeout 0 22 - - 0 -",
        ),
        (
            "POST /empty HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n\
             Content-Length: 0\r\n\r\n"
                .to_owned(),
            "POST /empty HTTP/1.1 200 UH NoHealthyUpstream no_healthy_upstream 0 0 empty empty 1 \
             Unavailable",
        ),
    ]
    .into_iter()
    .map(|(request, line)| {
        let line = line.replace("{refused}", &refused).replace("{reset}", reset);
        (request, line)
    })
    .collect();
    for (at, (request, wanted)) in cases.iter().enumerate() {
        ask(&gateway, request);
        assert_eq!(log.lines(at + 1)[at], *wanted, "{request:?}");
    }
}

#[test]
fn a_client_that_leaves_is_logged_too() {
    let log = LogFile::new();
    let (gateway, upstream) = start(&[log.text(OUTCOME)]);
    for (at, (request, wanted)) in [
        (
            "GET /up/hangs HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /up/hangs HTTP/1.1 0 DC DownstreamConnectionTermination \
             downstream_remote_disconnect 0 0 c up 1 -",
        ),
        (
            "GET /up/hangs HTTP/1.1\r\nHo",
            "- - HTTP/1.1 0 DC DownstreamConnectionTermination \
             downstream_remote_disconnect 0 0 - - 0 -",
        ),
        (
            "POST /up/hangs HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab",
            "POST /up/hangs HTTP/1.1 0 DC DownstreamConnectionTermination \
             downstream_remote_disconnect 2 0 c up 1 -",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = gateway.client();
        let sent = upstream.count() + usize::from(request.contains("\r\n\r\n"));
        client.send(request);
        eventually("the request at the upstream", || upstream.count() == sent);
        // For what comes of a request that is not whole, nobody waits.
        sleep(Duration::from_millis(300));
        drop(client);
        assert_eq!(log.lines(at + 1)[at], wanted, "{request:?}");
    }
}

#[test]
fn operators_tell_of_the_request() {
    let log = LogFile::new();
    let (gateway, upstream) = start(&[log.text(
        "[%REQ(x-a)%][%REQ(X-A):3%][%REQ(x-no)%][%REQ(x-no?x-a)%][%REQ(:authority)%][%REQ(host)%]\
         [%REQ(:scheme)%][%RESP(:status)%][%RESP(x-up)%][%RESP(content-length)%][%RESP(server)%]\
         [%TRAILER(x-t)%][%UPSTREAM_HOST%][%UPSTREAM_REMOTE_ADDRESS%][%UPSTREAM_PROTOCOL%]\
         [%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%][%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%]\
         [%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%][%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%]\
         [%REQUESTED_SERVER_NAME%][%DOWNSTREAM_TLS_VERSION%][%UPSTREAM_TRANSPORT_FAILURE_REASON%]\
         [%GRPC_STATUS_NUMBER%][%LOCAL_REPLY_BODY%][%COMMON_DURATION(a:b)%][100%%]",
    )]);
    ask(
        &gateway,
        "GET /up HTTP/1.1\r\nHost: h:80\r\nX-A: some \"value\"\r\nX-A: more\r\n\r\n",
    );
    let host = upstream.address;
    let wanted = format!(
        "[some \"value\"][som][-][some \"value\"][h:80][h:80][http][200][one][5][envoy][-][{host}]\
         [{host}][HTTP/1.1][127.0.0.1][127.0.0.1][127.0.0.1][127.0.0.1][-][-][-][-][][-][100%]"
    );
    assert_eq!(log.lines(1), [wanted]);
    ask(&gateway, "GET /dead HTTP/1.1\r\nHost: h\r\n\r\n");
    let line = &log.lines(2)[1];
    let wanted = "[-][delayed_connect_error:_Connection_refused][-]";
    assert!(line.contains(wanted), "{line}");
}

#[test]
fn envoys_own_line_is_the_default() {
    let log = LogFile::new();
    let (gateway, upstream) = start(&[log.plain()]);
    ask(
        &gateway,
        "GET /up?a=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\r\n",
    );
    ask(
        &gateway,
        "GET /none HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
    );
    let lines = log.lines(2);
    let wanted = [
        (
            "\"GET /up?a=1 HTTP/1.1\" 200 - 0 5 * * \"-\" \"me\" \"*\" \"h\" \"{host}\"",
            upstream.address.to_string(),
        ),
        (
            "\"GET /none HTTP/1.1\" 404 NR 0 0 * - \"10.0.0.1\" \"-\" \"*\" \"h\" \"-\"",
            String::new(),
        ),
    ];
    for (line, (wanted, host)) in lines.iter().zip(wanted) {
        let (time, rest) = line.split_once("] ").unwrap();
        assert_eq!(time.len(), "[2026-11-22T04:57:02.476Z".len(), "{line}");
        let words: Vec<&str> = rest.split(' ').collect();
        let wanted = wanted.replace("{host}", &host);
        let wanted: Vec<&str> = wanted.split(' ').collect();
        assert_eq!(words.len(), wanted.len(), "{line}");
        for (word, wanted) in words.iter().zip(wanted) {
            match wanted {
                "*" => assert!(word.parse::<u64>().is_ok(), "{word} in {line}"),
                "\"*\"" => assert_eq!(word.len(), 38, "{word} in {line}"),
                wanted => assert_eq!(*word, wanted, "{line}"),
            }
        }
    }
}

#[test]
fn objects_keep_types_and_leave_out_what_is_empty_when_asked_to() {
    let object = json!({
        "z": "%RESPONSE_CODE%",
        "a": { "n": { "x": "%REQ(x-no)%", "y": "%BYTES_SENT%x", "e": {} }, "only": "%REQ(x-no)%" },
        "constant": "text \"q\" é", "number": 1.5, "whole": 7, "flag": true, "nothing": null,
        "list": ["%REQ(x-no)%", "%PROTOCOL%", 3, { "k": "%REQ(x-no)%" }],
        "two": "%REQ(x-no)%%REQ(x-no)%", "mixed": "%REQ(x-no)% %PROTOCOL%", "empty": "",
        "percent": "100%%", "quoted": "%REQ(x-q)%", "flags": "%RESPONSE_FLAGS%",
        "grpc": "%GRPC_STATUS%", "reply": "%LOCAL_REPLY_BODY%",
    });
    let logs = [LogFile::new(), LogFile::new()];
    let (gateway, _upstream) = start(&[
        logs[0].with(&json!({ "json_format": object })),
        logs[1].with(&json!({ "json_format": object, "omit_empty_values": true })),
    ]);
    ask(
        &gateway,
        "GET /up HTTP/1.1\r\nHost: h\r\nX-Q: a\"b\\c\td\r\n\r\n",
    );
    assert_eq!(
        logs[0].lines(1),
        [concat!(
            r#"{"a":{"n":{"e":{},"x":null,"y":"5x"},"only":null},"constant":"text \"q\" é","#,
            r#""empty":"","flag":true,"flags":"-","grpc":null,"#,
            r#""list":[null,"HTTP/1.1",3,{"k":null}],"mixed":"- HTTP/1.1","nothing":null,"#,
            r#""number":1.5,"percent":"100%","quoted":"a\"b\\c\td","reply":"","two":"--","#,
            r#""whole":7,"z":200}"#
        )]
    );
    assert_eq!(
        logs[1].lines(1),
        [concat!(
            r#"{"a":{"n":{"y":"5x"}},"constant":"text \"q\" é","empty":"","flag":true,"#,
            r#""flags":"-","list":["HTTP/1.1",3],"mixed":" HTTP/1.1","number":1.5,"#,
            r#""percent":"100%","quoted":"a\"b\\c\td","reply":"","two":"","whole":7,"z":200}"#
        )]
    );
}

#[test]
fn streams_of_http2_leave_lines_of_their_own() {
    let log = LogFile::new();
    let (gateway, _upstream) = start(&[log.text(OUTCOME)]);
    run(async {
        let client = Client::connect(gateway.address()).await;
        client.ask(get("/up")).await.unwrap();
        client.ask(get("/none")).await.unwrap();
    });
    assert_eq!(
        log.lines(2),
        [
            "GET /up HTTP/2 200 - - via_upstream 0 5 c up 1 -",
            "GET /none HTTP/2 404 NR NoRouteFound route_not_found 0 0 - - 0 -",
        ]
    );
}

#[test]
fn a_call_of_grpc_ends_as_its_trailers_say() {
    let upstream =
        http2::Upstream::start(server::Builder::new(), |request, mut respond| async move {
            let mut body = request.into_body();
            http2::read_body(&mut body).await.unwrap();
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(Bytes::from_static(b"hello"), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "5".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        });
    let log = LogFile::new();
    let mut resources = resources(
        upstream.address,
        &[log.text(
            "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER% %TRAILER(grpc-status)% \
             %BYTES_RECEIVED% %BYTES_SENT% %PROTOCOL% %UPSTREAM_PROTOCOL% %RESPONSE_CODE%",
        )],
    );
    let common = HttpProtocolOptions::default();
    xds::http2(
        &mut resources.clusters[0],
        common,
        Http2ProtocolOptions::default(),
    );
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let mut call = post("/up");
        let fields = call.headers_mut();
        fields.insert("content-type", "application/grpc".parse().unwrap());
        fields.insert("te", "trailers".parse().unwrap());
        client.post(call, b"four").await;
    });
    assert_eq!(
        log.lines(1),
        ["NotFound NOT_FOUND 5 5 4 5 HTTP/2 HTTP/2 200"]
    );
}

#[test]
fn a_stream_that_its_client_resets_is_logged_too() {
    let log = LogFile::new();
    let (gateway, upstream) = start(&[log.text(OUTCOME)]);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (_response, mut send) = client.open(get("/up/hangs"), true).await;
        while upstream.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        send.send_reset(Reason::CANCEL);
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    assert_eq!(
        log.lines(1),
        ["GET /up/hangs HTTP/2 0 DR DownstreamRemoteReset http2.remote_reset 0 0 c up 1 -"]
    );
}

#[test]
fn an_upgrade_is_logged_with_its_bytes_when_it_is_over() {
    let upstream = Upstream::start(|exchange| {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\n\r\n";
        exchange.stream.write_all(answer).unwrap();
        let mut piece = [0; 100];
        let count = exchange.stream.read(&mut piece).unwrap();
        exchange.stream.write_all(&piece[..count]).unwrap();
        let _ = exchange.stream.read(&mut piece);
        false
    });
    let log = LogFile::new();
    let mut resources = resources(upstream.address, &[]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.access_log = vec![log.text(OUTCOME)];
        manager.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }];
    })];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let asked = "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(client.ask(asked).status(), 101);
    client.send("hello");
    client.until(|bytes| (bytes == b"hello").then_some(5));
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.rest();
    assert_eq!(
        log.lines(1),
        [
            "GET /up HTTP/1.1 101 DC DownstreamConnectionTermination downstream_remote_disconnect \
             5 5 c up 1 -"
        ]
    );
}

#[test]
fn filters_choose_among_requests() {
    let log = LogFile::new();
    let compared = |op: &str, value: u32| json!({ "op": op, "value": { "default_value": value, "runtime_key": "k" } });
    let status =
        |op: &str, value| json!({ "status_code_filter": { "comparison": compared(op, value) } });
    let share = |numerator: u32, independent: bool| {
        json!({ "runtime_filter": {
            "runtime_key": "k",
            "percent_sampled": { "numerator": numerator, "denominator": "HUNDRED" },
            "use_independent_randomness": independent,
        } })
    };
    let cases: Vec<(&str, Value)> = vec![
        ("eq", status("EQ", 404)),
        ("ge", status("GE", 404)),
        ("le", status("LE", 404)),
        ("ne", status("NE", 404)),
        (
            "slow",
            json!({ "duration_filter": { "comparison": compared("GE", 100_000) } }),
        ),
        (
            "fast",
            json!({ "duration_filter": { "comparison": compared("LE", 100_000) } }),
        ),
        ("no-check", json!({ "not_health_check_filter": {} })),
        ("traced", json!({ "traceable_filter": {} })),
        ("none", share(0, true)),
        ("all", share(100, true)),
        ("id-50", share(50, false)),
        ("id-51", share(51, false)),
        (
            "header",
            json!({ "header_filter": { "header": {
            "name": "x-log", "string_match": { "exact": "yes" },
        } } }),
        ),
        (
            "flag",
            json!({ "response_flag_filter": { "flags": ["UH", "NR"] } }),
        ),
        ("any-flag", json!({ "response_flag_filter": {} })),
        (
            "grpc",
            json!({ "grpc_status_filter": { "statuses": ["UNIMPLEMENTED"] } }),
        ),
        (
            "grpc-not",
            json!({ "grpc_status_filter": { "statuses": ["UNIMPLEMENTED"], "exclude": true } }),
        ),
        (
            "end",
            json!({ "log_type_filter": { "types": ["DownstreamEnd"] } }),
        ),
        (
            "tcp",
            json!({ "log_type_filter": { "types": ["TcpConnectionEnd"] } }),
        ),
        (
            "and",
            json!({ "and_filter": { "filters": [status("GE", 400), status("LE", 450)] } }),
        ),
        (
            "or",
            json!({ "or_filter": { "filters": [status("EQ", 200), status("EQ", 503)] } }),
        ),
    ];
    let logs: Vec<AccessLog> = cases
        .iter()
        .map(|(name, filter)| log.filtered(&format!("%REQ(:PATH)% {name}"), filter))
        .collect();
    let (gateway, _upstream) = start(&logs);
    // 0x32 is 50.
    let id = "X-Request-Id: 00000032-b461-4eb2-a66c-2581cbab8814\r\n";
    let passed = |path: &str, more: &str, before: usize, wanted: &[&str]| {
        ask(
            &gateway,
            &format!("GET {path} HTTP/1.1\r\nHost: h\r\n{id}{more}\r\n"),
        );
        let lines = log.lines(before + wanted.len());
        let wanted: Vec<_> = wanted.iter().map(|name| format!("{path} {name}")).collect();
        assert_eq!(lines[before..], wanted);
        lines.len()
    };
    let seen = passed(
        "/up",
        "X-Log: yes\r\n",
        0,
        &[
            "le", "ne", "fast", "no-check", "all", "id-51", "header", "grpc-not", "end", "or",
        ],
    );
    let seen = passed(
        "/none",
        "",
        seen,
        &[
            "eq", "ge", "le", "fast", "no-check", "all", "id-51", "flag", "any-flag", "grpc",
            "end", "and",
        ],
    );
    passed(
        "/empty",
        "X-Log: no\r\n",
        seen,
        &[
            "ge", "ne", "fast", "no-check", "all", "id-51", "flag", "any-flag", "grpc-not", "end",
            "or",
        ],
    );
}

#[test]
fn what_is_no_format_refuses_the_listener() {
    let upstream = Upstream::ok();
    let log = LogFile::new();
    let nowhere = LogFile {
        path: log.path.join("nowhere"),
    };
    let flag = json!({ "header_filter": { "header": { "name": "a", "safe_regex_match": {
        "google_re2": {}, "regex": "(" } } } });
    for (log, words) in [
        (log.text("%FOO%"), "Not supported field in StreamInfo: FOO"),
        (log.text("50%"), "Couldn't find valid command at position 2"),
        (log.text("%REQ%"), "REQ requires parameters"),
        (log.text("%TRAILER()%"), "TRAILER requires parameters"),
        (
            log.text("%PROTOCOL(3)%"),
            "PROTOCOL does not take any parameters or length",
        ),
        (log.text("%GRPC_STATUS(X)%"), "Got: X"),
        (log.with(&json!({ "json_format": { "a": "%FOO%" } })), "FOO"),
        (nowhere.text("a"), "unable to open file"),
        (log.filtered("a", &flag), "unclosed group"),
    ] {
        let mut resources = resources(upstream.address, &[log]);
        resources.routes.truncate(1);
        let gateway = Gateway::start(&resources);
        gateway.assert_refused("listener~80", words);
    }
}

#[test]
fn operators_look_into_the_path() {
    let log = LogFile::new();
    let (gateway, _upstream) = start(&[log.text(
        "[%PATH%][%PATH(NQ)%][%PATH(WQ:ORIG)%][%PATH(NQ:PATH):3%][%PATH(WQ:ORIG_OR_PATH)%]\
         [%QUERY_PARAM(a)%][%QUERY_PARAM(b):2%][%QUERY_PARAM(none)%][%QUERY_PARAMS%]\
         [%QUERY_PARAMS(DECODED)%][%QUERY_PARAMS:4%]",
    )]);
    let coded = "%01%20%21%25%26%3d%7e%7f%c3%a9%zz%4+b";
    let cases = [
        (
            format!("/up?a={coded}"),
            format!(
                "[/up?a={coded}][/up][-][/up][/up?a={coded}][\u{1} !%&=~\u{7f}é%zz%4+b][-][-]\
                 [a={coded}][a=%01%20!%&=~%7f%c3%a9zz4+b][a=%0]"
            ),
        ),
        (
            "/up?%61=1&a=2&b=three".to_owned(),
            "[/up?%61=1&a=2&b=three][/up][-][/up][/up?%61=1&a=2&b=three][1][th][-]\
             [%61=1&a=2&b=three][a=1&a=2&b=three][%61=]"
                .to_owned(),
        ),
        (
            "/direct?".to_owned(),
            "[/direct?][/direct][-][/di][/direct?][-][-][-][][][]".to_owned(),
        ),
        (
            "/up".to_owned(),
            "[/up][/up][-][/up][/up][-][-][-][-][-][-]".to_owned(),
        ),
        (
            "/moved?a=1".to_owned(),
            "[/moved?a=1][/moved][/moved?a=1][/up][/moved?a=1][1][-][-][a=1][a=1][a=1]".to_owned(),
        ),
    ];
    for (at, (path, wanted)) in cases.into_iter().enumerate() {
        ask(&gateway, &format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(log.lines(at + 1)[at], wanted);
    }
}

/// Of HTTP/1, which has one request at a time.
#[test]
fn operators_count_bytes_with_their_framing() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let upstream = Upstream::start(move |exchange| {
        counted.fetch_add(exchange.head.len(), SeqCst);
        answer(exchange)
    });
    let log = LogFile::new();
    let line = "%DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% \
                %UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT% %ACCESS_LOG_TYPE% \
                %UPSTREAM_HOST_NAME% %CONNECTION_TERMINATION_DETAILS%";
    let gateway = Gateway::start(&resources(upstream.address, &[log.text(line)]));
    let host = upstream.address.to_string();
    for (at, (request, body, received, host)) in [
        ("GET /up HTTP/1.1\r\n", "", 65, host.as_str()),
        (
            "POST /up HTTP/1.1\r\nContent-Length: 4\r\n",
            "body",
            65,
            &host,
        ),
        // Both attempts count.
        ("GET /again/fails HTTP/1.1\r\n", "", 82, &host),
        ("GET /none HTTP/1.1\r\n", "", 0, "-"),
        ("GET /direct HTTP/1.1\r\n", "", 0, "-"),
    ]
    .into_iter()
    .enumerate()
    {
        let request = format!("{request}Host: h\r\nConnection: close\r\n\r\n{body}");
        let mut client = gateway.client();
        client.send(&request);
        let sent = client.rest().len();
        let forwarded = match taken.swap(0, SeqCst) {
            0 => 0,
            heads => heads + body.len(),
        };
        assert_eq!(
            log.lines(at + 1)[at],
            format!(
                "{} {sent} {received} {forwarded} DownstreamEnd {host} -",
                request.len()
            )
        );
    }
}
