// SPDX-License-Identifier: Apache-2.0
//! `docs/guide/from-kgateway.md`, at an API server with kgateway's definitions and ours.
//!
//! In: the page. Out: agreement with what its commands print.

use sluicegate_testkit::Httpbin;

use crate::{
    crds::install,
    page::Page,
    stage::{Stage, Surroundings, session},
    support::{ApiServer, own_address},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_kgateway() {
    let Some(api) = ApiServer::start(&["gateway-api"]).await else {
        return;
    };
    install(&api).await;
    api.apply(TRAFFIC_POLICIES);
    api.definitions_served().await;
    let backend = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let page = Page::read("docs/guide/from-kgateway.md");
    let stage = Stage::of_session(Surroundings {
        backend: backend.address().port(),
        environment: vec![("KUBECONFIG", api.kubeconfig().display().to_string())],
        programs: vec![api.binaries().to_owned()],
        words: vec![("10.1.2.3", own_address().to_string())],
        ..Surroundings::default()
    });
    page.compare(&session(&page, &stage).await);
}

/// As much of kgateway's own definition as it takes for there to be such objects.
const TRAFFIC_POLICIES: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: trafficpolicies.gateway.kgateway.dev}
spec:
  group: gateway.kgateway.dev
  scope: Namespaced
  names: {kind: TrafficPolicy, plural: trafficpolicies, singular: trafficpolicy}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
