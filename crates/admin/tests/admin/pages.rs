// SPDX-License-Identifier: Apache-2.0
//! Every other page, the method rules and the behaviour of the server.

use std::sync::Arc;

use crate::support::{CLUSTER, Running};
use sluicegate_admin::{Action, LogLevel};

sluicegate_stats::stat_group! {
    struct ClusterStats {
        upstream_cx_total: Counter,
        upstream_rq: ResponseCodes,
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_envoy() {
    let admin = Running::start().await;
    for path in ["/", "/help", "/ready", "/stats?format=json", "/nope"] {
        let head = admin.get(path).await.head;
        for header in [
            "cache-control: no-cache, max-age=0",
            "x-content-type-options: nosniff",
            "server: envoy",
            "transfer-encoding: chunked",
            "date: ",
        ] {
            assert!(head.contains(header), "{header} for {path} in {head}");
        }
    }
}

/// Row 75.
#[tokio::test]
async fn methods() {
    let admin = Running::start().await;
    for method in ["GET", "POST", "PUT"] {
        let answer = admin.request(method, "/ready").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "LIVE\n"));
    }
    let head = admin.request("HEAD", "/ready").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for path in [
        "/quitquitquit",
        "/logging",
        "/runtime_modify",
        "/drain_listeners",
        "/healthcheck/fail",
        "/healthcheck/ok",
        "/reset_counters",
        "/reopen_logs",
    ] {
        let answer = admin.get(path).await;
        let text = "Method GET not allowed, POST required.";
        assert_eq!((answer.status, answer.body.as_str()), (405, text), "{path}");
    }
    let answer = admin.get("/nope").await;
    assert_eq!(answer.status, 404);
    let help = admin.get("/help").await.body;
    assert_eq!(answer.body, format!("invalid path. {help}"));
    assert!(help.starts_with("admin commands are:\n  /: Admin home page\n  /certs: print certs"));
    assert!(
        help.contains("  /quitquitquit (POST): exit the server\n"),
        "{help}"
    );
    assert!(
        help.ends_with("  /sluicegate/broken: a page that panics\n"),
        "{help}"
    );
}

#[tokio::test]
async fn actions() {
    let admin = Running::start().await;
    for (path, action) in [
        ("/quitquitquit", Action::Quit),
        ("/healthcheck/fail", Action::HealthcheckFail),
        ("/healthcheck/ok", Action::HealthcheckOk),
        ("/reopen_logs", Action::ReopenLogs),
        (
            "/drain_listeners?graceful&skip_exit",
            Action::DrainListeners {
                graceful: true,
                skip_exit: true,
                inbound_only: false,
            },
        ),
        (
            "/logging?level=debug",
            Action::SetLogLevel {
                logger: None,
                level: LogLevel::Debug,
            },
        ),
        (
            "/logging?paths=&level=warning",
            Action::SetLogLevel {
                logger: None,
                level: LogLevel::Warning,
            },
        ),
        (
            "/logging?paths=admin:off",
            Action::SetLogLevel {
                logger: Some("admin".into()),
                level: LogLevel::Off,
            },
        ),
    ] {
        let answer = admin.post(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let done = admin.actions.lock().unwrap().last().cloned();
        assert_eq!(done, Some(action.clone()));
        let ready = admin.get("/ready").await;
        let draining = action == Action::HealthcheckFail;
        assert_eq!(ready.status, if draining { 503 } else { 200 });
        assert_eq!(ready.body == "DRAINING\n", draining);
    }
}

#[tokio::test]
async fn logging() {
    let admin = Running::start().await;
    let answer = admin.post("/logging").await;
    assert_eq!(answer.body, "active loggers:\n  admin: info\n\n");
    for (query, error) in [
        (
            "level=foo",
            "error: unknown logger level\n\nusage: /logging?<name>=<level>",
        ),
        ("foo=info", "error: unknown logger name\n\nusage: "),
        (
            "paths=admin",
            "error: empty logger name or empty logger level\n\nusage: ",
        ),
    ] {
        let answer = admin.post(&format!("/logging?{query}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.starts_with(error), "{}", answer.body);
        assert!(answer.body.ends_with("active loggers:\n  admin: info\n\n"));
    }
    assert!(admin.actions.lock().unwrap().is_empty());
}

/// Row 76.
#[tokio::test]
async fn clusters_and_listeners() {
    let admin = Running::start().await;
    let text = admin.get("/clusters").await.body;
    let expected = "kube_httpbin_httpbin_8000::observability_name::kube_httpbin_httpbin_8000
kube_httpbin_httpbin_8000::default_priority::max_connections::1024
kube_httpbin_httpbin_8000::default_priority::max_pending_requests::1024
kube_httpbin_httpbin_8000::default_priority::max_requests::1024
kube_httpbin_httpbin_8000::default_priority::max_retries::3
kube_httpbin_httpbin_8000::high_priority::max_connections::1024
kube_httpbin_httpbin_8000::high_priority::max_pending_requests::1024
kube_httpbin_httpbin_8000::high_priority::max_requests::1024
kube_httpbin_httpbin_8000::high_priority::max_retries::3
kube_httpbin_httpbin_8000::added_via_api::true
kube_httpbin_httpbin_8000::127.0.0.1:8801::cx_active::1
kube_httpbin_httpbin_8000::127.0.0.1:8801::cx_connect_fail::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::cx_total::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_active::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_error::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_pending_active::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_success::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_timeout::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::rq_total::31
kube_httpbin_httpbin_8000::127.0.0.1:8801::hostname::
kube_httpbin_httpbin_8000::127.0.0.1:8801::health_flags::/failed_active_hc/failed_eds_health
kube_httpbin_httpbin_8000::127.0.0.1:8801::weight::1
kube_httpbin_httpbin_8000::127.0.0.1:8801::region::
kube_httpbin_httpbin_8000::127.0.0.1:8801::zone::
kube_httpbin_httpbin_8000::127.0.0.1:8801::sub_zone::
kube_httpbin_httpbin_8000::127.0.0.1:8801::canary::false
kube_httpbin_httpbin_8000::127.0.0.1:8801::priority::0
kube_httpbin_httpbin_8000::127.0.0.1:8801::success_rate::-1
kube_httpbin_httpbin_8000::127.0.0.1:8801::local_origin_success_rate::-1
";
    assert_eq!(text, expected);
    assert_eq!(admin.get("/clusters?filter=nope").await.body, "");
    let answer = admin.get("/clusters?filter=(").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (400, "Invalid re2 regex")
    );
    let json = admin.get("/clusters?format=json&filter=httpbin").await.body;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cluster = &json["cluster_statuses"][0];
    assert_eq!(cluster["name"], CLUSTER);
    assert_eq!(cluster["host_statuses"][0]["stats"][1]["type"], "GAUGE");
    assert_eq!(admin.get("/listeners").await.body, "l1::127.0.0.1:8080\n");
    let json = admin.get("/listeners?format=json").await.body;
    let expected = "{\n \"listener_statuses\": [\n  {\n   \"name\": \"l1\",\n   \"local_address\": {\n    \
                    \"socket_address\": {\n     \"address\": \"127.0.0.1\",\n     \"port_value\": 8080\n    \
                    }\n   }\n  }\n ]\n}\n";
    assert_eq!(json, expected);
}

#[tokio::test]
async fn pages_about_the_process() {
    let admin = Running::start().await;
    for (path, body) in [
        ("/certs", "{\n \"certificates\": []\n}\n"),
        ("/runtime", "{\n \"entries\": {},\n \"layers\": []\n}\n"),
        ("/init_dump", "{}\n"),
        ("/hot_restart_version", "disabled"),
        (
            "/contention",
            "Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.",
        ),
        (
            "/sluicegate/status?a=b&c",
            "false [(\"a\", \"b\"), (\"c\", \"\")]",
        ),
        (
            "/sluicegate/old?format=json",
            "true [(\"format\", \"json\")]",
        ),
    ] {
        let answer = admin.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    let memory = admin.get("/memory").await.body;
    assert!(
        memory.starts_with("{\n \"allocated\": \"0\",\n \"heap_size\": \"0\","),
        "{memory}"
    );
    let info = admin.get("/server_info").await.body;
    let start = "{\n \"version\": \"0.1.0\",\n \"state\": \"LIVE\",\n \"uptime_current_epoch\": \"0s\",\n \
                 \"uptime_all_epochs\": \"0s\",\n \"hot_restart_version\": \"disabled\",\n \
                 \"command_line_options\": {\n  \"base_id\": \"0\",\n  \"concurrency\": 0,\n";
    assert!(info.starts_with(start), "{info}");
    assert!(info.contains("  \"client_features\": [],\n"), "{info}");
    assert!(
        info.ends_with(" \"hot_restart_initializing\": false\n}\n"),
        "{info}"
    );
    let usage = admin.post("/runtime_modify").await;
    assert_eq!(usage.status, 400);
    assert!(usage.body.starts_with("usage: /runtime_modify?key1=value1"));
    let refused = admin.post("/runtime_modify?a=b").await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (503, "No admin layer specified")
    );
    let home = admin.get("/").await;
    assert!(home.head.contains("content-type: text/html; charset=UTF-8"));
    assert!(
        home.body
            .contains("<form action='quitquitquit' method='post'")
    );
    assert!(home.body.contains("<a href='sluicegate/status'>"));
}

/// Row 76.
#[tokio::test]
async fn stats() {
    let admin = Running::start().await;
    let group = Arc::new(ClusterStats::default());
    admin.registry.register("cluster.a.", &group);
    group.upstream_cx_total.inc();
    group.upstream_rq.inc(200);
    let expected = "cluster.a.upstream_cx_total: 1\ncluster.a.upstream_rq_200: 1\n\
                    cluster.a.upstream_rq_2xx: 1\ncluster.a.upstream_rq_completed: 1\n";
    assert_eq!(admin.get("/stats").await.body, expected);
    let prometheus = admin
        .get("/stats/prometheus?filter=rq_200&format=json")
        .await;
    assert_eq!(
        prometheus.body,
        "# TYPE envoy_cluster_upstream_rq counter\n\
         envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n"
    );
    let answer = admin.get("/stats?filter=(").await;
    let text = "Invalid re2 regex: missing ): (";
    assert_eq!((answer.status, answer.body.as_str()), (400, text));
    assert_eq!(admin.post("/reset_counters").await.body, "OK\n");
    let json = admin.get("/stats?format=json&filter=cx").await;
    assert_eq!(
        json.body,
        "{\"stats\":[{\"name\":\"cluster.a.upstream_cx_total\",\"value\":0}]}"
    );
    let html = admin.get("/stats?format=html&filter=%28cx%29").await.body;
    assert!(
        html.contains("<pre>\ncluster.a.upstream_cx_total: 0\n</pre>"),
        "{html}"
    );
}

#[tokio::test]
async fn nothing_kills_the_server() {
    let admin = Running::start().await;
    assert_eq!(admin.raw(b"\0\0\0\0\r\n\r\n").await.status, 400);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let status = admin.raw(long.as_bytes()).await.status;
    assert!([0, 414, 431].contains(&status), "{status}");
    let large = format!(
        "POST /ready HTTP/1.1\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n{}",
        "a".repeat(100_000)
    );
    let status = admin.raw(large.as_bytes()).await.status;
    assert!(status == 413 || status == 0, "{status}");
    assert_eq!(admin.get("/sluicegate/broken").await.status, 500);
    assert_eq!(admin.get("/ready").await.status, 200);
}

#[tokio::test]
async fn stops_when_told_to() {
    let admin = Running::start().await;
    assert_eq!(admin.get("/ready").await.status, 200);
    admin.stop.send(()).unwrap();
    admin.finished.await.unwrap();
    assert!(tokio::net::TcpStream::connect(admin.address).await.is_err());
}
