// SPDX-License-Identifier: Apache-2.0
//! `/config_dump` against the seed's example output and against what Envoy 1.40 prints for the same
//! cluster and endpoints. To record again: load them through a bootstrap with a file-based CDS and
//! EDS, then save the elements of `dynamic_active_clusters` and `dynamic_endpoint_configs` without
//! `version_info` and `last_updated`.

use crate::support::{CLUSTER, Running, seed_cluster, seed_endpoints, seed_resources};
use serde_json::Value;
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::{
    any::pack,
    pb::{
        envoy::{
            config::core::v3::{DataSource, TransportSocket, data_source::Specifier},
            extensions::transport_sockets::tls::v3::{
                CommonTlsContext, Secret, TlsCertificate, UpstreamTlsContext, secret,
            },
        },
        google::protobuf::Any,
    },
    prost::Message,
};

const SECTIONS: [&str; 7] = [
    "BootstrapConfigDump",
    "ClustersConfigDump",
    "EndpointsConfigDump",
    "ListenersConfigDump",
    "ScopedRoutesConfigDump",
    "RoutesConfigDump",
    "SecretsConfigDump",
];

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"))
}

fn types(dump: &Value) -> Vec<&str> {
    let configs = dump["configs"].as_array().unwrap();
    configs
        .iter()
        .map(|config| {
            config["@type"]
                .as_str()
                .unwrap()
                .rsplit('.')
                .next()
                .unwrap()
        })
        .collect()
}

/// Row 73.
#[tokio::test]
async fn prints_the_fragment_of_the_seed() {
    let admin = Running::start().await;
    admin.publish(&seed_resources());
    let answer = admin.post("/config_dump?include_eds").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-type: application/json\r\n"),
        "{}",
        answer.head
    );
    let mut lines = answer.body.lines().map(str::trim);
    for wanted in include_str!("recorded/seed_000_fragment.txt").lines() {
        assert!(
            lines.any(|line| line == wanted),
            "{wanted} in\n{}",
            answer.body
        );
    }
    // The text is what one-space indentation of the same value gives.
    let value = json(&answer.body);
    assert_eq!(sluicegate_xds::json::to_string(&value), answer.body);
}

/// Row 73.
#[tokio::test]
async fn elements_are_those_of_envoy() {
    let admin = Running::start().await;
    admin.publish(&seed_resources());
    let dump = json(&admin.get("/config_dump?include_eds=false").await.body);
    assert_eq!(types(&dump), SECTIONS);
    let mut cluster = dump["configs"][1]["dynamic_active_clusters"][0].clone();
    let fields = cluster.as_object_mut().unwrap();
    let version = fields.shift_remove("version_info").unwrap();
    assert_eq!(version, dump["configs"][1]["version_info"]);
    let updated = fields.shift_remove("last_updated").unwrap();
    let updated = updated.as_str().unwrap();
    assert!(updated.ends_with('Z') && updated.len() == 24, "{updated}");
    let recorded = json(include_str!("recorded/dynamic_active_cluster.json"));
    assert_eq!(cluster.to_string(), recorded.to_string());
    let endpoints = &dump["configs"][2]["dynamic_endpoint_configs"][0];
    let recorded = json(include_str!("recorded/dynamic_endpoint_config.json"));
    assert_eq!(endpoints.to_string(), recorded.to_string());
    let bootstrap = &dump["configs"][0]["bootstrap"];
    assert_eq!(bootstrap["node"]["id"], "n1");
    assert_eq!(
        bootstrap["admin"]["address"]["socket_address"]["address"],
        "127.0.0.1"
    );
    let plain = json(&admin.get("/config_dump").await.body);
    assert_eq!(types(&plain).len(), 6);
}

#[tokio::test]
async fn an_entry_keeps_the_version_that_changed_it() {
    let admin = Running::start().await;
    let mut resources = seed_resources();
    let listener = || (ResourceType::Listener, "l1", Vec::new());
    admin.publish(&resources);
    let first = json(&admin.get("/config_dump").await.body);
    let mut other = seed_cluster();
    other.name = "other".into();
    resources.push((ResourceType::Cluster, "other", other.encode_to_vec()));
    admin.publish(&resources);
    let second = json(&admin.get("/config_dump").await.body);
    let (before, after) = (&first["configs"][1], &second["configs"][1]);
    assert_ne!(before["version_info"], after["version_info"]);
    let entries = &after["dynamic_active_clusters"];
    assert_eq!(entries[0], before["dynamic_active_clusters"][0]);
    assert_eq!(entries[1]["version_info"], after["version_info"]);
    resources.push(listener());
    admin.publish(&resources);
    let third = json(&admin.get("/config_dump").await.body);
    assert_eq!(third["configs"][1], *after, "another type changed");
    let listeners = &third["configs"][2];
    assert_eq!(listeners["dynamic_listeners"][0]["name"], "l1");
    let state = &listeners["dynamic_listeners"][0]["active_state"];
    assert_eq!(state["version_info"], listeners["version_info"]);
}

/// Row 74.
#[tokio::test]
async fn resource_and_mask() {
    let admin = Running::start().await;
    admin.publish(&seed_resources());
    let get = async |query: &str| admin.get(&format!("/config_dump?{query}")).await;
    let answer = get("resource=dynamic_active_clusters&mask=cluster.name,last_updated").await;
    let element = &json(&answer.body)["configs"][0];
    let cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    assert_eq!(
        element["@type"],
        "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster"
    );
    assert_eq!(
        element["cluster"],
        serde_json::json!({ "@type": cluster, "name": CLUSTER })
    );
    assert!(element.get("version_info").is_none() && element["last_updated"].is_string());
    let answer = get("mask=bootstrap.node.id").await;
    let expected = "{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump\",\n   \
                    \"bootstrap\": {\n    \"node\": {\n     \"id\": \"n1\"\n    }\n   }\n  }\n ]\n}\n";
    assert_eq!(answer.body, expected);
    let answer = get("mask=version_info").await;
    assert_eq!(
        types(&json(&answer.body)),
        ["ClustersConfigDump", "ListenersConfigDump"]
    );
    let answer = get("resource=dynamic_endpoint_configs&include_eds").await;
    let endpoint = &json(&answer.body)["configs"][0];
    assert_eq!(
        endpoint["@type"],
        "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump.DynamicEndpointConfig"
    );
    assert_eq!(get("resource=static_clusters").await.body, "{}\n");
}

#[tokio::test]
async fn names_are_matched_in_full() {
    let admin = Running::start().await;
    admin.publish(&seed_resources());
    let get = async |query: &str| json(&admin.get(&format!("/config_dump?{query}")).await.body);
    let dump = get("name_regex=kube_.*").await;
    assert!(dump["configs"][1]["dynamic_active_clusters"][0].is_object());
    let dump = get("name_regex=kube").await;
    assert!(dump["configs"][0]["bootstrap"].is_object());
    assert!(dump["configs"][1]["version_info"].is_string());
    assert!(dump["configs"][1].get("dynamic_active_clusters").is_none());
    assert_eq!(
        get("resource=dynamic_active_clusters&name_regex=z").await,
        serde_json::json!({})
    );
}

/// Row 74.
#[tokio::test]
async fn errors_are_those_of_envoy() {
    let admin = Running::start().await;
    for (query, status, text) in [
        (
            "resource=bootstrap",
            400,
            "bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field",
        ),
        ("resource=nope", 404, "nope not found in config dump"),
        (
            "resource=dynamic_endpoint_configs",
            404,
            "dynamic_endpoint_configs not found in config dump",
        ),
        (
            "mask=nope",
            400,
            "FieldMask nope could not be successfully applied to any configs.",
        ),
        (
            "mask=static_clusters.cluster.name,version_info",
            400,
            "FieldMask static_clusters.cluster.name,version_info could not be successfully applied to any configs.",
        ),
        (
            "name_regex=(",
            400,
            "INVALID_ARGUMENT: Error while parsing name_regex from (: missing ): (",
        ),
    ] {
        let answer = admin.get(&format!("/config_dump?{query}")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, text),
            "{query}"
        );
        assert!(
            answer.head.contains("content-type: text/plain\r\n"),
            "{}",
            answer.head
        );
    }
    admin.publish(&seed_resources());
    let answer = admin
        .get("/config_dump?resource=dynamic_active_clusters&mask=cluster.nope")
        .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("nope") && answer.body.contains("could not be successfully used.")
    );
}

#[tokio::test]
async fn never_prints_a_private_key() {
    let certificate = || TlsCertificate {
        private_key: Some(DataSource {
            specifier: Some(Specifier::InlineBytes(b"PRIVATE KEY".to_vec())),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut cluster = seed_cluster();
    cluster.transport_socket = Some(TransportSocket {
        name: "tls".into(),
        config_type: Some(
            sluicegate_xds::pb::envoy::config::core::v3::transport_socket::ConfigType::TypedConfig(
                pack(&UpstreamTlsContext {
                    common_tls_context: Some(CommonTlsContext {
                        tls_certificates: vec![certificate()],
                        ..Default::default()
                    }),
                    ..Default::default()
                }),
            ),
        ),
    });
    let secret = Secret {
        name: "s1".into(),
        r#type: Some(secret::Type::TlsCertificate(certificate())),
    };
    let admin = Running::start().await;
    admin.publish(&[
        (ResourceType::Cluster, CLUSTER, cluster.encode_to_vec()),
        (ResourceType::Secret, "s1", secret.encode_to_vec()),
    ]);
    let body = admin.get("/config_dump").await.body;
    // "PRIVATE KEY" in base64.
    assert!(!body.contains("UFJJVkFURSBLRVk"), "{body}");
    assert_eq!(body.matches("W3JlZGFjdGVkXQ==").count(), 2, "{body}");
    assert_eq!(
        json(&body)["configs"][5]["dynamic_active_secrets"][0]["name"],
        "s1"
    );
}

#[tokio::test]
async fn one_bad_resource_does_not_break_the_dump() {
    let mut broken = seed_cluster();
    broken.name = "broken".into();
    let unknown = Any {
        type_url: "type.googleapis.com/no.such.Type".into(),
        value: vec![],
    };
    broken
        .typed_extension_protocol_options
        .insert("x".into(), unknown);
    let mut resources = seed_resources();
    resources.push((ResourceType::Cluster, "broken", broken.encode_to_vec()));
    resources.push((ResourceType::Cluster, "garbage", vec![0xff]));
    let admin = Running::start().await;
    admin.publish(&resources);
    let dump = json(&admin.get("/config_dump?include_eds").await.body);
    let clusters = &dump["configs"][1]["dynamic_active_clusters"];
    assert_eq!(clusters.as_array().unwrap().len(), 3);
    assert_eq!(clusters[0]["cluster"]["name"], "broken");
    let error = clusters[0]["cluster"]["error"].as_str().unwrap();
    assert!(error.contains("no.such.Type"), "{error}");
    assert_eq!(clusters[2]["cluster"]["connect_timeout"], "5s");
}

#[tokio::test]
async fn endpoints_inside_a_cluster_are_dumped_with_the_others() {
    let mut cluster = seed_cluster();
    cluster.name = "inline".into();
    cluster.load_assignment = Some(seed_endpoints());
    let admin = Running::start().await;
    let mut resources = seed_resources();
    resources.push((ResourceType::Cluster, "inline", cluster.encode_to_vec()));
    admin.publish(&resources);
    let dump = json(&admin.get("/config_dump?include_eds").await.body);
    let endpoints = &dump["configs"][2]["dynamic_endpoint_configs"];
    assert_eq!(endpoints[0]["endpoint_config"]["cluster_name"], "inline");
    assert_eq!(endpoints[1]["endpoint_config"]["cluster_name"], CLUSTER);
}

/// Ten thousand clusters: run with `--release -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "measures; meaningful in release mode only"]
async fn a_large_fleet_is_dumped_quickly() {
    let names: Vec<String> = (0..10_000)
        .map(|at| format!("kube_team_service_{at}"))
        .collect();
    let mut resources = Vec::new();
    for name in &names {
        let (mut cluster, mut endpoints) = (seed_cluster(), seed_endpoints());
        cluster.name.clone_from(name);
        endpoints.cluster_name.clone_from(name);
        resources.push((
            ResourceType::Cluster,
            name.as_str(),
            cluster.encode_to_vec(),
        ));
        resources.push((
            ResourceType::Endpoint,
            name.as_str(),
            endpoints.encode_to_vec(),
        ));
    }
    let admin = Running::start().await;
    admin.publish(&resources);
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let answer = admin.get("/config_dump?include_eds").await;
        println!("{} bytes in {:?}", answer.body.len(), start.elapsed());
    }
}
