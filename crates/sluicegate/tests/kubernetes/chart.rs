// SPDX-License-Identifier: Apache-2.0
//! The Helm chart, and the plain manifest that is made from it.
//!
//! In: the chart with several sets of values, rendered by the real Helm. Out: what the API server and
//! our own command line say to the renderings. `UPDATE_CASES=1` writes the generated files.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use clap::Parser;
use serde_json::{Value, json};
use sluicegate::{cli::Cli, crds, output::yaml};
use sluicegate_manifest::{SourceText, parse};
use sluicegate_testkit::{eventually, helm_binary};

use crate::{
    harness::repository,
    support::{ApiServer, get_page},
};

/// Where the renderings are for.
pub(crate) const NAMESPACE: &str = "sluicegate-system";

/// Renders the chart with values; `None` where tests do without Kubernetes.
pub(crate) fn render(values: &Value) -> Option<String> {
    let helm = helm_binary()?;
    let file = std::env::temp_dir().join(format!(
        "sluicegate-values-{}-{:?}.json",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::write(&file, values.to_string()).unwrap();
    let output = Command::new(helm)
        .args(["template", "sluicegate"])
        .arg(repository().join("charts/sluicegate"))
        .args(["--namespace", NAMESPACE, "--kube-version", "1.36.0"])
        .arg("--values")
        .arg(&file)
        .output()
        .unwrap();
    fs::remove_file(file).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{values}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The objects of a rendering.
pub(crate) fn objects(rendered: &str) -> Vec<Value> {
    let parsed = parse(std::sync::Arc::new(SourceText::new(
        "chart",
        rendered.to_owned(),
    )));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let documents = parsed.documents.iter();
    documents.map(|it| it.root.to_json()).collect()
}

/// The objects of a kind.
pub(crate) fn of_kind(rendered: &str, kind: &str) -> Vec<Value> {
    let objects = objects(rendered).into_iter();
    objects.filter(|it| it["kind"] == kind).collect()
}

/// The other mode.
pub(crate) fn fleet() -> Value {
    json!({ "mode": "fleet", "fleet": { "tlsSecret": "ads-tls" } })
}

/// Values that together reach every branch of the templates.
fn values() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("defaults", json!({})),
        ("fleet", fleet()),
        (
            "another fleet",
            json!({
                "mode": "fleet",
                "lowPorts": false,
                "networkPolicy": { "enabled": true },
                "service": {
                    "type": "ClusterIP",
                    "annotations": { "example.test/a": "b" },
                    "loadBalancerClass": "",
                },
                "admission": { "enabled": true, "warnOnly": true, "policies": "Deny" },
                "fleet": { "tlsSecret": "ads-tls", "replicas": 3, "image": "envoy:mine" },
            }),
        ),
        (
            "everything",
            json!({
                "image": { "tag": "1.2.3" },
                "imagePullSecrets": [{ "name": "pull" }],
                "extraArgs": ["--max-connections=1000"],
                "admission": { "enabled": true, "tlsSecret": "theirs", "caBundle": "eA==" },
                "service": {
                    "mode": "shared",
                    "annotations": { "example.test/a": "b" },
                    "loadBalancerClass": "example.test/lb",
                },
                "serviceAccount": { "name": "other", "annotations": { "example.test/a": "b" } },
                "networkPolicy": { "enabled": true },
                "podAnnotations": { "example.test/a": "b" },
                "podLabels": { "example.test/a": "b" },
                "nodeSelector": { "kubernetes.io/os": "linux" },
                "tolerations": [{ "key": "edge", "operator": "Exists" }],
                "affinity": { "nodeAffinity": {} },
                "topologySpread": [{
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                }],
            }),
        ),
        (
            "nothing optional",
            json!({
                "lowPorts": false,
                "service": { "mode": "none" },
                "gatewayClass": { "create": false },
                "serviceAccount": { "create": false, "name": "theirs" },
                "rbac": { "create": false },
                "podDisruptionBudget": { "enabled": false },
            }),
        ),
    ])
}

/// `text` is what the file has; `UPDATE_CASES=1` writes it.
fn compare(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let written = fs::read_to_string(file).unwrap_or_default();
    let path = file.display();
    assert!(
        written == text,
        "{path} is out of date; run with UPDATE_CASES=1"
    );
}

#[test]
fn definitions_of_the_chart_are_ours() {
    let folder = repository().join("charts/sluicegate/crds");
    for definition in crds::ALL {
        let file = folder.join(format!("{}.yaml", definition.name()));
        compare(&file, &yaml::to_string(&definition.manifest()));
    }
    let files = fs::read_dir(&folder).unwrap();
    assert_eq!(files.count(), crds::ALL.len());
}

#[test]
fn admission_policies_of_the_chart_are_ours() {
    let folder = repository().join("charts/sluicegate/policies");
    for definition in crds::ALL {
        let file = folder.join(format!("{}.yaml", definition.name()));
        compare(&file, &yaml::to_string(&crds::policy(definition)));
    }
    let files = fs::read_dir(&folder).unwrap();
    assert_eq!(files.count(), crds::ALL.len());
    let Some(rendered) = render(&json!({ "admission": { "policies": "Warn" } })) else {
        return;
    };
    let kinds = [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    let [policies, bindings] = kinds.map(|kind| of_kind(&rendered, kind));
    for definition in crds::ALL {
        let ours = crds::policy(definition);
        assert!(policies.iter().any(|it| it["spec"] == ours["spec"]));
        let ours = crds::binding(definition, crds::Action::Warn);
        assert!(bindings.iter().any(|it| it["spec"] == ours["spec"]));
    }
}

#[test]
fn plain_manifest_is_the_rendered_chart() {
    let Some(rendered) = render(&json!({})) else {
        return;
    };
    let by_helm = |line: &&str| line.trim() == "app.kubernetes.io/managed-by: Helm";
    let lines = rendered.lines().filter(|line| !by_helm(line));
    let rendered: String = lines.map(|line| format!("{line}\n")).collect();
    let text = format!("{HEADER}{rendered}");
    compare(&repository().join("deploy/sluicegate.yaml"), &text);
}

const HEADER: &str = "\
# SPDX-License-Identifier: Apache-2.0
# charts/sluicegate with its default values, in a namespace of its own; a test keeps it in step.
# The definitions of Gateway API come first, and ours: kubectl apply --server-side -f charts/sluicegate/crds
apiVersion: v1
kind: Namespace
metadata:
  name: sluicegate-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_takes_every_rendering_and_its_pods_are_restricted() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    api.apply(HEADER);
    let strict = ["--dry-run=server", "--validate=strict", "-f", "-"];
    for (name, values) in values() {
        let rendered = render(&values).unwrap();
        let output = api.run(&[&["apply"], &strict[..]].concat(), &rendered);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        // A Deployment that breaks the standard is only warned of.
        assert_eq!(errors, "", "{name}");
        for deployment in of_kind(&rendered, "Deployment") {
            let mut pod = deployment["spec"]["template"].clone();
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            pod["metadata"]["name"] = "one".into();
            pod["metadata"]["namespace"] = NAMESPACE.into();
            api.kubectl_with(&[&["create"], &strict[..]].concat(), &pod.to_string());
        }
    }
    let plain = fs::read_to_string(repository().join("deploy/sluicegate.yaml")).unwrap();
    api.kubectl_with(&[&["apply"], &strict[..]].concat(), &plain);
}

#[test]
fn arguments_and_times_of_pods_fit_the_binary() {
    for (name, values) in values() {
        let Some(rendered) = render(&values) else {
            return;
        };
        for deployment in of_kind(&rendered, "Deployment") {
            let pod = &deployment["spec"]["template"]["spec"];
            let container = &pod["containers"][0];
            let arguments = container["args"].as_array().unwrap().iter();
            let arguments: Vec<&str> = arguments.map(|it| it.as_str().unwrap()).collect();
            let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
            let sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
            let whole = [&["sluicegate"], &arguments[..]].concat();
            if let Err(error) = Cli::try_parse_from(whole) {
                panic!("{name}: {error}");
            }
            let drain = arguments.iter();
            let mut drain = drain.filter_map(|it| it.strip_prefix("--drain-time="));
            let drain: u64 = drain.next().unwrap().parse().unwrap();
            assert!(grace > sleep.unwrap() + drain, "{name}");
        }
    }
}

#[test]
fn the_image_is_what_the_chart_runs() {
    let Some(rendered) = render(&json!({})) else {
        return;
    };
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let container_file = read("Containerfile");
    let last_stage = container_file.rsplit_once("FROM ").unwrap().1;
    let has = |line: &str| assert!(last_stage.contains(line), "no {line:?} in {last_stage}");
    let deployment = of_kind(&rendered, "Deployment").remove(0);
    let pod = &deployment["spec"]["template"]["spec"];
    let (user, group) = (
        &pod["securityContext"]["runAsUser"],
        &pod["securityContext"]["runAsGroup"],
    );
    has(&format!("USER {user}:{group}\n"));
    // The chart gives arguments only.
    assert!(pod["containers"][0]["command"].is_null());
    has("ENTRYPOINT [\"/sluicegate\"]");
    let made = read("scripts/static.sh");
    let made = made.trim_end().rsplit_once("echo ").unwrap().1;
    has(&format!("COPY {made} /sluicegate\n"));
    let version = env!("CARGO_PKG_VERSION");
    has(&format!("image.version=\"{version}\""));
    let image = pod["containers"][0]["image"].as_str().unwrap();
    assert_eq!(image, format!("sluicegate:{version}"));
    let authorities = sluicegate_translate::Options::default().system_ca_file;
    has(&format!(" {authorities}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_tell_a_process_that_lives_from_one_that_is_ready() {
    let Some(mut api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    api.kill();
    let gateway = api
        .gateway_with(&api.kubeconfig(), |config| {
            config.health_address = Some(([127, 0, 0, 1], 0).into());
            // As in fleet mode, where nothing of the data plane says no.
            config.data_plane = false;
        })
        .await;
    let health = gateway.health_address();
    assert_eq!(get_page(health, "/live").await.0, 200);
    let (status, text) = get_page(health, "/ready").await;
    assert_eq!((status, text.as_str()), (503, "PRE_INITIALIZING\n"));
    assert_eq!(get_page(health, "/config_dump").await.0, 404);
    api.resume().await;
    let ready = async || (get_page(health, "/ready").await.0 == 200).then_some(());
    eventually("to be ready", ready).await.unwrap();
    gateway.stop().await;
}
