// SPDX-License-Identifier: Apache-2.0
//! The chart's roles: with them everything works, and without any one right something does not,
//! which `/sluicegate/cluster` says in the words of the API server.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Value, json};
use sluicegate::server::{Addressing, GatewayServices, ServiceType};
use sluicegate_testkit::{Httpbin, eventually, free_port};

use crate::{
    chart::{self, NAMESPACE, of_kind, render},
    crds::install,
    envoys,
    support::{ApiServer, CRDS, Gateway, WEB, get, own_address, policy, site},
};

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    /// `ClusterRole` or `Role`.
    role: &'static str,
    group: String,
    resource: String,
    verb: String,
    names: Option<Vec<String>>,
}

impl Right {
    /// What is on the page without it.
    fn complaint(&self) -> String {
        let Self {
            group,
            resource,
            verb,
            ..
        } = self;
        format!("cannot {verb} resource \"{resource}\" in API group \"{group}\"")
    }

    fn rule(&self) -> Value {
        let mut rule = json!({
            "apiGroups": [self.group],
            "resources": [self.resource],
            "verbs": [self.verb],
        });
        if let Some(names) = &self.names {
            rule["resourceNames"] = json!(names);
        }
        rule
    }
}

/// Every right that the chart gives with these values.
fn rights(values: &Value) -> Option<Vec<Right>> {
    let rendered = render(values)?;
    let mut rights = Vec::new();
    for role in ["ClusterRole", "Role"] {
        for rule in of_kind(&rendered, role)
            .iter()
            .flat_map(|it| it["rules"].as_array().unwrap())
        {
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    for verb in strings(&rule["verbs"]) {
                        rights.push(Right {
                            role,
                            group: group.clone(),
                            resource: resource.clone(),
                            verb,
                            names: rule.get("resourceNames").map(strings),
                        });
                    }
                }
            }
        }
    }
    Some(rights)
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// A service account with exactly these rights.
fn account(name: &str, rights: &[Right]) -> Vec<Value> {
    let of = |role: &str| {
        let rules = rights.iter().filter(|it| it.role == role).map(Right::rule);
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": role,
            "metadata": { "name": name },
            "rules": rules.collect::<Vec<_>>(),
        });
        let mut binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{role}Binding"),
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }],
        });
        if role == "Role" {
            object["metadata"]["namespace"] = NAMESPACE.into();
            binding["metadata"]["namespace"] = NAMESPACE.into();
        }
        [object, binding]
    };
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": name, "namespace": NAMESPACE },
    });
    let mut items = vec![account];
    items.extend(of("ClusterRole"));
    items.extend(of("Role"));
    items
}

fn apply(api: &ApiServer, items: &[Value]) {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    api.apply(&list.to_string());
}

/// The kubeconfig of a pod that has the account.
fn kubeconfig(api: &ApiServer, name: &str) -> PathBuf {
    let token = api.kubectl(&["create", "token", name, "-n", NAMESPACE]);
    let file = api.folder().join(format!("{name}.kubeconfig"));
    fs::write(&file, api.kubeconfig_of(token.trim())).unwrap();
    file
}

/// A gateway that runs as this account, with Envoys or without.
async fn gateway(api: &ApiServer, account: &str, fleet: bool) -> Gateway {
    api.gateway_with(&kubeconfig(api, account), |config| {
        if fleet {
            return envoys::fleet(api, config, (NAMESPACE, free_port()));
        }
        let cluster = config.cluster.as_mut().unwrap();
        cluster.lease_namespace = NAMESPACE.to_owned();
        cluster.addressing = Some(Addressing::Services(GatewayServices {
            selector: "app.kubernetes.io/name=sluicegate".parse().unwrap(),
            service_type: ServiceType::ClusterIp,
        }));
    })
    .await
}

/// What the page of the API server has under `problems`.
async fn problems(gateway: &Gateway) -> Vec<String> {
    let page = gateway.admin("/sluicegate/cluster").await;
    let page: Value = serde_json::from_str(&page).unwrap();
    strings(&page["problems"])
}

#[test]
fn every_kind_that_is_read_can_be_listed_and_watched() {
    let Some(rights) = rights(&json!({})) else {
        return;
    };
    for verb in ["list", "watch"] {
        let groups = |resource: &str| !resource.contains('/');
        let granted = rights.iter().filter(|it| it.role == "ClusterRole");
        let granted = granted.filter(|it| it.verb == verb && groups(&it.resource));
        // And definitions.
        let kinds = sluicegate_resource::kinds().count() + 1;
        assert_eq!(granted.count(), kinds, "{verb}");
    }
    let all: BTreeSet<&Right> = rights.iter().collect();
    assert_eq!(all.len(), rights.len(), "a right is given twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_rights_of_the_chart_everything_is_served_and_written() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    api.kubectl(&["create", "namespace", NAMESPACE]);
    apply(&api, &account("whole", &rights(&json!({})).unwrap()));
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    let port = free_port();
    api.apply(&site(port, origin.address()));
    api.apply(&policy(7));
    let gateway = gateway(&api, "whole", false).await;
    let served = async || get(port).await.filter(|it| it.0 == 200);
    eventually("an answer of the origin", served).await.unwrap();
    assert_eq!(gateway.cluster(WEB).await.unwrap()["connect_timeout"], "7s");
    for (object, list) in [
        ("backendconfigpolicy/web", "/status/ancestors/0/conditions"),
        ("gateway/http", "/status/conditions"),
        ("gatewayclass/kgateway", "/status/conditions"),
        ("httproute/web", "/status/parents/0/conditions"),
    ] {
        let accepted = async || {
            let object = api.get("default", object);
            let conditions = object.pointer(list)?.as_array()?.clone();
            let mut conditions = conditions.into_iter();
            conditions.find(|it| it["type"] == "Accepted" && it["status"] == "True")
        };
        eventually(object, accepted).await.unwrap();
    }
    let holder = &api.get(NAMESPACE, "lease/sluicegate-status")["spec"]["holderIdentity"];
    assert!(holder.as_str().is_some_and(|it| !it.is_empty()));
    assert_eq!(problems(&gateway).await, [""; 0]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_right_can_be_missed_and_the_missing_one_is_named() {
    let Some(api) = ApiServer::start(&CRDS).await else {
        return;
    };
    api.apply(include_str!("other_kinds.yaml"));
    install(&api).await;
    api.kubectl(&["create", "namespace", NAMESPACE]);
    let origin = Httpbin::start((own_address(), 0).into()).await.unwrap();
    api.apply(&site(free_port(), origin.address()));
    api.apply(EVERY_STATUS);
    let parameters = r#"{"spec":{"infrastructure":{"parametersRef":
        {"group":"gateway.envoyproxy.io","kind":"EnvoyProxy","name":"scaled"}}}}"#;
    api.kubectl(&["patch", "gateway", "http", "--type=merge", "-p", parameters]);
    let plain = rights(&json!({})).unwrap();
    let fleet = rights(&chart::fleet()).unwrap();
    let missed = plain.iter().map(|it| (it, &plain));
    // And whatever the other mode adds.
    let added = fleet.iter().filter(|it| !plain.contains(it));
    let missed: Vec<(&Right, &Vec<Right>)> = missed.chain(added.map(|it| (it, &fleet))).collect();
    let name = |number: usize| format!("without-{number}");
    let mut accounts = Vec::new();
    for (number, (missing, all)) in missed.iter().enumerate() {
        let rest: Vec<Right> = all.iter().filter(|it| it != missing).cloned().collect();
        accounts.extend(account(&name(number), &rest));
    }
    apply(&api, &accounts);
    let mut silent = Vec::new();
    for (number, (missing, all)) in missed.iter().enumerate() {
        // Whoever may not update it cannot give it back.
        api.kubectl(&["delete", "lease", "--all", "-n", NAMESPACE]);
        // Something to be done with every right.
        match (missing.resource.as_str(), missing.verb.as_str()) {
            (resource, "create" | "patch") if OWNED.contains(&resource) => {
                api.kubectl(&["delete", resource, "--all", "-n", NAMESPACE]);
            }
            (resource, "delete") if OWNED.contains(&resource) => {
                api.apply(NOBODYS);
            }
            _ => {}
        }
        let gateway = gateway(&api, &name(number), **all == fleet).await;
        if let Some((resource, "status")) = missing.resource.split_once('/') {
            let resource = format!("{resource}.{}", missing.group);
            forget_status(&api, &resource);
        }
        let complaint = missing.complaint();
        let named = async || {
            let problems = problems(&gateway).await;
            problems
                .iter()
                .any(|it| it.contains(&complaint))
                .then_some(())
        };
        if eventually(&complaint, named).await.is_err() {
            silent.push((complaint, problems(&gateway).await));
        }
        gateway.stop().await;
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Makes the status of all objects of a resource one that has to be written again.
fn forget_status(api: &ApiServer, resource: &str) {
    let text = api.kubectl(&["get", resource, "-A", "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    for mut object in list["items"].as_array().unwrap().clone() {
        // What every one of the schemas takes.
        object["status"] = json!({
            "ancestors": [],
            "parents": [],
            "conditions": [{
                "type": "Accepted",
                "status": "Unknown",
                "reason": "Waiting",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        });
        let replace = [
            "replace",
            "--validate=false",
            "--subresource=status",
            "-f",
            "-",
        ];
        api.kubectl_with(&replace, &object.to_string());
    }
}

/// Resources that Gateways get.
const OWNED: [&str; 4] = [
    "deployments",
    "horizontalpodautoscalers",
    "poddisruptionbudgets",
    "services",
];

/// Objects of ours that no Gateway wants any more.
const NOBODYS: &str = "
apiVersion: v1
kind: Service
metadata:
  name: gateway-of-nobody
  namespace: sluicegate-system
  labels: {app.kubernetes.io/managed-by: sluicegate}
  annotations: {sluicegate.dev/gateway: default/nobody}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: gateway-of-nobody
  namespace: sluicegate-system
  labels: {app.kubernetes.io/managed-by: sluicegate}
  annotations: {sluicegate.dev/gateway: default/nobody}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: envoy, image: envoy}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: gateway-of-nobody
  namespace: sluicegate-system
  labels: {app.kubernetes.io/managed-by: sluicegate}
  annotations: {sluicegate.dev/gateway: default/nobody}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: gateway-of-nobody}
  maxReplicas: 2
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: gateway-of-nobody
  namespace: sluicegate-system
  labels: {app.kubernetes.io/managed-by: sluicegate}
  annotations: {sluicegate.dev/gateway: default/nobody}
spec: {minAvailable: 1}
";

/// With the site, an object of every kind that gets a status; and parameters of a Gateway that gets
/// everything.
const EVERY_STATUS: &str = "
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: scaled, namespace: default}
spec: {provider: {type: Kubernetes, kubernetes: {envoyHpa: {maxReplicas: 2}, envoyPDB: {minAvailable: 1}}}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: web, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: web}]
  connectTimeout: 7s
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {name: outside, namespace: default}
spec: {type: Static, static: {hosts: [{host: outside.example.com, port: 80}]}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: web, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
  timeout: {http: {requestTimeout: 10s}}
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: {name: logs, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: http}]
  accessLog: [{fileSink: {path: /dev/stdout, stringFormat: '%RESPONSE_CODE%'}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web, namespace: default}
spec:
  targetRefs: [{group: '', kind: Service, name: tls}]
  validation: {hostname: tls.example.com, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: grpc, namespace: default}
spec:
  parentRefs: [{name: http}]
  hostnames: [grpc.example.com]
  rules: [{backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: tls, port: 443}]}]
---
apiVersion: v1
kind: Service
metadata: {name: tls, namespace: default}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: default}
spec:
  parentRef: {name: http}
  listeners: [{name: more, port: 8081, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: outside, namespace: default}
spec:
  parentRefs: [{name: http}]
  hostnames: [outside.example.com]
  rules: [{backendRefs: [{group: gateway.kgateway.dev, kind: Backend, name: outside}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: tls, namespace: default}
spec:
  parentRefs: [{name: http}]
  hostnames: [tls.example.com]
  rules: [{backendRefs: [{name: tls, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp, namespace: default}
spec:
  parentRefs: [{name: http}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: udp, namespace: default}
spec:
  parentRefs: [{name: http}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
";
