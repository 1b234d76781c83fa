// SPDX-License-Identifier: Apache-2.0
//! What a Gateway gets in a cluster.
//!
//! In: nothing. Out: the schema of `provider`. Parts of Kubernetes' own kinds are kept as they are
//! written; the API server checks them where they end up.

use crate::crds::schema::{
    I32_MAX, Schema, any, boolean, int_or_string, integer, list, map, object, open, string, text,
    word,
};

pub(super) fn provider() -> Schema {
    object([
        ("type", word(&["Kubernetes", "Host"])),
        ("kubernetes", kubernetes()),
        ("host", not_yet()),
    ])
    .required(&["type"])
    .says("What a Gateway gets where Envoys carry its traffic.")
}

fn not_yet() -> Schema {
    any().says("Kept as it is, and not implemented yet.")
}

fn kubernetes() -> Schema {
    object([
        ("envoyDeployment", deployment()),
        ("envoyService", service()),
        ("envoyHpa", autoscaler()),
        ("envoyPDB", disruption_budget()),
        ("envoyDaemonSet", not_yet()),
        ("envoyServiceAccount", not_yet()),
        ("useListenerPortAsContainerPort", not_yet()),
    ])
}

fn deployment() -> Schema {
    let container = object([
        ("image", text(1, 4096).says("Absent: that of the gateway.")),
        (
            "resources",
            open().says("Absent: requests of 100m CPU and 128Mi."),
        ),
        ("env", not_yet()),
        ("imageRepository", not_yet()),
        ("securityContext", not_yet()),
        ("volumeMounts", not_yet()),
    ]);
    let pod = object([
        ("annotations", map(string())),
        ("labels", map(string())),
        ("affinity", open()),
        ("imagePullSecrets", list(open(), 0, u32::MAX)),
        ("nodeSelector", map(string())),
        ("priorityClassName", text(1, 253)),
        ("tolerations", list(open(), 0, u32::MAX)),
        ("topologySpreadConstraints", list(open(), 0, u32::MAX)),
        ("securityContext", not_yet()),
        ("volumes", not_yet()),
    ]);
    object([
        (
            "replicas",
            integer(0, I32_MAX).says("Without envoyHpa. Absent: that of the gateway."),
        ),
        ("container", container),
        ("pod", pod),
        ("initContainers", not_yet()),
        ("name", not_yet()),
        ("patch", not_yet()),
        ("strategy", not_yet()),
    ])
    .says("The Deployment of Envoys.")
}

fn service() -> Schema {
    const OF_LOAD_BALANCERS: [&str; 4] = [
        "allocateLoadBalancerNodePorts",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
    ];
    let service = object([
        (
            "type",
            word(&["ClusterIP", "LoadBalancer", "NodePort"]).says("Absent: that of the gateway."),
        ),
        ("annotations", map(string())),
        ("labels", map(string())),
        ("externalTrafficPolicy", word(&["Local", "Cluster"])),
        ("allocateLoadBalancerNodePorts", boolean()),
        ("loadBalancerClass", text(1, 253)),
        (
            "loadBalancerIP",
            text(1, 45).says("Where the Gateway asks for no address."),
        ),
        ("loadBalancerSourceRanges", list(string(), 0, u32::MAX)),
        ("name", not_yet()),
        ("patch", not_yet()),
    ])
    .says("The Service of a Gateway.");
    let of_load_balancers = OF_LOAD_BALANCERS.iter();
    of_load_balancers.fold(service, |schema, name| schema.belongs(name, "LoadBalancer"))
}

fn autoscaler() -> Schema {
    object([
        ("minReplicas", integer(1, I32_MAX).says("Absent: 1.")),
        ("maxReplicas", integer(1, I32_MAX)),
        (
            "metrics",
            list(open(), 0, u32::MAX).says("Absent: 80 percent of the requested CPU."),
        ),
        ("behavior", open()),
        ("name", not_yet()),
        ("patch", not_yet()),
    ])
    .required(&["maxReplicas"])
    .rule(
        "!has(self.minReplicas) || self.maxReplicas >= self.minReplicas",
        "maxReplicas cannot be less than minReplicas",
    )
    .says("How many Envoys there are, by load.")
}

fn disruption_budget() -> Schema {
    let bound = || int_or_string().says("A number, or percent such as 50%.");
    object([
        ("minAvailable", bound()),
        ("maxUnavailable", bound()),
        ("name", not_yet()),
        ("patch", not_yet()),
    ])
    .at_most_one(&["minAvailable", "maxUnavailable"])
    .says("How many Envoys may go at a time.")
}
