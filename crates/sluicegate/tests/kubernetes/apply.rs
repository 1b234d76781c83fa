// SPDX-License-Identifier: Apache-2.0
//! `kubectl apply`, from the first object to the last.

use serde_json::{Value, json};
use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::support::{ApiServer, CRDS, WEB, get, own_address, policy, site};

/// The condition of the first entry of a status.
fn condition(object: &Value, list: &str, name: &str) -> Value {
    let conditions = object["status"][list][0]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|it| it["type"] == name)
        .cloned()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_is_served_and_gets_its_status() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    let gateway = api.gateway().await;
    api.apply(&site(port, origin.address()));
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer of the origin", served).await.unwrap();

    api.apply(&policy(7));
    let attached = async || {
        let object = api.get("default", "backendconfigpolicy/web");
        let accepted = condition(&object, "ancestors", "Accepted");
        (accepted["status"] == "True").then_some(object)
    };
    let object = eventually("the status of the policy", attached)
        .await
        .unwrap();
    let ancestor = &object["status"]["ancestors"][0]["ancestorRef"];
    assert_eq!(
        (&ancestor["kind"], &ancestor["name"]),
        (&json!("Service"), &json!("web"))
    );
    let condition_of_attachment = condition(&object, "ancestors", "Attached");
    assert_eq!(condition_of_attachment["status"], "True");
    assert_eq!(condition_of_attachment["observedGeneration"], 1);
    assert_eq!(gateway.cluster(WEB).await.unwrap()["connect_timeout"], "7s");

    let columns = api.kubectl(&["get", "backendconfigpolicy", "web"]);
    assert!(columns.contains("True"), "{columns}");
    let gateway_object = api.get("default", "gateway/http");
    assert_eq!(
        gateway_object["status"]["listeners"][0]["attachedRoutes"],
        1
    );
    let route = api.get("default", "httproute/web");
    assert_eq!(condition(&route, "parents", "Accepted")["status"], "True");

    // The time of a transition stays while the status does.
    let time = &condition(&object, "ancestors", "Accepted")["lastTransitionTime"];
    api.apply(&policy(8));
    let newer = async || {
        let object = api.get("default", "backendconfigpolicy/web");
        let accepted = condition(&object, "ancestors", "Accepted");
        (accepted["observedGeneration"] == 2).then_some(accepted)
    };
    let newer = eventually("the status of the new generation", newer)
        .await
        .unwrap();
    assert_eq!(&newer["lastTransitionTime"], time);

    api.kubectl(&["delete", "backendconfigpolicy", "web"]);
    let gone = async || {
        let cluster = gateway.cluster(WEB).await?;
        (cluster["connect_timeout"] == "5s").then_some(())
    };
    eventually("the settings to be gone", gone).await.unwrap();
    assert_eq!(get(port).await.unwrap().0, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_that_are_installed_later_are_picked_up() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    api.apply(&site(port, origin.address()));
    let gateway = api.gateway().await;
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer without the kinds of the policies", served)
        .await
        .unwrap();

    let crd = std::path::Path::new(&sluicegate_testkit::kubernetes_binaries().unwrap())
        .join("crds/kgateway-backendconfigpolicies.yaml");
    api.kubectl(&["apply", "--server-side", "-f", &crd.display().to_string()]);
    api.definitions_served().await;
    api.apply(&policy(9));
    let enforced = async || {
        let cluster = gateway.cluster(WEB).await?;
        (cluster["connect_timeout"] == "9s").then_some(())
    };
    eventually("the policy of a kind that came later", enforced)
        .await
        .unwrap();

    api.kubectl(&[
        "delete",
        "crd",
        "backendconfigpolicies.gateway.kgateway.dev",
    ]);
    let gone = async || {
        let cluster = gateway.cluster(WEB).await?;
        (cluster["connect_timeout"] == "5s").then_some(())
    };
    eventually("the kind to be gone", gone).await.unwrap();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_controllers_wrote_stays_and_what_is_not_ours_any_more_goes() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let gateway = api.gateway().await;
    api.apply(&site(free_port(), origin.address()));
    let controllers = || {
        let route = api.get("default", "httproute/web");
        let parents = route["status"]["parents"].as_array().cloned();
        let parents = parents.unwrap_or_default().into_iter();
        let mut names: Vec<String> = parents
            .map(|it| it["controllerName"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let written = async || (controllers() == ["kgateway.dev/kgateway"]).then_some(());
    eventually("our status", written).await.unwrap();

    let mut route = api.get("default", "httproute/web");
    let mut foreign = route["status"]["parents"][0].clone();
    foreign["controllerName"] = "example.test/other".into();
    route["status"]["parents"]
        .as_array_mut()
        .unwrap()
        .push(foreign);
    let text = route.to_string();
    api.kubectl_with(&["replace", "--subresource=status", "-f", "-"], &text);
    // Something that makes us write once more.
    let patch = r#"{"spec":{"rules":[{"backendRefs":[{"name":"nobody","port":80}]}]}}"#;
    api.kubectl(&["patch", "httproute", "web", "--type=merge", "-p", patch]);
    let unresolved = async || {
        let route = api.get("default", "httproute/web");
        let parents = route["status"]["parents"].as_array()?.clone();
        let ours = parents
            .into_iter()
            .find(|it| it["controllerName"] == "kgateway.dev/kgateway")?;
        let conditions = ours["conditions"].as_array()?.clone();
        let resolved = conditions
            .into_iter()
            .find(|it| it["type"] == "ResolvedRefs")?;
        (resolved["status"] == "False").then_some(())
    };
    eventually("our newer status", unresolved).await.unwrap();
    assert_eq!(
        controllers(),
        ["example.test/other", "kgateway.dev/kgateway"]
    );

    let patch = r#"{"spec":{"parentRefs":[{"name":"of-somebody-else"}]}}"#;
    api.kubectl(&["patch", "httproute", "web", "--type=merge", "-p", patch]);
    let gone = async || (controllers() == ["example.test/other"]).then_some(());
    eventually("our entry to go", gone).await.unwrap();
    gateway.stop().await;
}
