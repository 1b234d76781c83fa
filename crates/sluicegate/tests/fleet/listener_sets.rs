// SPDX-License-Identifier: Apache-2.0
//! Listeners of a ListenerSet on the wire, by Envoy: the same outcomes as from our own data plane.

use sluicegate_testkit::{RawClient, RawOrigin, Step, eventually, free_port};

use crate::{
    listener_set,
    support::{Fleet, Setup, gateway_manifest, service},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_set_opens_a_port_with_its_own_policy_once_it_is_allowed() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    for delta in [true, false] {
        let fleet = Fleet::start(Setup::of(delta)).await;
        let envoy = fleet.envoy(&binary).await;
        let answer = |it: &sluicegate_testkit::Received| match it.message.target().1.as_str() {
            "/stall" => Step::Stall,
            _ => Step::ok("of the set"),
        };
        let origin = RawOrigin::start(answer).await.unwrap();
        let port = free_port();
        let backend = service("web", origin.address().port())
            .replace("namespace: httpbin", "namespace: kgateway-system");
        let set = listener_set::manifests(port, "name: web, port: 8000")
            .replace("metadata: {", "metadata: {namespace: kgateway-system, ");
        fleet
            .folder
            .write("set.yaml", &format!("{backend}---\n{set}"));
        let get = async |target: &str| {
            let address = ([127, 0, 0, 1], port).into();
            let mut client = RawClient::connect(address).await.ok()?;
            client.get("any.example.com", target).await.ok()
        };
        eventually("the set is told that it is not allowed", async || {
            let status = fleet.status("ListenerSet", "set").await;
            status.contains("NotAllowed").then_some(())
        })
        .await
        .unwrap();
        assert!(get("/").await.is_none());

        let allowed = listener_set::allowed(&gateway_manifest(fleet.gateway.port()));
        fleet.folder.write("gateway.yaml", &allowed);
        let response = eventually("the set's listener serves", async || {
            get("/").await.filter(|it| it.status() == 200)
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", envoy.log()));
        assert_eq!(response.text(), "of the set");
        assert_eq!(get("/stall").await.unwrap().status(), 504, "its policy");
        // The Gateway's own listener has its own routes, and no policy.
        assert_eq!(fleet.get("/get").await.status(), 200);

        std::fs::remove_file(fleet.folder.0.join("set.yaml")).unwrap();
        eventually("the port is closed", async || {
            get("/").await.is_none().then_some(())
        })
        .await
        .unwrap();
        assert_eq!(fleet.get("/get").await.status(), 200, "delta: {delta}");
    }
}
