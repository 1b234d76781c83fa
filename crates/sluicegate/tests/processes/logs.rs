// SPDX-License-Identifier: Apache-2.0
//! Access logs that manifests and the command line ask for.

use serde_json::{Value, json};
use sluicegate_testkit::{RawClient, eventually};

use super::site::Site;

const FLUSH: [&str; 2] = ["--file-flush-interval-msec", "20"];

/// What the Gateway of the site writes, told by both kinds. `FOLDER` is the site's.
const KINDS: &str = r#"apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: telling}
spec:
  telemetry:
    accessLog:
      settings:
      - format: {type: Text, text: "%REQ(:PATH)% %RESPONSE_CODE% %CONNECTION_TERMINATION_DETAILS%\n"}
        type: Route
        sinks: [{type: File, file: {path: FOLDER/text.log}}]
      - sinks: [{type: File, file: {path: FOLDER/default.log}}]
      - format: {type: Text, text: "%ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_CODE%\n"}
        type: Listener
        sinks: [{type: File, file: {path: FOLDER/listener.log}}]
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {name: errors}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: http}]
  accessLog:
  - fileSink:
      path: FOLDER/errors.json
      jsonFormat: {path: "%REQ(:PATH)%", status: "%RESPONSE_CODE%", why: "%RESPONSE_CODE_DETAILS%"}
    filter: {statusCodeFilter: {op: GE, value: 400}}
"#;

/// Starting up asks as well: its lines are left out.
fn asked_here(content: &str) -> Vec<&str> {
    let lines = content.lines().filter(|line| line.contains("/status/"));
    lines.collect()
}

async fn ask(site: &Site, paths: &[&str]) {
    for path in paths {
        let mut client = RawClient::connect(site.gateway).await.unwrap();
        client.get("web", path).await.unwrap();
    }
}

/// Waits until the last request has its line.
async fn written(site: &Site, name: &str, last: &str) -> String {
    let there = async || Some(site.read(name)).filter(|text| text.contains(last));
    eventually(name, there).await.unwrap()
}

#[tokio::test]
async fn both_kinds_write_what_they_ask_for() {
    let site = Site::new().await;
    let folder = site.folder();
    let manifests = site.manifests();
    let referring = "gatewayClassName: kgateway
  infrastructure: {parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: telling}}";
    let manifests = manifests.replace("gatewayClassName: kgateway", referring);
    site.write("site.yaml", &manifests);
    site.write("telling.yaml", &KINDS.replace("FOLDER", &folder));
    let _process = site.serving(&FLUSH).await;
    ask(&site, &["/status/200", "/status/404", "/status/503"]).await;

    let text = written(&site, "text.log", "/status/503").await;
    assert_eq!(
        asked_here(&text),
        [
            "/status/200 200 -",
            "/status/404 404 -",
            "/status/503 503 -"
        ]
    );
    let errors = written(&site, "errors.json", "/status/503").await;
    let error = |status: u16| json!({ "path": format!("/status/{status}"), "status": status, "why": "via_upstream" });
    let told: Vec<Value> = asked_here(&errors)
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told, [error(404), error(503)]);
    let default = written(&site, "default.log", "/status/503").await;
    let line: Value = serde_json::from_str(asked_here(&default)[0]).unwrap();
    assert_eq!(line.as_object().unwrap().len(), 24, "{line}");
    assert_eq!(line["x-envoy-origin-path"], "/status/200");
    assert_eq!(line["response_code"], 200);
    assert_eq!(line["upstream_host"], site.origin_address());
    assert_eq!(line["connection_termination_details"], Value::Null);
    // A connection without a request may be among them.
    written(&site, "listener.log", "NotSet HTTP/1.1 0\n").await;
}

/// Envoy's own line, for Gateways that say nothing themselves.
#[tokio::test]
async fn the_command_line_asks_for_a_log_of_all_others() {
    let site = Site::new().await;
    let file = format!("{}/all.log", site.folder());
    let arguments = [FLUSH[0], FLUSH[1], "--access-log", &file];
    let process = site.serving(&arguments).await;
    ask(&site, &["/status/418"]).await;
    let text = written(&site, "all.log", "/status/418").await;
    let line = asked_here(&text)[0];
    let (time, line) = line.split_once("] ").unwrap();
    assert_eq!(time.len(), "[2026-11-22T04:57:02.476Z".len(), "{time}");
    assert!(
        line.starts_with("\"GET /status/418 HTTP/1.1\" 418 - 0 "),
        "{line}"
    );
    let end = format!("\"web\" \"{}\"", site.origin_address());
    assert!(line.ends_with(&end), "{line}");
    drop(process);

    let site = Site::new().await;
    let file = format!("{}/all.log", site.folder());
    let errors = KINDS.split_once("---\n").unwrap().1;
    site.write("errors.yaml", &errors.replace("FOLDER", &site.folder()));
    let arguments = [FLUSH[0], FLUSH[1], "--access-log", &file];
    let _process = site.serving(&arguments).await;
    ask(&site, &["/status/418"]).await;
    written(&site, "errors.json", "/status/418").await;
    assert_eq!(site.read("all.log"), "", "it says something itself");
}
