// SPDX-License-Identifier: Apache-2.0
//! Commands that ask an API server in place of files.
//!
//! In: the example in a directory and at an API server. Out: the same answers, with nothing but
//! `list`; and words for whatever is missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sluicegate_testkit::eventually;

use crate::{
    crds::install,
    harness::repository,
    support::{ApiServer, Gateway, own_address},
};

/// How a command ended.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Standard output as JSON, without what says where and in which order something was written.
    fn json(&self) -> Value {
        let mut value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}", self.stderr));
        without_places(&mut value);
        value
    }
}

fn run(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nowhere")
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn without_places(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            for name in [
                "source",
                "origin",
                "file",
                "line",
                "column",
                "endLine",
                "endColumn",
            ] {
                entries.remove(name);
            }
            entries.values_mut().for_each(without_places);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(without_places);
            // Settings stand as they were written, and an API server keeps no order of fields.
            items.sort_by_key(Value::to_string);
        }
        _ => {}
    }
}

/// What a command prints that succeeds.
pub(crate) fn stdout(arguments: &[&str]) -> String {
    let run = run(arguments);
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    run.stdout
}

/// The findings of `check` about ports that Gateways do not get.
pub(crate) fn unavailable(api: &ApiServer) -> Vec<Value> {
    let kubeconfig = api.kubeconfig().display().to_string();
    let check = [
        "check",
        "--kubernetes",
        "-o",
        "json",
        "--kubeconfig",
        &kubeconfig,
    ];
    let found = run(&check).json()["diagnostics"].clone();
    let found = found.as_array().unwrap().iter();
    let of_ports = found.filter(|it| it["code"] == "PortUnavailable");
    of_ports.cloned().collect()
}

/// The names of the listeners that the objects of an API server come to.
pub(crate) fn listeners(api: &ApiServer, more: &[&str]) -> Vec<String> {
    let kubeconfig = api.kubeconfig().display().to_string();
    let translate = ["translate", "--kubernetes", "--kubeconfig", &kubeconfig];
    let of_type = ["--type", "listeners", "-o", "json"];
    let text = stdout(&[&translate[..], &of_type, more].concat());
    let listeners: Value = serde_json::from_str(&text).unwrap();
    let listeners = listeners.as_array().unwrap().iter();
    let names = listeners.map(|it| it["name"].as_str().unwrap().to_owned());
    names.collect()
}

/// What `diff` finds of listeners and routes between an API server and manifests, and between the
/// process that serves it and the same manifests.
pub(crate) fn changed(api: &ApiServer, gateway: &Gateway, manifests: &Path) -> [Vec<Value>; 3] {
    let kubeconfig = api.kubeconfig().display().to_string();
    let (url, manifests) = (gateway.url(), manifests.display().to_string());
    [
        of_listeners(&["--kubernetes", "--kubeconfig", &kubeconfig, &manifests]),
        of_listeners(&[&url, &manifests]),
        of_listeners(&[&manifests, &url]),
    ]
}

fn of_listeners(sides: &[&str]) -> Vec<Value> {
    let text = stdout(&[&["diff", "-o", "json"], sides].concat());
    let changes: Value = serde_json::from_str(&text).unwrap();
    let changes = changes.as_array().unwrap().iter();
    let of_listeners = changes.filter(|it| it["type"] == "listeners" || it["type"] == "routes");
    of_listeners.cloned().collect()
}

/// The example with an endpoint that an API server takes, and a certificate.
fn write_manifests(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in ["gateway.yaml", "httpbin.yaml", "policy.yaml"] {
        let text = fs::read_to_string(repository().join("examples/httpbin").join(name)).unwrap();
        let text = text.replace("127.0.0.1", &own_address().to_string());
        fs::write(folder.join(name), text).unwrap();
    }
    let pem = |name: &str| {
        let text = fs::read_to_string(repository().join("tests/certificates").join(name)).unwrap();
        text.replace('\n', "\n    ")
    };
    let secret = format!(
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\n\
         metadata: {{name: web, namespace: kgateway-system}}\nstringData:\n  tls.crt: |\n    {}\n  \
         tls.key: |\n    {}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
         metadata: {{name: https, namespace: kgateway-system}}\nspec:\n  gatewayClassName: kgateway\n  \
         listeners: [{{name: https, port: 8443, protocol: HTTPS, tls: {{certificateRefs: [{{name: \
         web}}]}}}}]\n",
        pem("tls.crt"),
        pem("tls.key")
    );
    fs::write(folder.join("https.yaml"), secret).unwrap();
}

/// An API server with the example, a folder with the same, and a kubeconfig for who may only list.
async fn example() -> Option<(ApiServer, PathBuf, String)> {
    let api = ApiServer::start(&["gateway-api"]).await?;
    install(&api).await;
    let folder = api.folder().join("manifests");
    write_manifests(&folder);
    let path = folder.display().to_string();
    api.kubectl(&["create", "namespace", "kgateway-system"]);
    api.kubectl(&["create", "namespace", "httpbin"]);
    api.kubectl(&["apply", "-f", &path]);
    // What every API server has of itself, once it has told where it is.
    let itself = async || {
        let slice = api.run(&["get", "endpointslice", "kubernetes"], "");
        slice.status.success().then_some(())
    };
    eventually("the API server's own endpoint", itself)
        .await
        .unwrap();
    let own = [
        "services,endpointslices,configmaps,namespaces",
        "-A",
        "-o",
        "yaml",
    ];
    let own = api.kubectl(&[&["get"], own.as_slice()].concat());
    fs::write(folder.join("own.yaml"), own).unwrap();
    // Their own form stands in own.yaml already.
    fs::remove_file(folder.join("httpbin.yaml")).unwrap();
    let kubeconfig = lister(&api);
    Some((api, folder, kubeconfig))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_say_of_an_api_server_what_they_say_of_files() {
    let Some((api, folder, kubeconfig)) = example().await else {
        return;
    };
    let path = folder.display().to_string();
    let cluster = ["--kubernetes", "--kubeconfig", &kubeconfig];
    for command in [
        ["check", "-o", "json"].as_slice(),
        &["status", "-o", "json"],
        &["translate", "-o", "json"],
        &["translate", "-o", "json", "--show-secrets"],
        &["explain", "-o", "json", "backend", "httpbin/httpbin:8000"],
        &["explain", "-o", "json", "route", "httpbin/httpbin"],
        &[
            "explain",
            "-o",
            "json",
            "policy",
            "httpbin/httpbin-connection",
        ],
    ] {
        let files = match command[0] {
            "explain" => vec!["-f", &path],
            _ => vec![path.as_str()],
        };
        let from_files = run(&[command, &files].concat());
        let from_cluster = run(&[command, &cluster].concat());
        assert_eq!(from_files.json(), from_cluster.json(), "{command:?}");
        assert_eq!(from_files.code, from_cluster.code, "{command:?}");
        let secret = from_cluster.stdout.contains("PRIVATE KEY");
        assert_eq!(secret, command.contains(&"--show-secrets"), "{command:?}");
    }
    let people = run(&[
        &["explain", "backend", "httpbin/httpbin:8000"],
        cluster.as_slice(),
    ]
    .concat());
    let place = "BackendConfigPolicy httpbin/httpbin-connection";
    assert!(people.stdout.contains(place), "{}", people.stdout);

    let role = ["patch", "clusterrole", "lister", "--type=json", "-p"];
    let without_secrets = r#"[{"op":"replace","path":"/rules/0/resources/0","value":"pods"}]"#;
    api.kubectl(&[role.as_slice(), &[without_secrets]].concat());
    let forbidden = run(&[&["check"], cluster.as_slice()].concat());
    assert_eq!(forbidden.code, Some(3));
    assert!(
        forbidden
            .stderr
            .contains("Secret cannot be listed: secrets is forbidden"),
        "{}",
        forbidden.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn diff_says_what_an_apply_would_change() {
    let Some((api, folder, kubeconfig)) = example().await else {
        return;
    };
    let old = folder.display().to_string();
    let diff = |sides: &[&str]| {
        let cluster = ["--kubernetes", "--kubeconfig", &kubeconfig];
        let cluster = if sides.len() == 1 { &cluster[..] } else { &[] };
        run(&[&["diff", "-o", "json"], cluster, sides].concat())
    };
    assert_eq!(diff(&[&old]).json(), Value::Array(Vec::new()));

    let changed = folder.with_file_name("changed");
    fs::create_dir_all(&changed).unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("connectTimeout: 5s", "connectTimeout: 7s");
        fs::write(changed.join(file.file_name().unwrap()), text).unwrap();
    }
    let new = changed.display().to_string();
    let of_cluster = diff(&[&new]);
    let fields = |run: &Run| {
        let changes = run.json();
        let changes = changes.as_array().unwrap().iter();
        // Endpoints are sent again with their cluster, and have no field that changes.
        let fields = changes.filter_map(|it| Some(it["field"].as_str()?.to_owned()));
        fields.collect::<Vec<_>>()
    };
    assert_eq!(
        fields(&of_cluster),
        ["connect_timeout"],
        "{}",
        of_cluster.stdout
    );
    assert_eq!(of_cluster.json(), diff(&[&old, &new]).json());
    for part in [
        "BackendConfigPolicy httpbin/httpbin-connection",
        "policy.yaml:",
    ] {
        assert!(of_cluster.stdout.contains(part), "{}", of_cluster.stdout);
    }

    let policy = changed.join("policy.yaml").display().to_string();
    api.kubectl(&["apply", "-f", &policy]);
    assert_eq!(diff(&[&new]).json(), Value::Array(Vec::new()));
}

/// A kubeconfig for somebody who may list, and nothing else.
fn lister(api: &ApiServer) -> String {
    api.kubectl(&["create", "serviceaccount", "lister"]);
    // Secrets come first: see above.
    let resources = "--resource=secrets,services,configmaps,namespaces,endpointslices.discovery.k8s.io,\
                     gatewayclasses.gateway.networking.k8s.io,gateways.gateway.networking.k8s.io,\
                     httproutes.gateway.networking.k8s.io,grpcroutes.gateway.networking.k8s.io,\
                     tcproutes.gateway.networking.k8s.io,tlsroutes.gateway.networking.k8s.io,\
                     udproutes.gateway.networking.k8s.io,\
                     listenersets.gateway.networking.k8s.io,referencegrants.gateway.networking.k8s.io,\
                     tcproutes.gateway.networking.k8s.io,tlsroutes.gateway.networking.k8s.io,\
                     udproutes.gateway.networking.k8s.io,\
                     backendtlspolicies.gateway.networking.k8s.io,\
                     backendconfigpolicies.gateway.kgateway.dev,backends.gateway.kgateway.dev,\
                     backendtrafficpolicies.gateway.envoyproxy.io,\
                     httplistenerpolicies.gateway.kgateway.dev,envoyproxies.gateway.envoyproxy.io";
    api.kubectl(&["create", "clusterrole", "lister", "--verb=list", resources]);
    let account = "--serviceaccount=default:lister";
    api.kubectl(&[
        "create",
        "clusterrolebinding",
        "lister",
        "--clusterrole=lister",
        account,
    ]);
    let token = api.kubectl(&["create", "token", "lister"]);
    let path = api.folder().join("kubeconfig-lister");
    fs::write(&path, api.kubeconfig_of(token.trim())).unwrap();
    path.display().to_string()
}

#[test]
fn who_cannot_be_asked_is_named() {
    let nothing = run(&["check", "--kubernetes"]);
    assert_eq!(nothing.code, Some(3));
    assert!(
        nothing.stderr.contains("give --kubeconfig"),
        "{}",
        nothing.stderr
    );

    let missing = run(&["status", "--kubernetes", "--kubeconfig", "/nowhere/config"]);
    assert_eq!(missing.code, Some(3));
    for part in ["/nowhere/config", "check --kubeconfig and --context"] {
        assert!(missing.stderr.contains(part), "{}", missing.stderr);
    }

    let path = std::env::temp_dir().join(format!("sluicegate-refused-{}", std::process::id()));
    // A port that nobody listens at.
    let text = "{apiVersion: v1, kind: Config, current-context: a, users: [{name: a, user: {}}], \
                clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], \
                contexts: [{name: a, context: {cluster: a, user: a}}]}";
    fs::write(&path, text).unwrap();
    let file = path.display().to_string();
    let refused = run(&["translate", "--kubernetes", "--kubeconfig", &file]);
    assert_eq!(refused.code, Some(3));
    for part in ["http://127.0.0.1:1", "Connection refused", "--kubeconfig"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let context = run(&[
        "check",
        "--kubernetes",
        "--kubeconfig",
        &file,
        "--context",
        "b",
    ]);
    assert_eq!(context.code, Some(3));
    assert!(context.stderr.contains("context"), "{}", context.stderr);
    fs::remove_file(path).unwrap();
}
