// SPDX-License-Identifier: Apache-2.0
//! Whatever passes our custom resource definitions and is still wrong: a condition says so.

use serde_json::Value;
use sluicegate_testkit::{eventually, free_port};

use crate::{
    addresses::{self, CLASS},
    crds::{create_namespaces, error, golden, install, namespaces, refusals},
    support::ApiServer,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_manifest_that_only_we_refuse_has_a_condition_with_our_words() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    install(&api).await;
    let golden = golden();
    create_namespaces(&api, namespaces(golden.values().map(String::as_str)));
    let refused = refusals(&api, &golden);
    api.apply(CLASS);
    let _gateway = api.gateway().await;
    let mut untold = Vec::new();
    let mut told = 0;
    let passed = golden
        .iter()
        .filter(|(name, _)| !refused.contains_key(*name));
    for (name, manifest) in passed {
        let Some(error) = error(manifest) else {
            continue;
        };
        let words = error
            .rsplit_once("]: ")
            .map_or(error.as_str(), |(_, words)| words);
        let words = words.rsplit_once(": ").map_or(words, |(_, words)| words);
        let applied = api.kubectl_with(&["apply", "-f", "-", "-o", "json"], manifest);
        let applied: Value = serde_json::from_str(&applied).unwrap();
        let metadata = &applied["metadata"];
        let part = |value: &Value| value.as_str().unwrap().to_owned();
        let object = format!("{}/{}", part(&applied["kind"]), part(&metadata["name"]));
        let namespace = part(&metadata["namespace"]);
        // An EnvoyProxy speaks through the Gateway that names it.
        let teller = match applied["kind"] == "EnvoyProxy" {
            true => gateway_of(&api, &part(&metadata["name"]), &namespace),
            false => object.clone(),
        };
        let says = async || {
            let status = api.get(&namespace, &teller)["status"].clone();
            let lists = status["ancestors"].as_array().into_iter().flatten();
            let conditions = lists.chain([&status]).map(|it| &it["conditions"]);
            let mut conditions = conditions.filter_map(Value::as_array).flatten();
            let says =
                |it: &&Value| it["status"] == "False" && part(&it["message"]).contains(words);
            conditions.find(says).map(drop)
        };
        match eventually(name, says).await {
            Ok(()) => told += 1,
            Err(_) => {
                let status = api.get(&namespace, &teller)["status"].to_string();
                untold.push(format!("{name}: {words:?} is not in {status}"));
            }
        }
        api.kubectl(&["delete", "-n", &namespace, &object]);
    }
    assert!(untold.is_empty(), "{}", untold.join("\n"));
    assert!(told >= 10, "{told}");
}

/// A Gateway with this EnvoyProxy.
fn gateway_of(api: &ApiServer, proxy: &str, namespace: &str) -> String {
    let reference = format!(
        "  infrastructure: {{parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, \
         name: {proxy}}}}}"
    );
    let gateway = addresses::manifest(proxy, free_port(), &reference);
    let here = format!("namespace: {namespace}");
    api.apply(&gateway.replace("namespace: default", &here));
    format!("gateway/{proxy}")
}
