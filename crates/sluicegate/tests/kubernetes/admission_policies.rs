// SPDX-License-Identifier: Apache-2.0
//! Our rules as ValidatingAdmissionPolicies, over the upstreams' definitions.

use std::collections::BTreeMap;

use sluicegate::crds;
use sluicegate_testkit::eventually;

use crate::{
    crds::{
        bad, bad_ones, create_namespaces, error, golden, install_missing, namespaces, refusals,
    },
    crds_refused::{BCP, BTP},
    support::{ApiServer, CRDS},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admission_policies_refuse_what_the_definitions_of_others_let_in() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    install_missing(&api).await;
    let golden = golden();
    create_namespaces(&api, namespaces(golden.values().map(String::as_str)));
    let wrong = LET_IN.iter().enumerate();
    let wrong =
        wrong.map(|(number, (kind, spec, _))| (number.to_string(), bad(kind, spec, number)));
    let mut wrong: BTreeMap<String, String> = wrong.collect();
    assert_eq!(refusals(&api, &wrong), BTreeMap::new(), "by the upstreams");
    let already = refusals(&api, &golden);
    let policies = crds::ALL.iter().flat_map(|definition| {
        let binding = crds::binding(definition, crds::Action::Deny);
        [crds::policy(definition), binding].map(|it| it.to_string())
    });
    let policies: Vec<String> = policies.collect();
    let apply = ["apply", "--server-side", "-f", "-"];
    api.kubectl_with(&apply, &policies.join("\n---\n"));
    // They are in force a moment later.
    let refused = async || {
        let refusals = refusals(&api, &wrong);
        (refusals.len() == wrong.len()).then_some(refusals)
    };
    let answers = eventually("every one to be refused", refused)
        .await
        .unwrap();
    for (number, (kind, spec, message)) in LET_IN.iter().enumerate() {
        let answer = &answers[&number.to_string()];
        let said = answer.contains("denied request: spec") && answer.contains(message);
        assert!(said, "{kind} {spec}\n  not {message:?}\n  but {answer}");
    }
    // Nor does anything come in that breaks one of the rules of ours.
    wrong = bad_ones();
    assert_eq!(refusals(&api, &wrong).len(), wrong.len());
    for (name, answer) in refusals(&api, &golden) {
        let known = already.contains_key(&name) || error(&golden[&name]).is_some();
        assert!(known, "{name} is valid, and refused: {answer}");
    }

    // What is wrong already may be changed everywhere but in its spec.
    let deny = |actions: &str| {
        let patch = format!(r#"{{"spec":{{"validationActions":["{actions}"]}}}}"#);
        let name = "sluicegate-backendconfigpolicies";
        let binding = "validatingadmissionpolicybinding";
        api.kubectl(&["patch", binding, name, "--type=merge", "-p", &patch]);
    };
    deny("Warn");
    let (kind, spec, message) = LET_IN[0];
    let first = bad(kind, spec, 0);
    let create = ["create", "-f", "-"];
    let warned = async || {
        let output = api.run(&create, &first);
        let said = String::from_utf8(output.stderr).unwrap();
        said.contains("Warning: Validation failed").then_some(said)
    };
    let said = eventually("a warning", warned).await.unwrap();
    assert!(said.contains(message), "{said}");
    deny("Deny");
    let again = bad(kind, spec, 1);
    let dry = ["create", "--dry-run=server", "-f", "-"];
    let refused = async || (!api.run(&dry, &again).status.success()).then_some(());
    eventually("a refusal", refused).await.unwrap();
    api.kubectl(&["label", "backendconfigpolicy", "bad-0", "a=b"]);
}

/// What the upstreams' definitions let in: the kind, what its spec has, and what we say to it.
const LET_IN: &[(&str, &str, &str)] = &[
    (
        BCP,
        "connectTimeout: 0s",
        "spec.connectTimeout: must be greater than 0s",
    ),
    (
        BCP,
        "commonHttpProtocolOptions: {maxHeadersCount: 0}",
        "spec.commonHttpProtocolOptions.maxHeadersCount: must be greater than or equal to 1",
    ),
    (
        BCP,
        "http2ProtocolOptions: {maxConcurrentStreams: 0}",
        "spec.http2ProtocolOptions.maxConcurrentStreams: must be greater than or equal to 1",
    ),
    (
        BCP,
        "loadBalancer: {ringHash: {minimumRingSize: 2048, maximumRingSize: 1025}}",
        "spec.loadBalancer.ringHash: minimumRingSize (1024 where absent) must be less than or equal",
    ),
    (
        BCP,
        "loadBalancer: {ringHash: {maximumRingSize: 9000000}}",
        "spec.loadBalancer.ringHash.maximumRingSize: must be less than or equal to 8388608",
    ),
    (
        BCP,
        "tls: {insecureSkipVerify: true, parameters: {minVersion: '1.3', maxVersion: '1.2'}}",
        "spec.tls.parameters: minVersion must be less than or equal to maxVersion",
    ),
    (
        BCP,
        "tls: {files: {rootCA: a, tlsCertificate: b}}",
        "spec.tls.files: tlsCertificate and tlsKey belong together",
    ),
    (
        BCP,
        "tls: {insecureSkipVerify: false, verifySubjectAltNames: [a]}",
        "spec.tls: verifySubjectAltNames needs a root CA",
    ),
    (
        "Backend",
        "type: Static, static: {hosts: [{host: a, port: 70000}]}",
        "spec.static.hosts[].port: must be less than or equal to 65535",
    ),
    (
        BTP,
        "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}, mergeType: Together",
        "spec.mergeType: must be one of StrategicMerge, JSONMerge, Replace",
    ),
    (
        BTP,
        "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}, circuitBreaker: {retryBudget: {percent: {numerator: 1}, minRetryConcurrency: -1}}",
        "spec.circuitBreaker.retryBudget.minRetryConcurrency: must be greater than or equal to 0",
    ),
];
