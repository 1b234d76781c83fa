// SPDX-License-Identifier: Apache-2.0
//! Our custom resource definitions: what they let in, and what they say to the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;
use sluicegate::crds;
use sluicegate_kube::installed_schema;
use sluicegate_manifest::Severity;
use sluicegate_resource::{Decoder, UnknownFields};
use sluicegate_testkit::{eventually, free_port};

use crate::{
    crds_refused, crds_refused_listeners,
    documents::{manifests, seed},
    harness::{cases, documents, name_of, repository, texts},
    support::{ApiServer, CRDS, own_address, site},
};

/// An API server with our definitions and the namespaces of the manifests below.
async fn start() -> Option<ApiServer> {
    let api = ApiServer::start(&[]).await?;
    install(&api).await;
    Some(api)
}

/// Installs our definitions, over those of others.
pub(crate) async fn install(api: &ApiServer) {
    install_those(api, |_| true).await;
}

/// Installs our definitions of kinds that nobody has defined yet.
pub(crate) async fn install_missing(api: &ApiServer) {
    let installed = api.kubectl(&["get", "crd", "-o", "name"]);
    install_those(api, |name| !installed.contains(name)).await;
}

async fn install_those(api: &ApiServer, wanted: impl Fn(&str) -> bool) {
    let wanted = crds::ALL.iter().filter(|it| wanted(&it.name()));
    let list: Vec<String> = wanted.map(|it| it.manifest().to_string()).collect();
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    api.kubectl_with(&apply, &list.join("\n---\n"));
    api.definitions_served().await;
}

/// Names a manifest by its kind, if it is one of ours.
fn kind(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines().map(str::trim_end);
    let kind = lines.find_map(|line| line.strip_prefix("kind: "))?;
    let kind = kind.split_whitespace().next()?;
    let known = crds::ALL.iter().any(|definition| definition.kind == kind);
    known.then_some(kind)
}

/// Namespaces that manifests are in.
pub(crate) fn namespaces<'m>(manifests: impl IntoIterator<Item = &'m str>) -> BTreeSet<String> {
    let lines = manifests.into_iter().flat_map(str::lines);
    let names = lines.filter_map(|line| line.split_once("namespace: "));
    let name = |(_, rest): (_, &str)| rest.split([',', '}', ' ']).next().map(str::to_owned);
    let names = names.filter_map(name);
    names.filter(|name| name != "default").collect()
}

pub(crate) fn create_namespaces(api: &ApiServer, names: BTreeSet<String>) {
    for name in names {
        api.kubectl(&["create", "namespace", &name]);
    }
}

/// What the API server says to each of the manifests, by name; nothing to those that it takes.
pub(crate) fn refusals(
    api: &ApiServer,
    manifests: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let folder = api.folder().join("manifests");
    fs::create_dir_all(&folder).unwrap();
    for (name, manifest) in manifests {
        fs::write(folder.join(format!("{name}.yaml")), manifest).unwrap();
    }
    // A lone refusal kubectl tells without the file it is about: this one is always there.
    let wrong = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n";
    fs::write(folder.join("always-refused.yaml"), wrong).unwrap();
    let path = folder.display().to_string();
    let output = api.run(
        &[
            "create",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            &path,
        ],
        "",
    );
    let said = String::from_utf8(output.stderr).unwrap();
    let taken = String::from_utf8(output.stdout).unwrap().lines().count();
    fs::remove_dir_all(&folder).unwrap();
    let mut refusals = BTreeMap::new();
    for answer in said.split("Error from server").skip(1) {
        let (_, rest) = answer
            .split_once("/manifests/")
            .unwrap_or_else(|| panic!("{answer}"));
        let (name, _) = rest.split_once(".yaml\"").unwrap();
        refusals.insert(name.to_owned(), answer.trim().to_owned());
    }
    refusals.remove("always-refused");
    assert_eq!(taken + refusals.len(), manifests.len(), "{said}");
    refusals
}

/// Every rule's message in the definitions.
fn messages() -> BTreeSet<String> {
    fn collect(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                if let Some(rules) = entries.get("x-kubernetes-validations") {
                    let rules = rules.as_array().into_iter().flatten();
                    into.extend(
                        rules
                            .filter_map(|it| it["message"].as_str())
                            .map(str::to_owned),
                    );
                }
                entries.values().for_each(|value| collect(value, into));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let mut messages = BTreeSet::new();
    for definition in crds::ALL {
        collect(&definition.manifest(), &mut messages);
    }
    messages
}

/// The blocks of the founding document that has no fences; a fragment gets a name and a target.
fn traffic_policies() -> Vec<String> {
    let document = seed("002_ffee2fb803b5781a.txt");
    let paragraphs = document.split("\n\n").filter_map(|text| {
        if text.starts_with("apiVersion:") {
            return Some(text.to_owned());
        }
        let settings = text.strip_prefix("spec:\n")?;
        Some(format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata:\n  \
             name: fragment\nspec:\n  targetRef:\n    group: gateway.networking.k8s.io\n    kind: \
             HTTPRoute\n    name: route\n{settings}\n"
        ))
    });
    paragraphs.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_founding_documents_are_taken_as_they_are_written() {
    let Some(api) = start().await else {
        return;
    };
    let fenced = [
        "000_c8f54e3f9dbeff2a.txt",
        "001_74973c71868e9fb0.txt",
        "003_4a7ee5975684ffcd.txt",
    ];
    let mut texts: Vec<String> = fenced
        .iter()
        .flat_map(|name| manifests(&seed(name)))
        .filter(|text| kind(text.trim_start()).is_some() || text.contains("kind: Backend"))
        .collect();
    assert!(texts.len() >= 8, "{texts:#?}");
    let traffic = traffic_policies();
    assert_eq!(traffic.len(), 19);
    texts.extend(traffic);
    create_namespaces(&api, namespaces(texts.iter().map(String::as_str)));
    for text in texts {
        api.apply(&text);
    }
    // What they are for is still there: nothing was pruned.
    let policies = api.kubectl(&["get", "backendconfigpolicies", "-A", "-o", "json"]);
    for field in ["headersWithUnderscoresAction", "headerFormat"] {
        assert!(policies.contains(field), "{field} was pruned");
    }
    let columns = api.kubectl(&["get", "backendconfigpolicies,backendtrafficpolicies", "-A"]);
    for column in ["ACCEPTED", "ATTACHED", "AGE"] {
        assert!(columns.contains(column), "{columns}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_take_is_taken_and_every_rule_speaks() {
    let Some(api) = start().await else {
        return;
    };
    let golden = golden();
    create_namespaces(&api, namespaces(golden.values().map(String::as_str)));
    let refusals_of_golden = refusals(&api, &golden);
    let mut wrongly = String::new();
    let mut ours_alone = String::new();
    for (name, manifest) in &golden {
        let found = error(manifest);
        match (refusals_of_golden.get(name), found) {
            (Some(answer), None) => wrongly.push_str(&format!("{name}: {answer}\n")),
            (None, Some(error)) => ours_alone.push_str(&format!("{name}: {error}\n")),
            _ => {}
        }
    }
    assert!(wrongly.is_empty(), "refused, and valid to us:\n{wrongly}");
    compare("ours_alone.txt", &ours_alone);

    let refusals_of_bad = refusals(&api, &bad_ones());
    let mut silent: Vec<String> = Vec::new();
    for (number, (kind, spec, message)) in refused().enumerate() {
        let answer = refusals_of_bad.get(&format!("bad-{number:03}"));
        if answer.is_none_or(|answer| !answer.contains(message)) {
            silent.push(format!(
                "{kind} {spec}\n  not {message:?}\n  but {answer:?}"
            ));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));

    let said: Vec<&String> = refusals_of_golden
        .values()
        .chain(refusals_of_bad.values())
        .collect();
    let untested: Vec<String> = messages()
        .into_iter()
        .filter(|message| !said.iter().any(|answer| answer.contains(message.as_str())))
        .collect();
    assert!(untested.is_empty(), "rules without a test: {untested:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_definitions_of_others_drop_is_said_until_ours_are_there() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    install_missing(&api).await;
    let (client, _) = api.client().await;
    let warnings = crds::warnings(&client).await;
    let about = |name: &str| {
        let found = warnings
            .iter()
            .find(|it| it.contains(&format!("CRD {name} ")));
        found.unwrap_or_else(|| panic!("{name} in {warnings:#?}"))
    };
    let config = about("backendconfigpolicies.gateway.kgateway.dev");
    for part in [
        "spec.commonHttpProtocolOptions.headersWithUnderscoresAction",
        "spec.http1ProtocolOptions.headerFormat",
        "spec.sslConfig, ",
        "sluicegate crds BackendConfigPolicy | kubectl apply --server-side --force-conflicts -f -",
    ] {
        assert!(config.contains(part), "{part} in {config}");
    }
    let traffic = about("backendtrafficpolicies.gateway.envoyproxy.io");
    for part in [
        "spec.connection.connectionLimit",
        "spec.retry.perRetryTimeout",
    ] {
        assert!(traffic.contains(part), "{part} in {traffic}");
    }
    let backend = about("backends.gateway.kgateway.dev");
    assert!(backend.contains("spec.priorityGroups"), "{backend}");

    // The other way round nothing is lost but what upstream itself refuses.
    let mut lost = Vec::new();
    for definition in crds::ALL {
        let theirs = installed_schema(&client, &definition.name(), "v1alpha1").await;
        let ours = definition.manifest();
        let ours = &ours["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        lost.extend(crds::lost(&theirs.unwrap().unwrap(), ours));
    }
    assert_eq!(
        lost,
        ["spec.responseOverride[].redirect.path.replacePrefixMatch"]
    );

    install(&api).await;
    assert_eq!(crds::warnings(&client).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_schema_can_say_is_a_condition() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    install(&api).await;
    let _gateway = api.gateway().await;
    api.apply(&site(free_port(), (own_address(), 9).into()));
    let policies = [
        (
            "BackendConfigPolicy",
            "targetRefs: [{group: '', kind: Service, name: web}], tls: \
         {insecureSkipVerify: true, parameters: {cipherSuites: [ECDHE-RSA-AES128-GCM-SHA257]}}",
            "unknown cipher suite",
        ),
        (
            "BackendTrafficPolicy",
            "targetRef: {kind: HTTPRoute, name: web}, loadBalancer: {type: \
         ConsistentHash, consistentHash: {type: SourceIP, tableSize: 65536}}",
            "must be a prime number",
        ),
    ];
    for (kind, spec, _) in policies {
        api.apply(&manifest(kind, "wrong", spec));
    }
    for (kind, _, message) in policies {
        let refused = async || {
            let object = api.get("default", &format!("{kind}/wrong"));
            let conditions = object["status"]["ancestors"][0]["conditions"].as_array()?;
            let accepted = conditions.iter().find(|it| it["type"] == "Accepted")?;
            (accepted["status"] == "False").then(|| accepted.clone())
        };
        let accepted = eventually("a refusal in the status", refused)
            .await
            .unwrap();
        assert!(
            accepted["message"].as_str().unwrap().contains(message),
            "{accepted}"
        );
        let columns = api.kubectl(&["get", kind, "wrong"]);
        assert!(columns.contains("False"), "{columns}");
    }
}

/// Every manifest of ours in the golden cases, by case, file and number.
pub(crate) fn golden() -> BTreeMap<String, String> {
    let mut golden = BTreeMap::new();
    for case in cases() {
        for (file, text) in texts(&case) {
            for (number, manifest) in split(&text).into_iter().enumerate() {
                if kind(manifest).is_some() {
                    let name = format!("{}.{file}.{number}", name_of(&case));
                    golden.insert(name, manifest.to_owned());
                }
            }
        }
    }
    golden
}

/// The manifests that break one rule each.
pub(crate) fn bad_ones() -> BTreeMap<String, String> {
    let bad = refused()
        .enumerate()
        .map(|(number, (kind, spec, _))| (format!("bad-{number:03}"), bad(kind, spec, number)));
    bad.collect()
}

/// Kind, what the spec has, and what the API server must say.
fn refused() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let all = [crds_refused::REFUSED, crds_refused_listeners::REFUSED];
    all.into_iter().flatten()
}

/// The documents of a file.
fn split(text: &str) -> Vec<&str> {
    text.split("\n---\n").collect()
}

/// The first error that we find in a manifest.
pub(crate) fn error(manifest: &str) -> Option<String> {
    let texts = vec![("test.yaml".to_owned(), manifest.to_owned())];
    let (documents, diagnostics) = documents(&texts);
    let store = Decoder::new(UnknownFields::Error).decode(&documents);
    let mut found = diagnostics.iter().chain(&store.diagnostics);
    let found = found.find(|found| found.severity == Severity::Error)?;
    Some(format!("{}: {}", found.path, found.message))
}

/// `text` is what the file beside this one has; `UPDATE_CASES=1` writes it.
fn compare(file: &str, text: &str) {
    let path = repository()
        .join("crates/sluicegate/tests/kubernetes")
        .join(file);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text, expected,
        "run with UPDATE_CASES=1 to take it as expected"
    );
}

/// A manifest of `kind` with this in its spec, and somewhere to apply.
pub(crate) fn bad(kind: &str, spec: &str, number: usize) -> String {
    let needs_target = kind == "BackendTrafficPolicy" && !spec.starts_with("target");
    let target = match needs_target {
        true => "targetRef: {kind: HTTPRoute, name: r}, ",
        false => "",
    };
    manifest(kind, &format!("bad-{number}"), &format!("{target}{spec}"))
}

/// A manifest of `kind` with this in its spec.
fn manifest(kind: &str, name: &str, spec: &str) -> String {
    let definition = crds::ALL.iter().find(|it| it.kind == kind).unwrap();
    format!(
        "apiVersion: {}/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {{{spec}}}\n",
        definition.group
    )
}
