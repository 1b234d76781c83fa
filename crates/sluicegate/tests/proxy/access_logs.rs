// SPDX-License-Identifier: Apache-2.0
//! Access logs of the shipped binary: rotated by SIGUSR1 and the admin API, whole at the end.

use std::fs;

use sluicegate_testkit::{eventually, free_address};

use super::support::{Folder, Process, request};

const BOOTSTRAP: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ADMIN}}}
static_resources:
  listeners:
  - name: only
    address: {socket_address: {address: 127.0.0.1, port_value: GATEWAY}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: FILE
              log_format: {text_format_source: {inline_string: "%REQ(:PATH)%\n"}}
          - name: stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {text_format_source: {inline_string: "stdout %REQ(:PATH)%\n"}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, direct_response: {status: 200}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

/// Lines wait for ten seconds or the end: whatever is found before that was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_opened_anew_and_nothing_is_lost() {
    let folder = Folder::new();
    let (gateway, admin) = (free_address(), free_address());
    let file = folder.0.join("access.log");
    let text = BOOTSTRAP
        .replace("ADMIN", &admin.port().to_string())
        .replace("GATEWAY", &gateway.port().to_string())
        .replace("FILE", file.to_str().unwrap());
    let mut process = Process::ours(&folder, &folder.write("envoy.yaml", &text));
    process.ready(admin).await;
    let ask = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(request(gateway, &head).starts_with("HTTP/1.1 200 "));
    };
    let rotated = |name: &str| {
        let aside = folder.0.join(name);
        fs::rename(&file, &aside).unwrap();
        aside
    };
    let opened = async || file.exists().then_some(());
    ask("/first");
    let first = rotated("first.log");
    process.signal("-USR1");
    eventually("the file is opened anew", opened).await.unwrap();
    ask("/second");
    let second = rotated("second.log");
    let reopen = "POST /reopen_logs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(request(admin, reopen).starts_with("HTTP/1.1 200 "));
    eventually("the file is opened anew", opened).await.unwrap();
    ask("/third");
    process.signal("-TERM");
    process.wait();
    let logs = [first, second, file].map(|path| fs::read_to_string(path).unwrap());
    assert_eq!(logs.concat(), "/first\n/second\n/third\n");
    let said = process.said();
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("stdout"))
        .collect();
    assert_eq!(lines, ["stdout /first", "stdout /second", "stdout /third"]);
}
