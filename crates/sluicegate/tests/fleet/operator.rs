// SPDX-License-Identifier: Apache-2.0
//! What the command line says of a real Envoy.

use serde_json::Value;
use sluicegate_testkit::eventually;

use crate::support::{Fleet, Setup, command};

fn json(output: &std::process::Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn diff_compares_an_envoy_with_manifests() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let manifests = fleet.folder.0.to_str().unwrap();
    let gateway = ["--gateway", "kgateway-system/http"];
    let same = command(&[&["diff", &envoy.url(), manifests], &gateway[..]].concat());
    assert!(same.status.success(), "{same:?}");
    assert_eq!(String::from_utf8(same.stdout).unwrap(), "no change\n");
    // Ours that serves it, too, and it is the same as its Envoy.
    let ours = command(&["diff", &fleet.url(), manifests]);
    assert_eq!(String::from_utf8(ours.stdout).unwrap(), "no change\n");

    let folder = crate::support::Folder::new();
    for file in ["gateway.yaml", "httpbin.yaml"] {
        let text = std::fs::read_to_string(fleet.folder.0.join(file)).unwrap();
        folder.write(file, &text);
    }
    let policy = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: limits, namespace: httpbin}
spec:
  targetRefs: [{group: '', kind: Service, name: httpbin}]
  connectTimeout: 7s
";
    folder.write("policy.yaml", policy);
    let later = folder.0.to_str().unwrap();
    let changed = command(&["diff", "-o", "json", &envoy.url(), later]);
    let changes = json(&changed);
    let [change] = changes.as_array().unwrap().as_slice() else {
        panic!("{changes:#}");
    };
    assert_eq!(change["field"], "connect_timeout");
    assert_eq!(
        (&change["old"], &change["new"]),
        (&"5s".into(), &"7s".into())
    );
    assert_eq!(change["names"][0], "kube_httpbin_httpbin_8000");
    let cause = &change["causes"][0];
    assert_eq!(cause["before"], Value::Null);
    assert_eq!(cause["after"]["source"], format!("{later}/policy.yaml:6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn top_watches_an_envoy() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let mut served = 0;
    eventually("times and rates of requests", async || {
        for _ in 0..20 {
            served += usize::from(fleet.get("/get").await.status() == 200);
        }
        let top = json(&command(&["top", "--admin", &envoy.url(), "-o", "json"]));
        assert_eq!(
            (&top["isEnvoy"], &top["server"]),
            (&true.into(), &"LIVE".into())
        );
        let mut rows = top["backends"].as_array().unwrap().iter();
        let row = rows.find(|row| row["cluster"] == "kube_httpbin_httpbin_8000")?;
        assert_eq!(
            (&row["state"], &row["usable"]),
            (&"healthy".into(), &1.into())
        );
        assert_eq!(row["headroom"]["of"], 1024);
        (row["p99Ms"].is_number() && row["endpoints"][0]["requests"].as_u64()? > 0).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error} after {served} requests"));
    let text = command(&["top", "--once", "--admin", &envoy.url()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("Envoy at http://"), "{text}");
}

/// An Envoy knows nothing of manifests: the way out is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_envoy_cannot_say_names_what_can() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let fleet = Fleet::start(Setup::of(true)).await;
    let envoy = fleet.envoy(&binary).await;
    let url = envoy.url();
    for arguments in [
        &["status", "--admin", &url][..],
        &["explain", "--admin", &url, "backend", "httpbin"],
    ] {
        let output = command(arguments);
        assert_eq!(output.status.code(), Some(3));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains("a real Envoy"), "{errors}");
        assert!(
            errors.contains(&format!("sluicegate diff {url} MANIFESTS")),
            "{errors}"
        );
    }
    let dump = command(&[
        "dump",
        "--admin",
        &url,
        "--resource",
        "dynamic_active_clusters",
    ]);
    assert_eq!(json(&dump)["configs"].as_array().unwrap().len(), 1);
}
