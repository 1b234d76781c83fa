// SPDX-License-Identifier: Apache-2.0
//! Settings of BackendTrafficPolicies on the wire, by Envoy: the same outcomes as from our own data
//! plane.

use crate::{
    settings_scene::{Settings, ZONE},
    support::{Fleet, Setup},
};

#[tokio::test(flavor = "multi_thread")]
async fn priorities_protocols_of_clients_and_zones_are_as_policies_say() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let setup = Setup {
        zone: Some(ZONE),
        ..Setup::of(true)
    };
    let fleet = Fleet::start(setup).await;
    let envoy = fleet.envoy(&binary).await;
    let settings = Settings::start().await;
    let manifests = settings.manifests("name: http, namespace: kgateway-system");
    fleet.folder.write("settings.yaml", &manifests);
    settings.check(fleet.gateway).await;
    let retries = "cluster.kube_default_retry_80.upstream_rq_retry";
    assert!(envoy.stat(retries).await >= 6);
}
