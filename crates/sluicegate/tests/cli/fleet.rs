// SPDX-License-Identifier: Apache-2.0
//! `bootstrap`, and the flags of `run` that concern Envoys.

use crate::support::{HTTPBIN, run};

#[test]
fn bootstrap_names_the_gateway_and_the_server() {
    let run = run(&[
        "bootstrap",
        "--gateway",
        "infra/edge",
        "--ads",
        "10.0.0.1:18000",
    ]);
    let json = run.json();
    assert_eq!(json["node"]["cluster"], "infra/edge");
    assert_eq!(
        json["node"]["metadata"]["sluicegate.dev/gateway"],
        "infra/edge"
    );
    let id = json["node"]["id"].as_str().unwrap_or_default();
    assert!(id.starts_with("infra/edge/"), "{id}");
    let admin = &json["admin"]["address"]["socket_address"];
    assert_eq!(
        (&admin["address"], &admin["port_value"]),
        (&"127.0.0.1".into(), &19000.into())
    );
    let cluster = &json["static_resources"]["clusters"][0];
    let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    let address = &endpoint["address"]["socket_address"];
    assert_eq!(address["address"], "10.0.0.1");
    assert_eq!(address["port_value"], 18000);
    assert_eq!(cluster["transport_socket"], serde_json::Value::Null);
    assert_eq!(
        json["dynamic_resources"]["ads_config"]["api_type"],
        "DELTA_GRPC"
    );
}

#[test]
fn a_gateway_has_a_namespace() {
    let run = run(&["bootstrap", "--gateway", "edge"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("is not namespace/name"),
        "{}",
        run.stderr
    );
}

/// Private keys would go over the network in the clear.
#[test]
fn plain_text_beyond_this_machine_is_wrong_usage() {
    let ads = [
        "--ads-address",
        "0.0.0.0:0",
        "--admin-address",
        "127.0.0.1:0",
    ];
    let run = run(&[["run", HTTPBIN].as_slice(), &ads].concat());
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("--ads-tls-cert"), "{}", run.stderr);
}

#[test]
fn flags_that_need_each_other_say_so() {
    for flags in [
        ["--ads-tls-cert", "a.crt"].as_slice(),
        &["--no-data-plane"],
        &["--ads-address", "127.0.0.1:0", "--ads-tls-key", "a.key"],
    ] {
        let run = run(&[["run", HTTPBIN].as_slice(), flags].concat());
        assert_eq!(run.code, 2, "{flags:?} {}", run.stderr);
    }
}
