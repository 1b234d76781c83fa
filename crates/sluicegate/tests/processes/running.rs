// SPDX-License-Identifier: Apache-2.0
//! `diff` and `explain` against a running gateway.

use std::process::{Command, Output};

use crate::site::Site;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(arguments)
        .output()
        .unwrap()
}

const POLICY: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: limits}
spec:
  targetRefs: [{group: '', kind: Service, name: web}]
  circuitBreakers: {maxConnections: 77}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_differs_from_manifests_by_what_a_reload_would_change() {
    let site = Site::new().await;
    let _gateway = site.serving(&["--workers", "1"]).await;
    let url = format!("http://{}", site.admin);
    let same = site.folder.join("manifests");
    let output = run(&["diff", &url, same.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no change\n");

    let later = site.folder.join("later");
    std::fs::create_dir(&later).unwrap();
    std::fs::write(later.join("site.yaml"), site.manifests()).unwrap();
    std::fs::write(later.join("policy.yaml"), POLICY).unwrap();
    let later = later.to_str().unwrap();
    let output = run(&["diff", &url, later]);
    let expected = format!(
        "clusters\n\
         ~ circuit_breakers.thresholds[0].max_connections  none → 77\n    \
         in kube_default_web_80\n    \
         because BackendConfigPolicy default/limits circuitBreakers.maxConnections\n      \
         after  {later}/policy.yaml:6  77\n"
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    // The other way round, and two processes.
    let output = run(&["diff", later, &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("77 → none"), "{text}");
    let output = run(&["diff", &url, &url]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no change\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_explains_itself() {
    let site = Site::new().await;
    site.write("policy.yaml", POLICY);
    let _gateway = site.serving(&["--workers", "1"]).await;
    let url = format!("http://{}", site.admin);
    let explain = |more: &[&str]| {
        let arguments = [&["explain", "--admin", &url], more].concat();
        run(&arguments)
    };
    let files = site.folder.join("manifests");
    let text = explain(&["backend", "default/web:80"]);
    let here = run(&[
        "explain",
        "-f",
        files.to_str().unwrap(),
        "backend",
        "default/web:80",
    ]);
    assert!(text.status.success(), "{text:?}");
    assert_eq!(text.stdout, here.stdout);
    let json = explain(&["policy", "limits", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["name"], "default/limits");
    let unknown = explain(&["backend", "default/wep:80"]);
    assert_eq!(unknown.status.code(), Some(2));
    let errors = String::from_utf8(unknown.stderr).unwrap();
    assert!(errors.contains("did you mean default/web:80?"), "{errors}");
}
