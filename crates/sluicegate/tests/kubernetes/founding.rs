// SPDX-License-Identifier: Apache-2.0
//! The founding documents, step by step, in a shell.
//!
//! In: their commands as they are printed, the real `kubectl`, the shipped binary. Out: the outputs
//! that they promise, and the session as `docs/kubernetes-session.md`; `UPDATE_DOCS=1` writes it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::{
    documents::{assert_shows, commands, example_output, manifests, seed},
    harness::repository,
    shipped::Shipped,
    support::{ApiServer, own_address},
};

const CONNECTION: &str = "000_c8f54e3f9dbeff2a.txt";
const ATTACHMENT: &str = "001_74973c71868e9fb0.txt";
const TRAFFIC: &str = "002_ffee2fb803b5781a.txt";
const KEEPALIVE: &str = "003_4a7ee5975684ffcd.txt";
const HTTPBIN: &str = "kube_httpbin_httpbin_8000";

/// A shell beside an API server and a gateway, and what was typed and seen in it.
struct Terminal<'a> {
    api: &'a ApiServer,
    folder: PathBuf,
    /// Where the Gateway listens; people read 8080.
    port: u16,
    session: String,
}

impl Terminal<'_> {
    /// Runs a command that must succeed; what it prints.
    fn run(&mut self, command: &str) -> String {
        let text = self.shell(command);
        let prompt = format!("$ {}\n", command.replace('\n', "\n> "));
        self.session.push_str(&prompt);
        let shown = lasting(&text).replace(&self.port.to_string(), "8080");
        self.session.push_str(&shown);
        text
    }

    /// The same once it prints `wanted`: a plan takes a moment longer than a status.
    async fn prints(&mut self, command: &str, wanted: &str) {
        let same = async || (self.shell(command) == wanted).then_some(());
        eventually(command, same).await.unwrap();
        self.run(command);
    }

    fn shell(&self, command: &str) -> String {
        let path = std::env::var("PATH").unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_sluicegate"));
        let folders = [self.api.binaries(), binary.parent().unwrap()];
        let folders = folders.map(|it| it.display().to_string()).join(":");
        let output = Command::new("bash")
            .args(["-c", &command.replace("8080", &self.port.to_string())])
            .current_dir(&self.folder)
            .env("PATH", format!("{folders}:{path}"))
            .env("KUBECONFIG", self.api.kubeconfig())
            .env("HOME", &self.folder)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A new part of the session.
    fn part(&mut self, title: &str, words: &str) {
        let end = if self.session.is_empty() {
            ""
        } else {
            "```\n\n"
        };
        let part = format!("{end}## {title}\n\n{words}\n\n```console\n");
        self.session.push_str(&part);
    }

    /// The config dump, taken as the documents take it, and the cluster in it.
    fn dump(&mut self, command: &str, namespace: &str) -> (String, Value) {
        self.run(command);
        let file = self.folder.join("gateway-config.json");
        let dump = fs::read_to_string(file).unwrap();
        let text = self.run(&format!(
            "jq '.configs[].dynamic_active_clusters[]?.cluster | select(.name == \
             \"kube_{namespace}_httpbin_8000\")' \
             gateway-config.json"
        ));
        (dump, serde_json::from_str(&text).unwrap())
    }

    /// Waits until every policy of `kind` in the namespace says this of itself.
    async fn accepted(&self, kind: &str, namespace: &str) {
        let accepted = async || {
            let list = self.api.get(namespace, kind);
            let items = list["items"].as_array().unwrap();
            let says = |it: &Value| {
                let conditions = &it["status"]["ancestors"][0]["conditions"];
                let conditions = conditions.as_array().into_iter().flatten();
                let mut accepted = conditions.filter(|it| it["type"] == "Accepted");
                accepted.any(|condition| {
                    condition["status"] == "True"
                        && condition["observedGeneration"] == it["metadata"]["generation"]
                })
            };
            (!items.is_empty() && items.iter().all(says)).then_some(())
        };
        let what = format!("{kind} of {namespace} to be accepted");
        eventually(&what, accepted).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_the_founding_documents_works_as_printed() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    let folder = api.folder().join("home");
    fs::create_dir_all(&folder).unwrap();
    let admin = admin_address(&folder);
    let mut terminal = Terminal {
        api: &api,
        folder,
        port: free_port(),
        session: String::new(),
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    before_you_begin(&mut terminal, origin.address()).await;
    let gateway = Shipped::start(&api, admin).await;
    let bare = gateway.cluster(HTTPBIN).await.unwrap();
    connection(&mut terminal, &gateway, &bare).await;
    keepalive(&mut terminal, &gateway, &bare).await;
    attachment(&mut terminal, &gateway, &bare).await;
    traffic(&mut terminal).await;
    terminal.session.push_str("```\n");
    compare(&terminal.session);
}

/// Port 19000, which the documents forward to the gateway. Where somebody else has it, `curl` is told
/// to take another one for it.
fn admin_address(folder: &Path) -> SocketAddr {
    let printed = SocketAddr::from(([127, 0, 0, 1], 19000));
    if TcpListener::bind(printed).is_ok() {
        return printed;
    }
    let other = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let forward = format!("connect-to = \"{printed}:{other}\"\n");
    fs::write(folder.join(".curlrc"), forward).unwrap();
    other
}

/// The definitions, the httpbin sample with an endpoint at `origin`, and a Gateway before it.
async fn before_you_begin(terminal: &mut Terminal<'_>, origin: SocketAddr) {
    let words = "Definitions, the httpbin sample and a Gateway. There is no kubelet here: the origin \
                 is a process, and its EndpointSlice is written by hand.";
    terminal.part("Before you begin", words);
    let example = |name: &str| {
        let text = fs::read_to_string(repository().join("examples/httpbin").join(name)).unwrap();
        text.replace("port: 8080", &format!("port: {}", terminal.port))
            .replace("\"127.0.0.1\"", &format!("\"{}\"", origin.ip()))
            .replace("18080", &origin.port().to_string())
    };
    let class = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
                 metadata: {name: kgateway}\nspec: {controllerName: kgateway.dev/kgateway}\n";
    let site = [&example("httpbin.yaml"), &example("gateway.yaml"), class].join("\n---\n");
    fs::write(terminal.folder.join("site.yaml"), site).unwrap();
    terminal.run("sluicegate crds | kubectl apply --server-side --force-conflicts -f -");
    terminal.api.definitions_served().await;
    for namespace in ["kgateway-system", "gwtest"] {
        terminal.run(&format!("kubectl create namespace {namespace}"));
    }
    terminal.run("kubectl apply -f site.yaml");
}

/// The document about connections.
async fn connection(terminal: &mut Terminal<'_>, gateway: &Shipped, bare: &Value) {
    let document = seed(CONNECTION);
    let words = "`tests/seeds/000`. `sluicegate run --kubernetes` answers on port 19000 of this \
                 machine; in a cluster `kubectl port-forward` brings that port here.";
    terminal.part("Connection settings", words);
    let steps = commands(&document);
    let [apply, _port_forward, curl, delete] = steps.as_slice() else {
        panic!("{steps:#?}");
    };
    terminal.run(apply);
    terminal.accepted("backendconfigpolicies", "httpbin").await;
    let columns = terminal.run("kubectl get backendconfigpolicy -n httpbin");
    for part in [
        "ACCEPTED",
        "ATTACHED",
        "AGE",
        "httpbin-connection   True       True",
    ] {
        assert!(columns.contains(part), "{columns}");
    }
    let status =
        terminal.run("kubectl get backendconfigpolicy httpbin-connection -n httpbin -o yaml");
    for part in [
        "controllerName: sluicegate.dev/gateway-controller",
        "observedGeneration: 1",
        "type: Attached",
    ] {
        assert!(status.contains(part), "{status}");
    }
    let (dump, cluster) = terminal.dump(curl, "httpbin");
    assert_shows(&dump, &example_output(&document));
    assert_eq!(cluster["per_connection_buffer_limit_bytes"], 1024);
    let request =
        "curl -s -o /dev/null -w '%{http_code}\\n' -H 'with_underscore: 1' 127.0.0.1:8080/get";
    terminal.prints(request, "400\n").await;
    terminal.run(delete);
    gone(gateway, bare).await;
    let (dump, cluster) = terminal.dump(curl, "httpbin");
    assert!(!dump.contains("REJECT_REQUEST"));
    assert_eq!(cluster["connect_timeout"], "5s");
    terminal.prints(request, "200\n").await;
}

/// The document about TCP keepalive.
async fn keepalive(terminal: &mut Terminal<'_>, gateway: &Shipped, bare: &Value) {
    let document = seed(KEEPALIVE);
    terminal.part("TCP keepalive", "`tests/seeds/003`.");
    let steps = commands(&document);
    let [apply, _port_forward, curl, delete] = steps.as_slice() else {
        panic!("{steps:#?}");
    };
    terminal.run(apply);
    terminal.accepted("backendconfigpolicies", "httpbin").await;
    terminal.run("kubectl get backendconfigpolicy -n httpbin");
    let (dump, _) = terminal.dump(curl, "httpbin");
    assert_shows(&dump, &example_output(&document));
    terminal.run(delete);
    gone(gateway, bare).await;
    let (_, cluster) = terminal.dump(curl, "httpbin");
    assert_eq!(cluster["upstream_connection_options"], Value::Null);
}

/// The document about attachment: by name, by labels, by a global hostname.
async fn attachment(terminal: &mut Terminal<'_>, gateway: &Shipped, bare: &Value) {
    let words = "`tests/seeds/001`: a reference, a selector in its place, and the hostname of a \
                 global service.";
    terminal.part("Attachment", words);
    let document = seed(ATTACHMENT);
    let blocks = manifests(&document);
    let [reference, selector, hostname] = blocks.as_slice() else {
        panic!("{blocks:#?}");
    };
    let connection = seed(CONNECTION);
    let curl = &commands(&connection)[2];
    let common = json!({ "max_headers_count": 15, "max_requests_per_connection": 100 });
    let selected = |cluster: &Value| {
        let options = &cluster["typed_extension_protocol_options"];
        let http = &options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
        assert_eq!(http["common_http_protocol_options"], common, "{cluster}");
    };

    let cluster = attached(terminal, reference, "httpbin", curl).await;
    assert_eq!(cluster["per_connection_buffer_limit_bytes"], 1024);
    selected(&attached(terminal, selector, "httpbin", curl).await);
    terminal.run("kubectl delete backendconfigpolicy httpbin-policy -n httpbin");
    gone(gateway, bare).await;
    fs::write(terminal.folder.join("global.yaml"), GLOBAL).unwrap();
    terminal.run("kubectl apply -f global.yaml");
    selected(&attached(terminal, hostname, "gwtest", curl).await);
}

/// Applies a policy; the cluster that it comes to.
async fn attached(
    terminal: &mut Terminal<'_>,
    manifest: &str,
    namespace: &str,
    curl: &str,
) -> Value {
    let manifest = manifest.trim_end();
    terminal.run(&format!("kubectl apply -f- <<EOF\n{manifest}\nEOF"));
    terminal.accepted("backendconfigpolicies", namespace).await;
    terminal.run(&format!("kubectl get backendconfigpolicy -n {namespace}"));
    terminal.dump(curl, namespace).1
}

/// The document about BackendTrafficPolicies.
async fn traffic(terminal: &mut Terminal<'_>) {
    let words = "`tests/seeds/002`: the policies that are whole, on routes with the names that they \
                 want.";
    terminal.part("BackendTrafficPolicy", words);
    let document = seed(TRAFFIC);
    let whole = document
        .split("\n\n")
        .filter(|text| text.starts_with("apiVersion:"));
    let whole: Vec<&str> = whole.collect();
    assert_eq!(whole.len(), 4);
    let names = ["my-route", "api-route", "webapp-route", "websocket-route"];
    let routes = names.map(|name| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}}}\n\
             spec: {{parentRefs: [{{name: http, namespace: kgateway-system}}]}}\n"
        )
    });
    fs::write(terminal.folder.join("routes.yaml"), routes.join("---\n")).unwrap();
    terminal.run("kubectl apply -f routes.yaml");
    for manifest in whole {
        terminal.run(&format!("kubectl apply -f- <<EOF\n{manifest}\nEOF"));
    }
    terminal.accepted("backendtrafficpolicies", "default").await;
    let columns = terminal.run("kubectl get backendtrafficpolicy");
    for policy in [
        "backend-policy",
        "ha-backend",
        "session-affinity",
        "websocket-backend",
    ] {
        let mut lines = columns.lines().filter(|line| line.starts_with(policy));
        assert!(lines.any(|line| line.contains("True")), "{columns}");
    }
}

/// Waits until the cluster is what it was before any policy.
async fn gone(gateway: &Shipped, bare: &Value) {
    let same = async || (gateway.cluster(HTTPBIN).await.as_ref() == Some(bare)).then_some(());
    eventually("the settings to be gone", same).await.unwrap();
}

/// A session without what differs at every run: ages, versions, times.
fn lasting(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let changing = [
            "uid: ",
            "resourceVersion: ",
            "creationTimestamp: ",
            "lastTransitionTime: ",
        ];
        let field = changing
            .iter()
            .find_map(|it| Some(line.find(it)? + it.len()));
        if let Some(end) = field {
            return format!("{}…", &line[..end]);
        }
        let (before, age) = line.rsplit_once(' ').unwrap_or(("", line));
        let number = age.strip_suffix('s').filter(|it| !it.is_empty());
        let is_age = number.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
        match is_age && before.ends_with(' ') {
            true => format!("{before} 1s"),
            false => line.to_owned(),
        }
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// The page is what was typed and seen; `UPDATE_DOCS=1` writes it.
fn compare(session: &str) {
    println!("{session}");
    let page = format!("{HEAD}{session}");
    let path = repository().join("docs/kubernetes-session.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        page, kept,
        "the page is out of date; run with UPDATE_DOCS=1"
    );
}

/// The httpbin Service of a mesh: every cluster has it under the same hostname.
const GLOBAL: &str = "apiVersion: v1
kind: Service
metadata:
  name: httpbin
  namespace: gwtest
  labels: {app: httpbin, service: httpbin, solo.io/service-scope: global}
spec: {ports: [{name: http, port: 8000}]}
";

const HEAD: &str = "# The founding documents in a shell

A recorded session: real `kubectl`, a real API server, `sluicegate run --kubernetes`. A test runs every
line of it and compares (`cargo test -p sluicegate --test kubernetes founding`); ages, versions and
times are left out. Our own custom resource definitions are installed.

";
