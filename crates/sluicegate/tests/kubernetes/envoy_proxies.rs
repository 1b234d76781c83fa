// SPDX-License-Identifier: Apache-2.0
//! EnvoyProxies that say what Gateways get.

use serde_json::{Value, json};
use sluicegate_testkit::{eventually, free_port};

use crate::{
    addresses::manifest,
    bulk::applies,
    crds::install_missing,
    envoys::{NAMESPACE, change_something_else, controller, list, name, of_gateway, start},
    support::ApiServer,
};

/// Everything that is read of `provider.kubernetes`.
const WHOLE: &str = "
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: whole, namespace: edge-system}
spec:
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        container:
          image: registry.example.com/envoy:1
          # Which an API server writes in its own way.
          resources: {requests: {cpu: '0.5', memory: 0.5Gi}, limits: {cpu: 2000m}}
        pod:
          annotations: {example.test/scrape: 'yes'}
          labels: {tier: edge}
          imagePullSecrets: [{name: pull}]
          nodeSelector: {disk: ssd}
          tolerations: [{key: edge, operator: Exists, effect: NoSchedule}]
          priorityClassName: high
          affinity: {}
          topologySpreadConstraints:
            - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}
      envoyService:
        type: NodePort
        annotations: {example.test/service: 'yes'}
        labels: {tier: front}
        externalTrafficPolicy: Cluster
      envoyHpa:
        minReplicas: 2
        maxReplicas: 5
        behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
      envoyPDB: {minAvailable: 50%}
";

/// The Gateway `web` in our namespace, with the EnvoyProxy.
fn gateway_with(proxy: &str) -> String {
    let reference = format!(
        "  infrastructure: {{parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, \
         name: {proxy}}}}}"
    );
    let text = manifest("web", 80, &reference);
    text.replace("namespace: default", &format!("namespace: {NAMESPACE}"))
}

async fn started() -> Option<ApiServer> {
    let api = start().await?;
    install_missing(&api).await;
    Some(api)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_gets_what_its_envoy_proxy_says() {
    let Some(api) = started().await else {
        return;
    };
    let controller = controller(&api, free_port()).await;
    api.apply(WHOLE);
    api.apply(&gateway_with("whole"));
    let deployment = of_gateway(&api, "deployment", "web").await;
    let autoscaler = of_gateway(&api, "hpa", "web").await;
    let budget = of_gateway(&api, "pdb", "web").await;
    let service = of_gateway(&api, "service", "web").await;

    let template = &deployment["spec"]["template"];
    let pod = &template["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example.com/envoy:1");
    let resources = json!({
        "requests": { "cpu": "500m", "memory": "512Mi" },
        "limits": { "cpu": "2" },
    });
    assert_eq!(container["resources"], resources);
    assert_eq!(template["metadata"]["labels"]["tier"], "edge");
    assert_eq!(
        template["metadata"]["annotations"]["example.test/scrape"],
        "yes"
    );
    assert_eq!(pod["imagePullSecrets"], json!([{ "name": "pull" }]));
    assert_eq!(pod["nodeSelector"], json!({ "disk": "ssd" }));
    assert_eq!(pod["tolerations"][0]["key"], "edge");
    assert_eq!(pod["priorityClassName"], "high");
    assert_eq!(pod["topologySpreadConstraints"][0]["topologyKey"], "zone");
    // What the pod security standard asks for is not theirs to take away.
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);

    let spec = &service["spec"];
    assert_eq!(
        (&spec["type"], &spec["externalTrafficPolicy"]),
        (&json!("NodePort"), &json!("Cluster"))
    );
    assert_eq!(service["metadata"]["labels"]["tier"], "front");
    assert_eq!(
        service["metadata"]["annotations"]["example.test/service"],
        "yes"
    );

    let spec = &autoscaler["spec"];
    assert_eq!(spec["scaleTargetRef"]["name"], name(&deployment));
    assert_eq!(
        (&spec["minReplicas"], &spec["maxReplicas"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(
        spec["metrics"][0]["resource"]["target"]["averageUtilization"],
        80
    );
    assert_eq!(
        spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"],
        60
    );
    assert_eq!(budget["spec"]["minAvailable"], "50%");
    assert_eq!(budget["spec"]["selector"], deployment["spec"]["selector"]);

    // Whatever load asks for stays, and nothing is written twice.
    let name = name(&deployment);
    let scale = ["scale", "deployment", name, "-n", NAMESPACE, "--replicas=4"];
    api.kubectl(&scale);
    change_something_else(&api).await;
    let deployment = of_gateway(&api, "deployment", "web").await;
    assert_eq!(deployment["spec"]["replicas"], 4);
    let counts = [
        ("deployments", 2),
        ("services", 2),
        ("horizontalpodautoscalers", 1),
        ("poddisruptionbudgets", 1),
    ];
    for (resource, count) in counts {
        assert_eq!(applies(&api, resource), count, "{resource}");
    }

    // An API server's own words about what no schema of ours says.
    let patch = |deployment: Value| {
        let kubernetes = json!({ "envoyDeployment": deployment });
        let provider = json!({ "type": "Kubernetes", "kubernetes": kubernetes });
        let spec = json!({ "spec": { "provider": null } }).to_string();
        let all = [
            "patch",
            "envoyproxy",
            "whole",
            "-n",
            NAMESPACE,
            "--type=merge",
            "-p",
        ];
        api.kubectl(&[&all[..], &[&spec]].concat());
        let spec = json!({ "spec": { "provider": provider } }).to_string();
        api.kubectl(&[&all[..], &[&spec]].concat());
    };
    patch(json!({ "pod": { "tolerations": [{ "operator": "Sometimes" }] } }));
    let told = async || {
        let page = controller.admin("/sluicegate/cluster").await;
        page.contains("tolerations[0].operator").then_some(())
    };
    eventually("the problem to be told", told).await.unwrap();

    // What is taken out goes.
    patch(json!({ "replicas": 3 }));
    let gone = async || {
        let left = [list(&api, "hpa"), list(&api, "pdb")].concat();
        let deployment = of_gateway(&api, "deployment", "web").await;
        let right = left.is_empty() && deployment["spec"]["replicas"] == 3;
        right.then_some(deployment)
    };
    let deployment = eventually("autoscaler and budget to go", gone)
        .await
        .unwrap();
    assert!(deployment["spec"]["template"]["spec"]["nodeSelector"].is_null());
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoys_keep_the_settings_of_a_class_whose_parameters_are_lost() {
    let Some(api) = started().await else {
        return;
    };
    let class = json!({ "spec": { "parametersRef": {
        "group": "gateway.envoyproxy.io",
        "kind": "EnvoyProxy",
        "name": "whole",
        "namespace": NAMESPACE,
    } } });
    let class = class.to_string();
    api.kubectl(&[
        "patch",
        "gatewayclass",
        "edge",
        "--type=merge",
        "-p",
        &class,
    ]);
    api.apply(WHOLE);
    let controller = controller(&api, free_port()).await;
    api.apply(&manifest("web", 80, ""));
    let of_web = async || of_gateway(&api, "deployment", "web").await;
    let made = of_web().await;
    let image = "registry.example.com/envoy:1";
    assert_eq!(
        made["spec"]["template"]["spec"]["containers"][0]["image"],
        image
    );
    of_gateway(&api, "hpa", "web").await;
    api.kubectl(&["delete", "envoyproxy", "whole", "-n", NAMESPACE]);
    let refused = async || {
        let class = api.get("default", "gatewayclass/edge");
        let conditions = class["status"]["conditions"].as_array()?.clone();
        let mut conditions = conditions.into_iter();
        conditions.find(|it| it["reason"] == "InvalidParameters")
    };
    eventually("the class's condition", refused).await.unwrap();
    // Another Gateway is made after that: the writer has had its turn.
    api.apply(&manifest("later", 81, ""));
    let later = of_gateway(&api, "deployment", "later").await;
    assert_ne!(
        later["spec"]["template"]["spec"]["containers"][0]["image"],
        image
    );
    assert_eq!(of_web().await["spec"], made["spec"]);
    assert_eq!(list(&api, "hpa").len(), 1);
    controller.stop().await;
}
