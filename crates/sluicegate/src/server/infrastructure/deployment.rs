// SPDX-License-Identifier: Apache-2.0
//! A Deployment of Envoys for each Gateway.
//!
//! In: a Gateway, and how its Envoys are. Out: a Deployment whose pods need nothing but their
//! arguments, and a Secret for the way to ADS.

use serde_json::{Value, json};
use sluicegate_ads::GatewayName;
use sluicegate_attach::Gateway;

use super::{extend, name};
use crate::bootstrap::{AdsTls, Bootstrap, HostPort};

/// How the Envoys of each Gateway are.
#[derive(Debug, Clone)]
pub struct Envoys {
    /// Where they find ADS.
    pub ads: HostPort,
    /// Their image.
    pub image: String,
    /// How many for each Gateway.
    pub replicas: u32,
    /// A Secret in our namespace with `ca.crt`, `tls.crt` and `tls.key` for ADS; without one they
    /// speak plain text.
    pub tls_secret: Option<String>,
    /// Bundle of the system's certificate authorities in the image.
    pub system_ca_file: String,
    /// Seconds that a pod serves on after it was told to end: requests that are running finish, and
    /// load balancers learn of it.
    pub drain_seconds: u64,
}

impl Envoys {
    /// The Deployment of a Gateway.
    pub(super) fn manifest(&self, gateway: &Gateway, metadata: Value) -> Value {
        let selector = selector(gateway);
        let provider = gateway.proxy.as_ref().map(|proxy| &proxy.spec.provider);
        let settings = provider.map(|it| it.deployment.clone()).unwrap_or_default();
        let mut labels = metadata["labels"].clone();
        extend(&mut labels, &settings.labels);
        let mut annotations = gateway.object.spec.infrastructure_annotations.clone();
        annotations.extend(settings.annotations);
        if let (Value::Object(labels), Value::Object(selector)) = (&mut labels, &selector) {
            labels.extend(selector.clone());
        }
        let mut of_pods = json!({ "labels": labels });
        // The API server leaves out what is empty, which would seem to be missing.
        if !annotations.is_empty() {
            of_pods["annotations"] = json!(annotations);
        }
        let mut pod = self.pod(gateway);
        for (name, value) in settings.pod {
            pod[name] = value;
        }
        let container = &mut pod["containers"][0];
        if let Some(image) = settings.image {
            container["image"] = image.into();
        }
        if let Some(resources) = settings.resources {
            container["resources"] = resources;
        }
        let mut deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": { "matchLabels": selector },
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 },
                },
                "template": { "metadata": of_pods, "spec": pod },
            },
        });
        // An autoscaler writes them itself.
        if provider.is_none_or(|it| it.autoscaler.is_none()) {
            deployment["spec"]["replicas"] = settings.replicas.unwrap_or(self.replicas).into();
        }
        deployment
    }

    /// As the restricted pod security standard asks for.
    fn pod(&self, gateway: &Gateway) -> Value {
        let mut pod = json!({
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": self.drain_seconds + 5,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": { "type": "RuntimeDefault" },
                // Ports below 1024 without any capability, in the pod's own network.
                "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }],
            },
            "containers": [self.container(gateway)],
        });
        if let Some(secret) = &self.tls_secret {
            let volume = json!({ "name": "tls", "secret": { "secretName": secret } });
            pod["volumes"] = json!([volume]);
            let mount = json!({ "name": "tls", "mountPath": TLS_FOLDER, "readOnly": true });
            pod["containers"][0]["volumeMounts"] = json!([mount]);
        }
        pod
    }

    fn container(&self, gateway: &Gateway) -> Value {
        let bootstrap = self.bootstrap(gateway);
        json!({
            "name": "envoy",
            "image": self.image,
            "args": [
                // Envoy takes no `=` between a name and its value.
                "--config-yaml",
                bootstrap.to_json().to_string(),
                "--service-node",
                // Kubernetes puts the pod's name there.
                format!("{}/$(POD_NAME)", bootstrap.gateway),
                "--disable-hot-restart",
            ],
            "env": [{
                "name": "POD_NAME",
                "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } },
            }],
            "ports": [{ "name": "ready", "containerPort": READY.1, "protocol": "TCP" }],
            "readinessProbe": {
                "httpGet": { "path": "/ready", "port": "ready" },
                "periodSeconds": 2,
            },
            "lifecycle": { "preStop": { "sleep": { "seconds": self.drain_seconds } } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" } },
        })
    }

    fn bootstrap(&self, gateway: &Gateway) -> Bootstrap {
        let reference = gateway.object.reference();
        let gateway = GatewayName {
            namespace: reference.namespace.to_string(),
            name: reference.name.to_string(),
        };
        let file = |name: &str| format!("{TLS_FOLDER}/{name}");
        Bootstrap {
            node_id: gateway.to_string(),
            gateway,
            ads: self.ads.clone(),
            delta: true,
            admin_address: ([127, 0, 0, 1], 19000).into(),
            ready_address: Some(READY.into()),
            system_ca_file: self.system_ca_file.clone(),
            tls: self.tls_secret.as_ref().map(|_| AdsTls {
                ca: file("ca.crt"),
                certificate: Some(file("tls.crt")),
                key: Some(file("tls.key")),
                server_name: None,
            }),
        }
    }
}

/// Labels by which a Gateway's pods are found.
pub(super) fn selector(gateway: &Gateway) -> Value {
    json!({
        "app.kubernetes.io/name": "sluicegate-envoy",
        "app.kubernetes.io/instance": name(gateway.object.reference()),
    })
}

/// Where the files of the Secret are.
const TLS_FOLDER: &str = "/tls";

/// Where an Envoy says whether it is ready. Ours.
const READY: ([u16; 8], u16) = ([0; 8], 19002);
