// SPDX-License-Identifier: Apache-2.0
//! Access logs by Envoy: an EnvoyProxy and an HTTPListenerPolicy of one Gateway, each with a file in
//! its own format, and a policy that Envoy would refuse and does not get.

use std::fs;

use sluicegate_testkit::eventually;

use crate::support::{Fleet, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_written_in_the_formats_that_manifests_say() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let (text, json) = (
        fleet.folder.path(".text.log"),
        fleet.folder.path(".json.log"),
    );
    fleet
        .folder
        .write("telemetry.yaml", &manifests(&text, &json));
    let line = eventually("a line of text", async || {
        fleet.get("/get?a=b").await;
        let written = fs::read_to_string(&text).ok()?;
        written.lines().next().map(str::to_owned)
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
    assert_eq!(line, "GET /get?a=b 200 100%");
    fleet.get("/status/503").await;
    let line = eventually("a line of JSON", async || {
        fs::read_to_string(&json)
            .ok()?
            .lines()
            .next()
            .map(str::to_owned)
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let expected = serde_json::json!({ "path": "/status/503", "response": { "code": 503 } });
    assert_eq!(line, expected);
    let refused = fleet.status("HTTPListenerPolicy", "refused").await;
    assert!(refused.contains("there is no %NOPE%"), "{refused}");
    assert!(envoy.dump().await.contains("OpenTelemetryConfig"));
}

fn manifests(text: &str, json: &str) -> String {
    format!(
        r#"
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: kgateway}}
spec:
  controllerName: kgateway.dev/kgateway
  parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, namespace: kgateway-system, name: edge}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{name: edge, namespace: kgateway-system}}
spec:
  telemetry:
    accessLog:
      settings:
        - format: {{type: Text, text: "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% 100%%\n"}}
          sinks: [{{type: File, file: {{path: {text}}}}}]
    tracing:
      provider: {{type: OpenTelemetry, host: 127.0.0.1, port: 9}}
      customTags: {{env: {{type: Literal, literal: {{value: test}}}}}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {{name: errors, namespace: kgateway-system}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: http}}]
  accessLog:
    - fileSink: {{path: {json}, jsonFormat: {{path: "%REQ(:PATH)%", response: {{code: "%RESPONSE_CODE%"}}}}}}
      filter: {{statusCodeFilter: {{op: GE, value: 500}}}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {{name: refused, namespace: kgateway-system}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: http}}]
  accessLog:
    - fileSink: {{path: {json}, stringFormat: "%NOPE%"}}
"#
    )
}
